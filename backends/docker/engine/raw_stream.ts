/**
 * A connection that the engine turned from HTTP into raw bytes (`Upgrade: tcp`), for attach and exec.
 *
 * On `node:net` and not on `Deno.connect`: closing a `Deno.UnixConn` does not end a read or write that waits on it,
 * and the engine sees no hang-up until it does, so nothing could be aborted.
 */

import type { Socket } from "node:net";
import { OperatorError } from "../../../lib/errors.ts";
import { EngineError, messageIn } from "./errors.ts";

const MAX_HEAD = 64 * 1024;
const MAX_ERROR_BODY = 64 * 1024;

/** Bytes in both directions, each with its own end. One reader and one writer at a time. */
export class RawStream implements Disposable {
  readonly #socket: Socket;
  readonly #signal: AbortSignal | undefined;
  #leftover: Uint8Array<ArrayBuffer> = new Uint8Array();
  #ended = false;
  #wake: () => void = () => undefined;

  /** Takes over a connection; the signal closes it. */
  constructor(socket: Socket, signal?: AbortSignal) {
    this.#socket = socket;
    this.#signal = signal;
    const ended = (): void => {
      this.#ended = true;
      this.#wake();
    };
    socket.on("readable", () => this.#wake());
    socket.on("end", ended);
    socket.on("close", ended);
    // A cut connection is an end too ("close" follows): what became of the program is asked of the engine afterwards.
    socket.on("error", () => undefined);
    signal?.addEventListener("abort", this.#onAbort);
    if (signal?.aborted) this.close();
  }

  /**
   * The next bytes, or null at the end.
   *
   * @throws the signal's reason when it was aborted
   */
  async read(): Promise<Uint8Array<ArrayBuffer> | null> {
    if (this.#leftover.length > 0) {
      const bytes = this.#leftover;
      this.#leftover = new Uint8Array();
      return bytes;
    }
    while (true) {
      this.#signal?.throwIfAborted();
      const bytes: Uint8Array<ArrayBuffer> | null = this.#socket.read();
      if (bytes !== null) return bytes;
      if (this.#ended) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** Puts back bytes read too far; the next read gives them. */
  unread(bytes: Uint8Array<ArrayBuffer>): void {
    this.#leftover = bytes;
  }

  /**
   * Writes all bytes; false when the other side takes no more.
   *
   * @throws the signal's reason when it was aborted
   */
  async write(bytes: Uint8Array): Promise<boolean> {
    const written = await new Promise<boolean>((resolve) => {
      this.#socket.write(bytes, (error) => resolve(!error));
    });
    if (!written) this.#signal?.throwIfAborted();
    return written;
  }

  /** Ends this side's bytes; the other side's still come. */
  async closeWrite(): Promise<void> {
    if (this.#socket.destroyed) return;
    const conn = connOf(this.#socket);
    if (conn !== undefined) return await conn.closeWrite().catch(() => undefined); // the other side may be gone
    await new Promise<void>((resolve) => this.#socket.end(() => resolve()));
  }

  /** Closes both sides, ending what waits; idempotent. */
  close(): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#socket.destroy();
  }

  /** {@linkcode close} */
  [Symbol.dispose](): void {
    this.close();
  }

  readonly #onAbort = (): void => this.close();
}

/**
 * The connection below a socket. Deno's runtime before 2.8 ends both directions of a unix socket at `end()`,
 * whatever `allowHalfOpen` says; the connection itself can end one. Undefined where the runtime has none there.
 */
function connOf(socket: Socket): HalfClosable | undefined {
  const handle = "_handle" in socket ? socket._handle : undefined;
  if (typeof handle !== "object" || handle === null) return undefined;
  for (const symbol of Object.getOwnPropertySymbols(handle)) {
    const held: unknown = Reflect.get(handle, symbol);
    if (isHalfClosable(held)) return held;
  }
  return undefined;
}

interface HalfClosable {
  closeWrite(): Promise<void>;
}

function isHalfClosable(value: unknown): value is HalfClosable {
  return typeof value === "object" && value !== null && "closeWrite" in value &&
    typeof value.closeWrite === "function";
}

/** What is sent to take a connection over. */
export interface HijackRequest {
  /** Request target with version and query. */
  readonly target: string;
  /** Path without them, for errors. */
  readonly path: string;
  /** JSON, or empty. */
  readonly body: string;
  readonly signal?: AbortSignal;
}

/**
 * Sends the upgrade on a fresh connection and gives the raw stream.
 *
 * @throws {EngineError} the engine refused
 * @throws {OperatorError} the engine hung up
 */
export async function hijackOn(socket: Socket, request: HijackRequest): Promise<RawStream> {
  const raw = new RawStream(socket, request.signal);
  try {
    await raw.write(new TextEncoder().encode(requestHead(request) + request.body));
    const head = await readHead(raw, request.path);
    if (head.status === 101 || head.status === 200) {
      raw.unread(head.rest);
      return raw;
    }
    throw new EngineError(head.status, messageIn(await readErrorBody(raw, head)), `POST ${request.path}`);
  } catch (error) {
    raw.close();
    throw error;
  }
}

function requestHead(request: HijackRequest): string {
  const length = new TextEncoder().encode(request.body).length;
  return [
    `POST ${request.target} HTTP/1.1`,
    "Host: docker",
    "Connection: Upgrade",
    "Upgrade: tcp",
    "Content-Type: application/json",
    `Content-Length: ${length}`,
    "\r\n",
  ].join("\r\n");
}

interface ResponseHead {
  readonly status: number;
  /** Undefined when the body is chunked or ends with the connection. */
  readonly contentLength: number | undefined;
  readonly chunked: boolean;
  /** Bytes after the head. */
  readonly rest: Uint8Array<ArrayBuffer>;
}

async function readHead(raw: RawStream, path: string): Promise<ResponseHead> {
  let bytes = new Uint8Array();
  while (bytes.length < MAX_HEAD) {
    const more = await raw.read();
    if (more === null) {
      throw new OperatorError(`the docker engine broke off POST ${path}`, { mend: "see the engine's log" });
    }
    bytes = joined(bytes, more);
    const end = endOfHead(bytes);
    if (end !== -1) return parseHead(new TextDecoder().decode(bytes.subarray(0, end)), bytes.slice(end));
  }
  throw new OperatorError(`the docker engine's answer to POST ${path} is not HTTP`);
}

function parseHead(text: string, rest: Uint8Array<ArrayBuffer>): ResponseHead {
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1];
  if (status === undefined) {
    throw new OperatorError("what answers on the docker socket does not speak HTTP/1.1");
  }
  const length = /^content-length: *(\d+)\r?$/im.exec(text)?.[1];
  return {
    status: Number(status),
    contentLength: length === undefined ? undefined : Number(length),
    chunked: /^transfer-encoding: *chunked\r?$/im.test(text),
    rest,
  };
}

/** Error bodies are short JSON; of a chunked one the chunk sizes are taken off. */
async function readErrorBody(raw: RawStream, head: ResponseHead): Promise<string> {
  let bytes = head.rest;
  while (bytes.length < Math.min(head.contentLength ?? MAX_ERROR_BODY, MAX_ERROR_BODY)) {
    if (head.chunked && new TextDecoder().decode(bytes).endsWith("\r\n0\r\n\r\n")) break;
    const more = await raw.read();
    if (more === null) break;
    bytes = joined(bytes, more);
  }
  const text = new TextDecoder().decode(bytes);
  return head.chunked ? text.replace(/(^|\r\n)[0-9a-f]+\r\n/gi, "").trim() : text;
}

function endOfHead(bytes: Uint8Array): number {
  for (let at = 3; at < bytes.length; at++) {
    if (bytes[at] === 10 && bytes[at - 1] === 13 && bytes[at - 2] === 10 && bytes[at - 3] === 13) {
      return at + 1;
    }
  }
  return -1;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
