/**
 * Keeps an injected credential from coming back to the agent.
 *
 * Threat: an upstream that repeats what it was sent (an echo, a debug page, an error message) would hand the agent the
 * credential that egress had put into its request.
 *
 * Mechanism: in everything that comes back on that request the credential is overwritten by as many asterisks, so
 * that no length changes. Bodies are looked at as they stream: a tail that could be the credential's beginning waits
 * for the bytes after it. Upstream is asked for plain bodies (see fields.ts), since a compressed one cannot be read.
 *
 * Rejected: looking for encoded forms too. An upstream that works with the agent has endless ways to spell it; such
 * a host must not be given a credential in the first place.
 */

import { Buffer } from "node:buffer";
import type { Secret } from "../../../lib/secret.ts";
import { toBytes } from "./wire_reader.ts";

/** Shorter credentials are not looked for: they would be found in innocent text, and keep nothing out anyway. */
const MIN_LENGTH = 8;
const ASTERISK = 0x2a;

/** What is overwritten in one response. */
export class Mask {
  readonly #text: string;
  readonly #needle: Needle;

  /** Use {@linkcode maskFor}. */
  constructor(text: string) {
    const bytes = toBytes(text);
    this.#text = text;
    this.#needle = { bytes, shifts: shiftTable(bytes), failure: failureTable(bytes) };
  }

  /** A head or trailers without the credential. */
  text(text: string): string {
    return text.includes(this.#text) ? text.replaceAll(this.#text, "*".repeat(this.#text.length)) : text;
  }

  /** A mask for one body. */
  body(): BodyMask {
    return new BodyMask(this.#needle);
  }
}

/** The mask of a credential; undefined: it is too short to be looked for. */
export function maskFor(credential: Secret): Mask | undefined {
  const text = credential.reveal();
  return text.length < MIN_LENGTH ? undefined : new Mask(text);
}

/** What is looked for in a body. */
interface Needle {
  readonly bytes: Uint8Array;
  /** By byte, see {@linkcode shiftTable}. */
  readonly shifts: Uint32Array;
  /** Of its beginnings, see {@linkcode failureTable}. */
  readonly failure: Uint32Array;
}

/** One body, or one direction of a tunnel, piece by piece. */
export class BodyMask {
  readonly #needle: Needle;
  /** How much of the needle the bytes so far end in. */
  #matched = 0;
  /** How much of that has been given out already. */
  #released = 0;

  /** Use {@linkcode Mask.body}. */
  constructor(needle: Needle) {
    this.#needle = needle;
  }

  /** Whether bytes are held back. */
  get holds(): boolean {
    return this.#matched > this.#released;
  }

  /** Takes a piece, which it may overwrite. @returns what can go on: shorter or longer than the piece by what is held */
  pass(piece: Uint8Array): Uint8Array {
    const skipped = this.#released;
    const bytes = this.#matched === 0
      ? piece
      : Buffer.concat([this.#needle.bytes.subarray(0, this.#matched), piece]);
    const clean = this.#overwrite(bytes);
    this.#matched = this.#matchAtEnd(bytes.subarray(clean));
    const end = bytes.length - this.#matched;
    this.#released = Math.max(0, skipped - end);
    return bytes.subarray(Math.min(skipped, end), end);
  }

  /** Gives out what is held: the body has ended, or has not gone on for so long that its reader may need it. */
  release(): Uint8Array {
    const held = this.#needle.bytes.slice(this.#released, this.#matched);
    this.#released = this.#matched;
    return held;
  }

  /**
   * Overwrites each whole needle. @returns where the last one ends
   *
   * Horspool's search: it looks at one byte in as many as the needle is long, and leaves no garbage behind. (Slow only
   * on a text made for it by who knows the credential.)
   */
  #overwrite(bytes: Uint8Array): number {
    const { bytes: needle, shifts } = this.#needle;
    let end = 0;
    for (let at = 0; at + needle.length <= bytes.length;) {
      if (standsAt(needle, bytes, at)) {
        end = at + needle.length;
        bytes.fill(ASTERISK, at, end);
        at = end;
      } else {
        at += shifts[bytes[at + needle.length - 1]!]!;
      }
    }
    return end;
  }

  /** Length of the longest beginning of the needle that the bytes end in (Knuth, Morris, Pratt). */
  #matchAtEnd(bytes: Uint8Array): number {
    const { bytes: needle, failure } = this.#needle;
    let matched = 0;
    for (const byte of bytes.subarray(Math.max(0, bytes.length - needle.length + 1))) {
      while (matched > 0 && needle[matched] !== byte) matched = failure[matched - 1]!;
      if (needle[matched] === byte) matched++;
    }
    return matched;
  }
}

/** Whether the needle stands there; compared from its end. */
function standsAt(needle: Uint8Array, bytes: Uint8Array, at: number): boolean {
  let index = needle.length - 1;
  while (index >= 0 && bytes[at + index] === needle[index]) index--;
  return index < 0;
}

/** For each byte under the needle's end: how far on the needle may stand next. */
function shiftTable(needle: Uint8Array): Uint32Array {
  const table = new Uint32Array(256).fill(needle.length);
  for (let index = 0; index < needle.length - 1; index++) table[needle[index]!] = needle.length - 1 - index;
  return table;
}

/** For each beginning of the needle: how long the beginning of the needle is that it ends in, itself apart. */
function failureTable(needle: Uint8Array): Uint32Array {
  const table = new Uint32Array(needle.length);
  for (let index = 1, length = 0; index < needle.length; index++) {
    while (length > 0 && needle[index] !== needle[length]) length = table[length - 1]!;
    if (needle[index] === needle[length]) length++;
    table[index] = length;
  }
  return table;
}
