/** git's pkt-lines (gitprotocol-common(5)): four hex digits of length, themselves counted, then the bytes. */

const FLUSH = "0000";

/** Reads pkt-lines of text from a stream. */
export class PktReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #held = new Uint8Array(0);

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  /** The lines up to the next flush packet, without their newlines. @throws {Error} the stream is cut off or malformed */
  async section(): Promise<readonly string[]> {
    const lines: string[] = [];
    while (true) {
      const head = decode(await this.#take(4));
      if (head === FLUSH) return lines;
      const length = /^[0-9a-f]{4}$/i.test(head) ? parseInt(head, 16) : 0;
      if (length < 4) throw new Error("a pkt-line has no valid length");
      lines.push(decode(await this.#take(length - 4)).replace(/\n$/, ""));
    }
  }

  async #take(count: number): Promise<Uint8Array> {
    while (this.#held.length < count) {
      const { value, done } = await this.#reader.read();
      if (done) throw new Error("the stream of pkt-lines is cut off");
      const all = new Uint8Array(this.#held.length + value.length);
      all.set(this.#held);
      all.set(value, this.#held.length);
      this.#held = all;
    }
    const part = this.#held.slice(0, count);
    this.#held = this.#held.slice(count);
    return part;
  }
}

/** Lines as pkt-lines with a flush packet behind them. */
export function pktSection(lines: readonly string[]): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const text = lines.map((line) => {
    const length = encoder.encode(line).length + 5;
    return `${length.toString(16).padStart(4, "0")}${line}\n`;
  });
  return encoder.encode(text.join("") + FLUSH);
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
