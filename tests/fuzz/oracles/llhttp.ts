/**
 * The HTTP/1.1 parser of Node: llhttp in its strict mode, in the WebAssembly build that the Node project ships in
 * undici. Nothing of ours is in the way between its callbacks and what is reported here.
 */

import llhttpWasm from "undici/llhttp";
import { latin1, toBytes } from "../http/bytes.ts";

/** What llhttp makes of the bytes: one message, up to its end. */
export interface LlhttpMessage {
  readonly kind: "message";
  /** Method of a request, empty for a response. */
  readonly method: string;
  /** Target of a request, empty for a response. */
  readonly target: string;
  /** Status of a response. */
  readonly status: number;
  /** Minor version. */
  readonly minor: number;
  /** `name: value`, the name as written, the value without the blanks around it. */
  readonly fields: readonly string[];
  readonly body: string;
  /** Fields after a chunked body. */
  readonly trailers: readonly string[];
  /** Bytes that the message took. */
  readonly length: number;
}

/** What llhttp makes of the bytes. */
export type LlhttpVerdict =
  | LlhttpMessage
  /** Its reason, `HPE_…`. */
  | { readonly kind: "refused"; readonly code: string }
  | { readonly kind: "incomplete" };

/** How a message is to be read. */
export type LlhttpMode =
  | { readonly type: "request" }
  /** `bodiless`: the request was a HEAD. */
  | { readonly type: "response"; readonly bodiless: boolean };

/** The exports used here (llhttp's api.h). */
interface Exports {
  readonly memory: WebAssembly.Memory;
  _initialize(): void;
  malloc(size: number): number;
  free(pointer: number): void;
  llhttp_alloc(type: number): number;
  llhttp_free(parser: number): void;
  llhttp_execute(parser: number, data: number, length: number): number;
  llhttp_finish(parser: number): number;
  llhttp_get_error_pos(parser: number): number;
  llhttp_errno_name(code: number): number;
  llhttp_get_method(parser: number): number;
  llhttp_method_name(method: number): number;
  llhttp_get_http_minor(parser: number): number;
}

// llhttp.h
const OK = 0;
const PAUSED = 21;
const REQUEST = 1;
const RESPONSE = 2;

/** What the callbacks gather during one parse. */
class Gathered {
  target = "";
  status = 0;
  minor = 0;
  fields: string[] = [];
  trailers: string[] = [];
  body = "";
  complete = false;
  #name = "";
  #value: string | undefined;
  #headersDone = false;

  name(text: string): void {
    if (this.#value !== undefined) this.#close();
    this.#name += text;
  }

  value(text: string): void {
    this.#value = (this.#value ?? "") + text;
  }

  headersDone(): void {
    this.#close();
    this.#headersDone = true;
  }

  messageDone(): void {
    this.#close();
    this.complete = true;
  }

  #close(): void {
    if (this.#name !== "") {
      const value = (this.#value ?? "").replace(/^[ \t]+|[ \t]+$/g, "");
      (this.#headersDone ? this.trailers : this.fields).push(`${this.#name}: ${value}`);
    }
    this.#name = "";
    this.#value = undefined;
  }
}

let gathered = new Gathered();
let bodiless = false;

function text(at: number, length: number): string {
  return latin1(new Uint8Array(exports.memory.buffer, at, length));
}

function cString(at: number): string {
  const bytes = new Uint8Array(exports.memory.buffer, at, 64);
  return latin1(bytes.subarray(0, bytes.indexOf(0)));
}

const exports = instantiate();

function instantiate(): Exports {
  const gather = (take: (piece: string) => void) => (_: number, at: number, length: number): number => {
    take(text(at, length));
    return OK;
  };
  const module = new WebAssembly.Module(Uint8Array.from(llhttpWasm as Uint8Array));
  const instance = new WebAssembly.Instance(module, {
    env: {
      wasm_on_message_begin: () => OK,
      wasm_on_url: gather((piece) => gathered.target += piece),
      wasm_on_status: () => OK,
      wasm_on_header_field: gather((piece) => gathered.name(piece)),
      wasm_on_header_value: gather((piece) => gathered.value(piece)),
      wasm_on_headers_complete: (parser: number, status: number) => {
        gathered.headersDone();
        gathered.status = status;
        gathered.minor = exports.llhttp_get_http_minor(parser);
        return bodiless ? 1 : 0;
      },
      wasm_on_body: gather((piece) => gathered.body += piece),
      wasm_on_message_complete: () => {
        gathered.messageDone();
        return PAUSED;
      },
    },
  });
  const found = instance.exports as unknown as Exports;
  found._initialize();
  return found;
}

/** Has llhttp read the first message of the bytes; they are all there is, the end of the connection follows. */
export function readWithLlhttp(mode: LlhttpMode, wire: string): LlhttpVerdict {
  gathered = new Gathered();
  bodiless = mode.type === "response" && mode.bodiless;
  const parser = exports.llhttp_alloc(mode.type === "request" ? REQUEST : RESPONSE);
  const data = exports.malloc(wire.length + 1);
  try {
    new Uint8Array(exports.memory.buffer, data, wire.length).set(toBytes(wire));
    let code = exports.llhttp_execute(parser, data, wire.length);
    let length = wire.length;
    if (code === PAUSED) length = exports.llhttp_get_error_pos(parser) - data;
    // A response without a length ends with the connection.
    else if (code === OK) code = exports.llhttp_finish(parser);
    if (!gathered.complete) {
      if (code === OK) return { kind: "incomplete" };
      const name = cString(exports.llhttp_errno_name(code));
      return name === "HPE_INVALID_EOF_STATE" ? { kind: "incomplete" } : { kind: "refused", code: name };
    }
    const method = mode.type === "request"
      ? cString(exports.llhttp_method_name(exports.llhttp_get_method(parser)))
      : "";
    const { target, status, minor, fields, body, trailers } = gathered;
    return { kind: "message", method, target, status, minor, fields, body, trailers, length };
  } finally {
    exports.free(data);
    exports.llhttp_free(parser);
  }
}
