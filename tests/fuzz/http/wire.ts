/** A byte stream cut into reads at will, and a place where written bytes arrive: both as unkind as the contract allows. */

import type { ByteStream } from "../../../sidecars/egress/streams.ts";
import { latin1, toBytes } from "./bytes.ts";

/** A stream that gives its text in reads of the sizes given, over and over; each read overwrites the one before. */
export class CutStream implements ByteStream {
  readonly #bytes: Uint8Array;
  readonly #sizes: readonly number[];
  readonly #shared: Uint8Array;
  #turn = 0;
  /** Bytes given so far. */
  given = 0;

  /** Cuts a text. No sizes: one read gives all. A size of 0 is an empty read, which is not the end. */
  constructor(text: string, sizes: readonly number[]) {
    this.#bytes = toBytes(text);
    this.#sizes = sizes.some((size) => size > 0) ? sizes : [Math.max(1, text.length)];
    this.#shared = new Uint8Array(Math.max(...this.#sizes));
  }

  read(): Promise<Uint8Array | null> {
    // What was read before is gone: whoever still holds it must not use it.
    this.#shared.fill(0x21);
    if (this.given >= this.#bytes.length) return Promise.resolve(null);
    const size = this.#sizes[this.#turn++ % this.#sizes.length]!;
    const part = this.#bytes.subarray(this.given, this.given + size);
    this.#shared.set(part);
    this.given += part.length;
    return Promise.resolve(this.#shared.subarray(0, part.length));
  }

  write(): Promise<void> {
    return Promise.reject(new Error("this stream is only read"));
  }

  endWrite(): Promise<void> {
    return Promise.resolve();
  }

  destroy(): void {}
}

/** Collects what is written, and takes it late: bytes that are overwritten before the write resolves arrive wrong. */
export class LateSink implements ByteStream {
  /** What has arrived. */
  text = "";

  read(): Promise<Uint8Array | null> {
    return Promise.resolve(null);
  }

  async write(bytes: Uint8Array): Promise<void> {
    await Promise.resolve();
    await Promise.resolve();
    this.text += latin1(bytes);
  }

  endWrite(): Promise<void> {
    return Promise.resolve();
  }

  destroy(): void {}
}
