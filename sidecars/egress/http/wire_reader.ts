/** Reads heads, chunk lines and body bytes from a byte stream; holds at most one read of it plus one head. */

import { Buffer } from "node:buffer";
import type { ByteStream } from "../streams.ts";
import { BadMessage } from "./head.ts";

const CR = 0x0d;
const LF = 0x0a;

/** The other side ended in the middle of a message. */
export class Truncated extends Error {
  override readonly name = "Truncated";
}

/** A reader of one byte stream. */
export class WireReader {
  readonly #stream: ByteStream;
  #bytes: Uint8Array = new Uint8Array(0);
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
    return this.#bytes.includes(LF);
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
    return await this.#readUntilEmptyLine(limit);
  }

  /** Reads trailer lines to the empty line that ends them; the text holds at least that. */
  async readTrailers(limit: number): Promise<string> {
    const first = await this.readLine(limit);
    if (first === "") return "\r\n";
    return `${first}\r\n${await this.#readUntilEmptyLine(limit - first.length)}`;
  }

  /** Reads one line, without its end, as Latin-1. */
  async readLine(limit: number): Promise<string> {
    return await this.#readLine(limit, "a line is too long");
  }

  async #readUntilEmptyLine(limit: number): Promise<string> {
    let text = "";
    for (;;) {
      const line = await this.#readLine(limit - text.length, "the head is too long");
      text += `${line}\r\n`;
      if (line === "") return text;
    }
  }

  async #readLine(limit: number, tooLong: string): Promise<string> {
    let kept: Uint8Array | undefined;
    for (;;) {
      const bytes = kept === undefined ? this.#bytes : concat(kept, this.#bytes);
      const end = bytes.indexOf(LF);
      if ((end < 0 ? bytes.length : end + 1) > limit) throw new BadMessage(tooLong, 431);
      if (end >= 0) {
        if (end === 0 || bytes[end - 1] !== CR) throw new BadMessage("a line ends in a bare LF");
        this.#bytes = bytes.subarray(end + 1);
        const line = latin1(bytes.subarray(0, end - 1));
        if (line.includes("\r")) throw new BadMessage("a line holds a bare CR");
        return line;
      }
      // The stream may overwrite these bytes with the next read.
      kept = bytes.slice();
      this.#bytes = new Uint8Array(0);
      if (!await this.fill()) throw new Truncated("the connection ended within a message");
    }
  }
}

/** Bytes as Latin-1 text: one character a byte, none changed (unlike the web's `latin1`, which is Windows-1252). */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** Latin-1 text as bytes. */
export function toBytes(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

function concat(head: Uint8Array, tail: Uint8Array): Uint8Array {
  return Buffer.concat([head, tail]);
}
