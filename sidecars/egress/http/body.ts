/** Message bodies on their way through: never held, forwarded as they come, with backpressure. */

import { Buffer } from "node:buffer";
import type { ByteStream } from "../streams.ts";
import { BadMessage, type Field, type Framing, parseFields } from "./head.ts";
import type { BodyMask, Mask } from "./mask.ts";
import { toBytes, Truncated, type WireReader } from "./wire_reader.ts";

/** Bytes gathered before they are written without waiting for a flush. */
const GATHER = 64 * 1024;
/** What a mask holds back is given out when the body does not go on for so long, in milliseconds. */
const HOLD_TIME = 100;
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
  /** Overwrites a credential in what passes. @default undefined, nothing is overwritten */
  readonly mask?: Mask | undefined;
  /** Chunks are written without their framing, and this gets the trailers. @default undefined, framed */
  readonly unframed?: (trailers: readonly Field[]) => void;
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
  if (framing.kind === "none") return await to.flush();
  if (framing.kind === "chunked") await pumpChunks(from, to, options);
  else await pumpBytes(from, to, framing.kind === "length" ? framing.length : undefined, options);
  await to.flush();
}

/** Moves so many bytes, or all to the end of the stream. */
async function pumpBytes(
  from: WireReader,
  to: Outbox,
  length: number | undefined,
  options: PumpOptions,
): Promise<void> {
  const body = new Body(from, to, options);
  if (length !== undefined) await body.move(length);
  else while (await body.more()) body.push(from.take(GATHER));
  body.end();
}

async function pumpChunks(from: WireReader, to: Outbox, options: PumpOptions): Promise<void> {
  const { mask, unframed } = options;
  // A mask may hold bytes back over the end of a chunk: its pieces become chunks of their own.
  const keepsChunks = mask === undefined && unframed === undefined;
  const body = new Body(from, to, options, keepsChunks || unframed !== undefined ? undefined : pushChunk);
  for (;;) {
    const size = await chunkSize(from, to, body);
    if (size === 0) break;
    if (keepsChunks) to.push(toBytes(`${size.toString(16)}\r\n`));
    await body.move(size);
    if (!from.hasLine) await to.flush();
    if (await from.readLine(2) !== "") throw new BadMessage("a chunk is longer than its size");
    if (keepsChunks) to.push(toBytes("\r\n"));
  }
  body.end();
  if (!from.atEmptyLine) await to.flush();
  const trailers = await from.readTrailers(options.trailerBytes);
  const fields = parseFields(trailers.split("\r\n").slice(0, -2));
  const forbidden = fields.find((field) => options.isForbiddenTrailer(field.name));
  if (forbidden !== undefined) throw new BadMessage(`the trailer ${forbidden.name} is not allowed`);
  if (unframed === undefined) to.push(toBytes(`0\r\n${mask?.text(trailers) ?? trailers}`));
  else unframed(fields);
}

async function chunkSize(from: WireReader, to: Outbox, body: Body): Promise<number> {
  // The line may need a read, which overwrites what is gathered.
  if (from.buffered === 0) await body.more();
  else if (!from.hasLine) await to.flush();
  const match = CHUNK_SIZE.exec(await from.readLine(CHUNK_LINE));
  if (match === null) throw new BadMessage("a chunk size is malformed");
  return Number.parseInt(match[1]!, 16);
}

function pushChunk(to: Outbox, bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  to.push(toBytes(`${bytes.length.toString(16)}\r\n`));
  to.push(bytes);
  to.push(toBytes("\r\n"));
}

/** The bytes of one body between their reader and their outbox, through the mask if there is one. */
class Body {
  readonly #from: WireReader;
  readonly #to: Outbox;
  readonly #onProgress: () => void;
  readonly #mask: BodyMask | undefined;
  readonly #write: (to: Outbox, bytes: Uint8Array) => void;

  constructor(
    from: WireReader,
    to: Outbox,
    options: PumpOptions,
    write = (to: Outbox, bytes: Uint8Array) => to.push(bytes),
  ) {
    this.#from = from;
    this.#to = to;
    this.#onProgress = options.onProgress;
    this.#mask = options.mask?.body();
    this.#write = write;
  }

  /** Moves exactly so many bytes. @throws {Truncated} */
  async move(length: number): Promise<void> {
    for (let left = length; left > 0;) {
      if (this.#from.buffered === 0 || this.#to.isFull) {
        if (!await this.more()) throw new Truncated("the connection ended within a body");
      }
      const piece = this.#from.take(left);
      left -= piece.length;
      this.push(piece);
    }
  }

  /** Makes sure that the reader has bytes at hand; false at the end of its stream. */
  async more(): Promise<boolean> {
    if (this.#from.buffered > 0) {
      if (this.#to.isFull) await this.#to.flush();
      return true;
    }
    await this.#to.flush();
    if (this.#mask?.holds) await this.#releaseUnless(this.#from.readAhead());
    const open = await this.#from.fill();
    this.#onProgress();
    return open;
  }

  /** Adds a piece. */
  push(piece: Uint8Array): void {
    this.#write(this.#to, this.#mask === undefined ? piece : this.#mask.pass(piece));
  }

  /** Adds what the mask still holds. */
  end(): void {
    if (this.#mask?.holds) this.#write(this.#to, this.#mask.release());
  }

  /** Gives out what the mask holds, unless more comes soon: a reader may be waiting for just these bytes. */
  async #releaseUnless(coming: Promise<unknown>): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      this.end();
      this.#to.flush().then(late.resolve, late.reject);
    }, HOLD_TIME);
    await Promise.race([coming, late.promise]).catch(() => {}).finally(() => clearTimeout(timer));
  }
}
