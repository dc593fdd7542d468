/** Message bodies on their way through: never held, forwarded as they come, with backpressure. */

import { Buffer } from "node:buffer";
import type { ByteStream } from "../streams.ts";
import { BadMessage, type Framing, parseFields } from "./head.ts";
import { toBytes, Truncated, type WireReader } from "./wire_reader.ts";

/** Bytes gathered before they are written without waiting for a flush. */
const GATHER = 64 * 1024;
/** A chunk-size line: digits, extension and all. */
const CHUNK_LINE = 1024;
const CHUNK_SIZE = /^([0-9A-Fa-f]{1,13})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?$/;

/** The writing side of a connection: gathers what is at hand into one write, and counts. */
export class Outbox {
  readonly #stream: ByteStream;
  #parts: Uint8Array[] = [];
  #size = 0;
  /** Bytes pushed since the start. */
  total = 0;

  /** Writes to a stream, which nobody else may write. */
  constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  /** Adds bytes; they must stay as they are until the next `flush`. */
  push(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#size += bytes.length;
    this.total += bytes.length;
  }

  /** Whether so much is gathered that a flush is due. */
  get isFull(): boolean {
    return this.#size >= GATHER;
  }

  /** Writes what is gathered; resolves when the stream has taken it. */
  async flush(): Promise<void> {
    if (this.#size === 0) return;
    const parts = this.#parts;
    this.#parts = [];
    this.#size = 0;
    await this.#stream.write(parts.length === 1 ? parts[0]! : Buffer.concat(parts));
  }
}

/** What a pump needs to know besides its two ends. */
export interface PumpOptions {
  /** Called for each piece that came. */
  readonly onProgress: () => void;
  /** Longest trailer section in bytes. */
  readonly trailerBytes: number;
  /** Names, in lower case, that a trailer must not have: there they would pass by the rules for headers. */
  readonly isForbiddenTrailer: (name: string) => boolean;
}

/**
 * Moves one body from a reader to an outbox, flushing whenever the reader has nothing more at hand (so that an event
 * is passed on as it comes). Chunked bodies are re-framed chunk by chunk without their extensions; trailers pass.
 *
 * @throws {BadMessage} the body's framing is malformed
 * @throws {Truncated} the reader's side ended within the body
 */
export async function pumpBody(
  from: WireReader,
  to: Outbox,
  framing: Framing,
  options: PumpOptions,
): Promise<void> {
  if (framing.kind === "length") await pumpLength(from, to, framing.length, options);
  if (framing.kind === "chunked") await pumpChunks(from, to, options);
  if (framing.kind === "close") {
    while (await more(from, to, options)) to.push(from.take(GATHER));
  }
  await to.flush();
}

async function pumpLength(from: WireReader, to: Outbox, length: number, options: PumpOptions): Promise<void> {
  let left = length;
  while (left > 0) {
    if (!await more(from, to, options)) throw new Truncated("the connection ended within a body");
    const piece = from.take(left);
    left -= piece.length;
    to.push(piece);
  }
}

async function pumpChunks(from: WireReader, to: Outbox, options: PumpOptions): Promise<void> {
  for (;;) {
    const size = await chunkSize(from, to, options);
    if (size === 0) break;
    to.push(toBytes(`${size.toString(16)}\r\n`));
    await pumpLength(from, to, size, options);
    if (!from.hasLine) await to.flush();
    if (await from.readLine(2) !== "") throw new BadMessage("a chunk is longer than its size");
    to.push(toBytes("\r\n"));
  }
  if (!from.atEmptyLine) await to.flush();
  const trailers = await from.readTrailers(options.trailerBytes);
  for (const field of parseFields(trailers.split("\r\n").slice(0, -2))) {
    if (options.isForbiddenTrailer(field.name)) {
      throw new BadMessage(`the trailer ${field.name} is not allowed`);
    }
  }
  to.push(toBytes(`0\r\n${trailers}`));
}

async function chunkSize(from: WireReader, to: Outbox, options: PumpOptions): Promise<number> {
  // The line may need a read, which overwrites what is gathered.
  if (from.buffered === 0) await more(from, to, options);
  else if (!from.hasLine) await to.flush();
  const match = CHUNK_SIZE.exec(await from.readLine(CHUNK_LINE));
  if (match === null) throw new BadMessage("a chunk size is malformed");
  return Number.parseInt(match[1]!, 16);
}

/** Makes sure that the reader has bytes at hand; false at the end of its stream. */
async function more(from: WireReader, to: Outbox, options: PumpOptions): Promise<boolean> {
  if (from.buffered > 0) {
    if (to.isFull) await to.flush();
    return true;
  }
  await to.flush();
  const open = await from.fill();
  options.onProgress();
  return open;
}
