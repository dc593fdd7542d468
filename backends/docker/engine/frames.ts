/**
 * The engine's multiplexed stream: an 8-byte header (stream, three zeros, big-endian length) before each payload.
 *
 * Source: Docker Engine API, "Stream format" of `POST /containers/{id}/attach`.
 */

/** Which stream a payload belongs to. */
export type FrameStream = "stdout" | "stderr";

/** A piece of one stream; a long frame may come in several pieces. */
export interface Frame {
  readonly stream: FrameStream;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Takes a multiplexed stream apart without holding a whole frame. */
export class FrameDecoder {
  readonly #header = new Uint8Array(8);
  #headerLength = 0;
  #remaining = 0;
  #stream: FrameStream = "stdout";

  /**
   * The pieces in a chunk of the stream. They are views of the chunk.
   *
   * @throws {Error} the bytes are not a multiplexed stream
   */
  *push(chunk: Uint8Array<ArrayBuffer>): Generator<Frame> {
    let at = 0;
    while (at < chunk.length) {
      if (this.#remaining === 0) {
        at = this.#takeHeader(chunk, at);
        continue;
      }
      const end = Math.min(chunk.length, at + this.#remaining);
      yield { stream: this.#stream, bytes: chunk.subarray(at, end) };
      this.#remaining -= end - at;
      at = end;
    }
  }

  /** Whether the stream stands between frames: false at its end means that it was cut. */
  get isComplete(): boolean {
    return this.#headerLength === 0 && this.#remaining === 0;
  }

  #takeHeader(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + 8 - this.#headerLength);
    this.#header.set(chunk.subarray(at, end), this.#headerLength);
    this.#headerLength += end - at;
    if (this.#headerLength === 8) {
      const [kind = 0, a, b, c] = this.#header;
      // 0 is stdin (written to stdout), 3 is the engine's own errors.
      if (kind > 3 || a !== 0 || b !== 0 || c !== 0) {
        throw new Error("not a multiplexed stream of the engine");
      }
      this.#stream = kind >= 2 ? "stderr" : "stdout";
      this.#remaining = new DataView(this.#header.buffer).getUint32(4);
      this.#headerLength = 0;
    }
    return end;
  }
}

/** Takes a multiplexed body apart. Leaving the loop early cancels the body. */
export async function* framesOf(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<Frame, void> {
  const decoder = new FrameDecoder();
  for await (const chunk of body) yield* decoder.push(chunk);
}
