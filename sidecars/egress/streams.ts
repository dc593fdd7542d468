/** One shape for the byte streams of both sides: connections of the runtime, plain or in TLS. */

/** A duplex byte stream, read by pulling and written with backpressure. */
export interface ByteStream {
  /**
   * The next bytes, or null when the other side has ended. The bytes may be overwritten by the next `read`.
   * Rejects when the connection breaks.
   */
  read(): Promise<Uint8Array | null>;
  /** Resolves when the bytes have been handed on and the memory may be used again. Rejects when it breaks. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends the writing side only. */
  endWrite(): Promise<void>;
  /** Cuts the connection at once; pending reads and writes reject or end. */
  destroy(): void;
}

/** The connection is gone. */
export class StreamClosed extends Error {
  override readonly name = "StreamClosed";
}

/** A read buffer's first size; a read that fills it has the next one four times as long, to the largest. */
const FIRST_READ = 8 * 1024;
const LARGEST_READ = 256 * 1024;

type Reject = (error: Error) => void;

/** A connection of the runtime as a byte stream. One read and one write at a time. */
export class DenoStream implements ByteStream {
  readonly #conn: Deno.Conn;
  readonly #released = Promise.withResolvers<void>();
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  #pending = 0;
  #rejectRead: Reject | undefined;
  #rejectWrite: Reject | undefined;
  #destroyed = false;

  /** Wraps a connection. */
  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** Resolves when the connection is destroyed and the operating system has it back. */
  get released(): Promise<void> {
    return this.#released.promise;
  }

  read(): Promise<Uint8Array | null> {
    if (this.#destroyed) return Promise.reject(closed());
    const buffer = this.#buffer ??= new Uint8Array(FIRST_READ);
    return new Promise((resolve, reject) => {
      this.#rejectRead = reject;
      this.#pending++;
      this.#conn.read(buffer).then((size) => {
        if (size === buffer.length && size < LARGEST_READ) {
          this.#buffer = new Uint8Array(Math.min(size * 4, LARGEST_READ));
        }
        resolve(size === null ? null : buffer.subarray(0, size));
        this.#ended();
      }, (error) => {
        reject(error);
        this.#ended();
      });
    });
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#writing(() => this.#writeAll(bytes));
  }

  endWrite(): Promise<void> {
    return this.#writing(() => this.#conn.closeWrite());
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#rejectRead?.(closed());
    this.#rejectWrite?.(closed());
    // Deno closes a plain connection only when its pending read has ended, and does not end that read: shutting the
    // writing side down makes the other side end it. A TLS connection is closed at once.
    if (!("handshake" in this.#conn)) this.#conn.closeWrite().catch(() => {});
    try {
      this.#conn.close();
    } catch (error) {
      // Closed already, or handed on to TLS.
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
    if (this.#pending === 0) this.#released.resolve();
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    while (rest.length > 0) rest = rest.subarray(await this.#conn.write(rest));
  }

  /** Runs a write that `destroy` rejects, since Deno leaves some pending for ever. */
  #writing(operation: () => Promise<void>): Promise<void> {
    if (this.#destroyed) return Promise.reject(closed());
    return new Promise((resolve, reject) => {
      this.#rejectWrite = reject;
      this.#pending++;
      operation().then(() => {
        resolve();
        this.#ended();
      }, (error) => {
        reject(error);
        this.#ended();
      });
    });
  }

  #ended(): void {
    this.#pending--;
    if (this.#destroyed && this.#pending === 0) this.#released.resolve();
  }
}

function closed(): StreamClosed {
  return new StreamClosed("connection closed");
}
