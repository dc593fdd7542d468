/** One shape for the byte streams of both sides: node sockets towards the agent, Deno connections upstream. */

import type { Socket } from "node:net";

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

const READ_SIZE = 64 * 1024;

/** A Deno connection as a byte stream. */
export class DenoStream implements ByteStream {
  readonly #conn: Deno.Conn;
  readonly #waiting = new Set<(error: Error) => void>();
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  #destroyed = false;

  /** Wraps a connection. */
  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  read(): Promise<Uint8Array | null> {
    return this.#unlessDestroyed(async () => {
      const buffer = this.#buffer ??= new Uint8Array(READ_SIZE);
      const size = await this.#conn.read(buffer);
      return size === null ? null : buffer.subarray(0, size);
    });
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#unlessDestroyed(async () => {
      let rest = bytes;
      while (rest.length > 0) rest = rest.subarray(await this.#conn.write(rest));
    });
  }

  endWrite(): Promise<void> {
    return this.#unlessDestroyed(() => this.#conn.closeWrite());
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    for (const reject of this.#waiting) reject(new StreamClosed("connection closed"));
    this.#waiting.clear();
    // Deno closes a plain connection only when its pending read has ended, and does not end that read: shutting the
    // writing side down makes the other side end it. A TLS connection is closed at once.
    if (!("handshake" in this.#conn)) this.#conn.closeWrite().catch(() => {});
    try {
      this.#conn.close();
    } catch (error) {
      // Closed already, or handed on to TLS.
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  /** Runs an operation that `destroy` rejects, since Deno leaves some pending for ever. */
  #unlessDestroyed<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#destroyed) return Promise.reject(new StreamClosed("connection closed"));
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      operation().then(resolve, reject).finally(() => this.#waiting.delete(reject));
    });
  }
}

/** Stops and starts the reading of a TCP connection itself. */
export interface ReadGate {
  /** The kernel keeps what comes; when its buffer is full, the other side waits. */
  stop(): void;
  /** Reads on. */
  start(): void;
}

/**
 * The read gate of a socket that TLS runs on.
 *
 * Deno's TLS sockets read their TCP connection on while they are paused, without bound (node's stop it): a client
 * could fill the memory with an upload that nobody takes. The handle below is node's own, but not public.
 *
 * @throws {TypeError} this runtime has no such handle
 */
export function readGateOf(socket: Socket): ReadGate {
  const handle: unknown = "_handle" in socket ? socket._handle : undefined;
  if (!isReadHandle(handle)) throw new TypeError("a socket without a handle that can stop reading");
  const unlessClosed = (operation: () => unknown) => {
    if (!socket.destroyed) operation();
  };
  return {
    stop: () => unlessClosed(() => handle.readStop()),
    start: () => unlessClosed(() => handle.readStart()),
  };
}

function isReadHandle(value: unknown): value is { readStop(): unknown; readStart(): unknown } {
  return typeof value === "object" && value !== null &&
    "readStop" in value && typeof value.readStop === "function" &&
    "readStart" in value && typeof value.readStart === "function";
}

/** A node socket (plain or TLS) as a byte stream. */
export class NodeStream implements ByteStream {
  readonly #socket: Socket;
  readonly #gate: ReadGate | undefined;
  readonly #queue: Uint8Array[] = [];
  #ended = false;
  #failure: Error | undefined;
  #reader: { resolve(bytes: Uint8Array | null): void; reject(error: Error): void } | undefined;
  readonly #writers = new Set<(error: Error) => void>();

  /** Wraps a socket; from now on only this stream reads it. A TLS socket comes with the gate of its TCP socket. */
  constructor(socket: Socket, gate?: ReadGate) {
    this.#socket = socket;
    this.#gate = gate;
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("error", this.#onError);
    socket.on("close", this.#onClose);
    socket.pause();
    gate?.stop();
  }

  /** Gives the socket up to another reader. Only with nothing read ahead: see {@linkcode queued}. */
  release(): Socket {
    this.#socket.off("data", this.#onData);
    this.#socket.off("end", this.#onEnd);
    this.#socket.off("error", this.#onError);
    this.#socket.off("close", this.#onClose);
    return this.#socket;
  }

  /** Whether bytes have arrived that `read` has not given yet. */
  get queued(): boolean {
    return this.#queue.length > 0 || this.#socket.readableLength > 0;
  }

  read(): Promise<Uint8Array | null> {
    const next = this.#queue.shift();
    if (next !== undefined) return Promise.resolve(next);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#ended) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
      this.#socket.resume();
      this.#gate?.start();
    });
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#writers.add(reject);
      this.#socket.write(bytes, (error) => {
        this.#writers.delete(reject);
        if (error) reject(error);
        else resolve();
      });
    });
  }

  endWrite(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#writers.add(reject);
      this.#socket.end(() => {
        this.#writers.delete(reject);
        resolve();
      });
    });
  }

  destroy(): void {
    this.#socket.destroy();
    this.#fail(new StreamClosed("connection closed"));
  }

  readonly #onData = (bytes: Uint8Array): void => {
    this.#socket.pause();
    this.#gate?.stop();
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader === undefined) this.#queue.push(bytes);
    else reader.resolve(bytes);
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#reader?.resolve(null);
    this.#reader = undefined;
  };

  readonly #onError = (error: Error): void => this.#fail(error);

  readonly #onClose = (): void => this.#fail(new StreamClosed("connection closed"));

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#reader?.reject(this.#failure);
    this.#reader = undefined;
    for (const reject of this.#writers) reject(this.#failure);
    this.#writers.clear();
  }
}
