/** Content that is generated on both sides instead of stored: no two blocks, and no two streams, are equal. */

import { createHash } from "node:crypto";
import type { Wire } from "./wire.ts";

/** One mebibyte. */
export const MIB = 1024 * 1024;

/** A stream of blocks, told apart by its name. */
export class Pattern {
  readonly #name: number;
  readonly #block: Uint8Array<ArrayBuffer>;

  /** @param blockSize bytes of a block, a multiple of 8 */
  constructor(name: number, blockSize = MIB) {
    this.#name = name;
    const words = new Uint32Array(blockSize / 4);
    for (let at = 0, word = name; at < words.length; at++) {
      words[at] = word = Math.imul(word, 1664525) + 1013904223;
    }
    this.#block = new Uint8Array(words.buffer);
  }

  /** The block of that number; it is overwritten by the next call. */
  block(index: number): Uint8Array<ArrayBuffer> {
    new Uint32Array(this.#block.buffer).set([this.#name, index]);
    return this.#block;
  }

  /** Sends so many blocks. */
  async send(wire: Wire, blocks: number): Promise<void> {
    for (let index = 0; index < blocks; index++) await wire.send(this.block(index));
  }

  /** SHA-256 of so many blocks. */
  digest(blocks: number): string {
    const hash = createHash("sha256");
    for (let index = 0; index < blocks; index++) hash.update(this.block(index));
    return hash.digest("hex");
  }
}

/** SHA-256 of the next bytes of a connection, exactly so many. */
export async function digestOf(wire: Wire, size: number): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of wire.pieces(size)) hash.update(piece);
  return hash.digest("hex");
}
