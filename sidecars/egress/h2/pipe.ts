/** A byte stream inside the process, one direction: what is written waits until it is read. */

import { StreamClosed } from "../streams.ts";

/** Hands bytes from a writer to a reader, one piece at a time. */
export class Pipe {
  #piece: Uint8Array | undefined;
  #ended = false;
  #failure: Error | undefined;
  #reader: PromiseWithResolvers<Uint8Array | null> | undefined;
  #writer: PromiseWithResolvers<void> | undefined;
  #given = false;

  /** The next piece, valid until the next `read`; null at the end. */
  read(): Promise<Uint8Array | null> {
    if (this.#given) this.#taken();
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#piece !== undefined) return Promise.resolve(this.#give(this.#piece));
    if (this.#ended) return Promise.resolve(null);
    this.#reader = Promise.withResolvers();
    return this.#reader.promise;
  }

  /** Resolves when the reader has done with the bytes and asks for more. One write at a time. */
  write(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined || this.#ended) return Promise.reject(this.#failure ?? closed());
    if (bytes.length === 0) return Promise.resolve();
    this.#writer = Promise.withResolvers();
    // Whether or not somebody waits, a failure must not count as unhandled.
    this.#writer.promise.catch(() => {});
    this.#piece = bytes;
    this.#reader?.resolve(this.#give(bytes));
    this.#reader = undefined;
    return this.#writer.promise;
  }

  /** No more comes. */
  end(): void {
    this.#ended = true;
    this.#reader?.resolve(null);
    this.#reader = undefined;
  }

  /** Breaks both ends. */
  destroy(error: Error = closed()): void {
    this.#failure ??= error;
    this.#reader?.reject(this.#failure);
    this.#writer?.reject(this.#failure);
    this.#reader = undefined;
    this.#writer = undefined;
  }

  #give(piece: Uint8Array): Uint8Array {
    this.#given = true;
    return piece;
  }

  #taken(): void {
    this.#given = false;
    this.#piece = undefined;
    this.#writer?.resolve();
    this.#writer = undefined;
  }
}

function closed(): StreamClosed {
  return new StreamClosed("stream closed");
}
