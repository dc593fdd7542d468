/** A connection read and written by hand. */

/** Bytes of Latin-1 text. */
export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** Latin-1 text of bytes. */
export function text(data: Uint8Array): string {
  let result = "";
  for (let at = 0; at < data.length; at += 8192) {
    result += String.fromCharCode(...data.subarray(at, at + 8192));
  }
  return result;
}

/** A connection with a buffer, for reading messages by hand. */
export class Wire {
  readonly conn: Deno.Conn;
  #buffer = new Uint8Array(0);
  #spare = new Uint8Array(0);

  constructor(conn: Deno.Conn) {
    this.conn = conn;
  }

  async send(data: string | Uint8Array<ArrayBuffer>): Promise<void> {
    let rest = typeof data === "string" ? bytes(data) : data;
    while (rest.length > 0) rest = rest.subarray(await this.conn.write(rest));
  }

  /** More bytes; false at the end. Fails when nothing comes for 20 s. */
  async fill(): Promise<boolean> {
    // Bytes that were given out are never overwritten.
    if (this.#spare.length < 16 * 1024) this.#spare = new Uint8Array(256 * 1024);
    const part = this.#spare;
    const silence = Promise.withResolvers<never>();
    const timer = setTimeout(() => silence.reject(new Error("nothing came for 20 s")), 20_000);
    const size = await Promise.race([this.conn.read(part), silence.promise]).finally(() =>
      clearTimeout(timer)
    );
    if (size === null) return false;
    this.#spare = part.subarray(size);
    if (this.#buffer.length === 0) {
      this.#buffer = part.subarray(0, size);
      return true;
    }
    const joined = new Uint8Array(this.#buffer.length + size);
    joined.set(this.#buffer);
    joined.set(part.subarray(0, size), this.#buffer.length);
    this.#buffer = joined;
    return true;
  }

  /** A head with its empty line, or what came before the end. */
  async head(): Promise<string> {
    for (;;) {
      const seen = text(this.#buffer);
      const end = seen.indexOf("\r\n\r\n");
      if (end >= 0) {
        this.#buffer = this.#buffer.slice(end + 4);
        return seen.slice(0, end + 4);
      }
      if (!await this.fill()) {
        this.#buffer = new Uint8Array(0);
        return seen;
      }
    }
  }

  /** Exactly so many bytes. */
  async take(size: number): Promise<Uint8Array<ArrayBuffer>> {
    while (this.#buffer.length < size) if (!await this.fill()) throw new Error("ended early");
    const taken = this.#buffer.slice(0, size);
    this.#buffer = this.#buffer.slice(size);
    return taken;
  }

  /** Exactly so many bytes, in the pieces in which they come. */
  async *pieces(size: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for (let left = size; left > 0;) {
      if (this.#buffer.length === 0 && !await this.fill()) throw new Error("ended early");
      const piece = this.#buffer.subarray(0, left);
      this.#buffer = this.#buffer.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }

  /** Whatever is at hand, or comes next; empty at the end. */
  async some(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#buffer.length === 0) await this.fill();
    const taken = this.#buffer;
    this.#buffer = new Uint8Array(0);
    return taken;
  }

  /** All until the end; a reset counts as the end. */
  async rest(): Promise<string> {
    try {
      while (await this.fill());
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.UnexpectedEof)) {
        throw error;
      }
    }
    return text(this.#buffer);
  }

  /** A response head and its counted body. */
  async response(): Promise<{ head: string; body: string }> {
    const head = await this.head();
    const length = /\r\nContent-Length: *([0-9]+)/i.exec(head)?.[1];
    return { head, body: length === undefined ? "" : text(await this.take(Number(length))) };
  }

  close(): void {
    try {
      this.conn.close();
    } catch {
      // Closed already.
    }
  }
}
