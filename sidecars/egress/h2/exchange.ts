/**
 * One HTTP/2 stream as an HTTP/1.1 connection that carries one request.
 *
 * So each request of an HTTP/2 client is read by the same strict reader, judged by the same policy and streamed by the
 * same code as every other. Rejected: a second way through the proxy for HTTP/2, which would have to be kept as strict.
 */

import type { ServerHttp2Stream } from "node:http2";
import { constants } from "node:http2";
import { Outbox, pumpBody } from "../http/body.ts";
import { BadMessage, type Framing, parseFields, parseResponseHead, responseFraming } from "../http/head.ts";
import { toBytes, Truncated, WireReader } from "../http/wire_reader.ts";
import type { ByteStream } from "../streams.ts";
import { toHttp2, type TranslatedHead } from "./head.ts";
import { Pipe } from "./pipe.ts";

/** The two directions of a stream, seen from the proxy: what it reads is the request, what it writes the response. */
export class VirtualConnection implements ByteStream {
  readonly #request = new Pipe();
  readonly #response = new Pipe();
  /** The whole response is with the client: that the stream closes now is no failure. */
  isAnswered = false;

  /** Request bytes, written by the HTTP/2 side. */
  get request(): Pipe {
    return this.#request;
  }

  /** Response bytes, read by the HTTP/2 side. */
  get response(): Pipe {
    return this.#response;
  }

  read(): Promise<Uint8Array | null> {
    return this.#request.read();
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#response.write(bytes);
  }

  endWrite(): Promise<void> {
    this.#response.end();
    return Promise.resolve();
  }

  destroy(): void {
    this.#request.destroy();
    this.#response.destroy();
  }
}

/** Passes a stream's request on as HTTP/1.1. Rejects when the client breaks it off, or its body is not as announced. */
export async function sendRequest(
  stream: ServerHttp2Stream,
  head: TranslatedHead,
  to: Pipe,
): Promise<void> {
  let trailers: readonly string[] = [];
  stream.once("trailers", (_fields: unknown, _flags: unknown, raw: readonly string[]) => trailers = raw);
  await to.write(toBytes(head.text));
  let size = 0;
  // The plain iterator would destroy the stream at the end of the request, before its response.
  for await (const data of stream.iterator({ destroyOnReturn: false })) {
    const piece: Uint8Array = data;
    size += piece.length;
    if (head.framing === "chunked") {
      await to.write(toBytes(`${piece.length.toString(16)}\r\n`));
      await to.write(piece);
      await to.write(toBytes("\r\n"));
    } else {
      // Bytes beyond the length would be read as the next request.
      if (head.framing === "none" || size > head.length) {
        throw new BadMessage("the body is longer than announced");
      }
      await to.write(piece);
    }
  }
  if (stream.aborted) throw new Truncated("the client broke the stream off");
  if (head.framing === "chunked") await to.write(toBytes(`0\r\n${trailerText(trailers)}\r\n`));
  to.end();
}

/** Passes HTTP/1.1 response bytes on to the stream, to their end. Rejects when they are broken off. */
export async function sendResponse(
  connection: VirtualConnection,
  method: string,
  stream: ServerHttp2Stream,
): Promise<void> {
  const reader = new WireReader({
    read: () => connection.response.read(),
    write: () => Promise.reject(new Truncated("read only")),
    endWrite: () => Promise.resolve(),
    destroy: () => connection.response.destroy(),
  });
  for (;;) {
    const text = await reader.readHead(Number.MAX_SAFE_INTEGER);
    if (text === undefined) throw new Truncated("no answer");
    const head = parseResponseHead(text);
    const framing = responseFraming(head, method);
    if (head.status < 200) {
      stream.additionalHeaders(toHttp2(head));
      continue;
    }
    const hasBody = framing.kind !== "none";
    connection.isAnswered = !hasBody;
    stream.respond(toHttp2(head), { endStream: !hasBody, waitForTrailers: framing.kind === "chunked" });
    if (hasBody) await sendBody(reader, framing, stream);
    connection.isAnswered = true;
    await new Promise<void>((resolve) => stream.end(resolve));
    // Lets go of the last piece, and waits for the end.
    if (await reader.fill()) throw new BadMessage("the response is longer than announced");
    return;
  }
}

async function sendBody(reader: WireReader, framing: Framing, stream: ServerHttp2Stream): Promise<void> {
  let trailers: Record<string, string> = {};
  stream.once("wantTrailers", () => stream.sendTrailers(trailers));
  const out = new Outbox({
    read: () => Promise.resolve(null),
    write: (bytes) => write(stream, bytes),
    endWrite: () => Promise.resolve(),
    destroy: () => stream.close(constants.NGHTTP2_INTERNAL_ERROR),
  });
  await pumpBody(reader, out, framing, {
    onProgress: () => {},
    trailerBytes: Number.MAX_SAFE_INTEGER,
    isForbiddenTrailer: () => false,
    unframed: (fields) => trailers = Object.fromEntries(fields.map(({ name, value }) => [name, value])),
  });
}

function write(stream: ServerHttp2Stream, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    if (stream.destroyed) return reject(new Truncated("the client broke the stream off"));
    stream.once("close", broken);
    function broken() {
      reject(new Truncated("the client broke the stream off"));
    }
    stream.write(bytes, (error) => {
      stream.off("close", broken);
      if (error) reject(error);
      else resolve();
    });
  });
}

function trailerText(raw: readonly string[]): string {
  let text = "";
  for (let index = 0; index < raw.length; index += 2) text += `${raw[index]}: ${raw[index + 1]}\r\n`;
  // Refuses what could end a line.
  parseFields(text.split("\r\n").slice(0, -1));
  return text;
}
