/** Reads heads, chunk lines and body bytes from a byte stream; holds at most one read of it plus one head. */

import { Buffer } from "node:buffer";
import type { ByteStream } from "../streams.ts";
import { BadMessage } from "./head.ts";

const CR = 0x0d;
const LF = 0x0a;
const EMPTY = new Uint8Array(0);
const BARE_LF = /(?<!\r)\n/;
const BARE_CR = /\r(?!\n)/;

/** The other side ended in the middle of a message. */
export class Truncated extends Error {
  override readonly name = "Truncated";
}

/** A reader of one byte stream. */
export class WireReader {
  readonly #stream: ByteStream;
  #bytes: Uint8Array = EMPTY;
  #pending: Promise<Uint8Array | null> | undefined;
  #ended = false;

  /** Reads from a stream, which nobody else may read. */
  constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  /** Bytes at hand without waiting. */
  get buffered(): number {
    return this.#bytes.length;
  }

  /** Whether a whole line is at hand, so that reading it needs no `fill`. */
  get hasLine(): boolean {
    return indexOfByte(this.#bytes, LF, 0) >= 0;
  }

  /** Whether the next line is at hand and empty. */
  get atEmptyLine(): boolean {
    return this.#bytes[0] === CR && this.#bytes[1] === LF;
  }

  /**
   * Begins to read ahead by at most one read, so that a broken connection is noticed while nobody waits for it.
   *
   * @returns resolves when something came: bytes, the end or (rejecting) a failure
   */
  readAhead(): Promise<Uint8Array | null> {
    this.#pending ??= this.#stream.read();
    // Whoever reads next gets the failure; until then it must not count as unhandled.
    this.#pending.catch(() => {});
    return this.#pending;
  }

  /** Waits for more bytes; only when none are at hand. False: the stream has ended. */
  async fill(): Promise<boolean> {
    if (this.#ended) return false;
    const more = await this.readAhead();
    this.#pending = undefined;
    if (more === null) {
      this.#ended = true;
      return false;
    }
    // An empty read is not the end: ask again.
    if (more.length === 0) return await this.fill();
    this.#bytes = more;
    return true;
  }

  /** Takes up to so many of the bytes at hand. They stay valid until the next `fill`. */
  take(most: number): Uint8Array {
    const taken = this.#bytes.subarray(0, most);
    this.#bytes = this.#bytes.subarray(taken.length);
    return taken;
  }

  /**
   * Reads to the end of a head, empty line included, as Latin-1.
   *
   * @param onFirstByte called when the head has begun
   * @returns undefined when the stream ended before it began
   * @throws {BadMessage} a line does not end in CR LF, or the head is too long (431)
   * @throws {Truncated} the stream ended within the head
   */
  async readHead(limit: number, onFirstByte?: () => void): Promise<string | undefined> {
    if (this.#bytes.length === 0 && !await this.fill()) return undefined;
    onFirstByte?.();
    return await this.#readTo(endOfHead, limit, "the head is too long");
  }

  /** Reads trailer lines to the empty line that ends them; the text holds at least that. */
  async readTrailers(limit: number): Promise<string> {
    return await this.#readTo(endOfHead, limit, "the head is too long");
  }

  /** Reads one line, without its end, as Latin-1. */
  async readLine(limit: number): Promise<string> {
    return (await this.#readTo(endOfLine, limit, "a line is too long")).slice(0, -2);
  }

  /** Reads whole lines up to an end, each one's own end included. */
  async #readTo(endIn: EndFinder, limit: number, tooLong: string): Promise<string> {
    let held: Uint8Array | undefined;
    let size = 0;
    for (;;) {
      let bytes = this.#bytes;
      if (held !== undefined) {
        held = append(held, size, bytes);
        bytes = held.subarray(0, size + bytes.length);
      }
      const end = endIn(bytes, size);
      if ((end < 0 ? bytes.length : end) > limit) throw new BadMessage(tooLong, 431);
      if (end >= 0) {
        this.#bytes = bytes.subarray(end);
        return checkedText(bytes.subarray(0, end));
      }
      // The stream may overwrite these bytes with the next read.
      held ??= append(undefined, 0, bytes);
      size = bytes.length;
      this.#bytes = EMPTY;
      if (!await this.fill()) throw new Truncated("the connection ended within a message");
    }
  }
}

/** Finds where something ends, counted in bytes; -1: not yet. What is before `from` has been looked at. */
type EndFinder = (bytes: Uint8Array, from: number) => number;

function endOfLine(bytes: Uint8Array, from: number): number {
  const end = indexOfByte(bytes, LF, from);
  return end < 0 ? -1 : end + 1;
}

/** The end of the first line that is empty but for its own end, well-formed or not. */
function endOfHead(bytes: Uint8Array, from: number): number {
  for (let at = indexOfByte(bytes, LF, from); at >= 0; at = indexOfByte(bytes, LF, at + 1)) {
    const start = bytes[at - 1] === CR ? at - 1 : at;
    if (start === 0 || bytes[start - 1] === LF) return at + 1;
  }
  return -1;
}

/** The text of whole lines. @throws {BadMessage} CR or LF stands anywhere but in a line's end */
function checkedText(bytes: Uint8Array): string {
  const text = latin1(bytes);
  if (BARE_LF.test(text)) throw new BadMessage("a line ends in a bare LF");
  if (BARE_CR.test(text)) throw new BadMessage("a line holds a bare CR");
  return text;
}

/** The typed array's own search: that of node's Buffer, which half of the bytes are, goes a longer way. */
function indexOfByte(bytes: Uint8Array, byte: number, from: number): number {
  return Uint8Array.prototype.indexOf.call(bytes, byte, from);
}

/** Adds bytes after so many that are held, in the same array or in one of twice the length: byte by byte is no harm. */
function append(held: Uint8Array | undefined, size: number, more: Uint8Array): Uint8Array {
  const needed = size + more.length;
  let to = held;
  if (to === undefined || needed > to.length) {
    to = new Uint8Array(2 * needed);
    if (held !== undefined) to.set(held.subarray(0, size));
  }
  to.set(more, size);
  return to;
}

/** Bytes as Latin-1 text: one character a byte, none changed (unlike the web's `latin1`, which is Windows-1252). */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

const utf8 = new TextEncoder();

/** Latin-1 text as bytes. */
export function toBytes(text: string): Uint8Array {
  // As long in UTF-8: then it is ASCII, which the runtime encodes many times faster than Latin-1.
  const ascii = utf8.encode(text);
  return ascii.length === text.length ? ascii : Buffer.from(text, "latin1");
}
