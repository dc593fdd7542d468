/** The access log: one JSON line a request on standard output. Never a header value, never a query, never a body. */

/** One line of the log. */
export interface AccessRecord {
  readonly method: string;
  /** Canonical host, or what the client wrote where there is none. */
  readonly host: string;
  /** Path without query; undefined for CONNECT and for what could not be read. */
  readonly path?: string;
  /** `allow`: passed to upstream; `deny`: refused by policy; `fault`: neither; `local`: answered by egress. */
  readonly verdict: "allow" | "deny" | "fault" | "local";
  /** Rule or cause. */
  readonly rule: string;
  /** Status sent to the agent; 0: none was. */
  readonly status: number;
  /** Bytes of the request passed upstream, head and framing included. */
  readonly bytesUp: number;
  /** Bytes of the response passed to the agent, head and framing included. */
  readonly bytesDown: number;
  /** Milliseconds from the request's head to the end of the response. */
  readonly ms: number;
}

/** Where lines go. */
export interface LineSink {
  write(bytes: Uint8Array): Promise<number>;
}

const MAX_PATH = 2048;
/** Text waiting for a reader that does not read; more is dropped and counted, since a proxy must not stand still. */
const MAX_WAITING = 1024 * 1024;
/** Lines of so many milliseconds go out in one write: each write is a system call on a thread of its own. */
const GATHER_TIME = 20;

/** Writes lines in the background, in order. */
export class AccessLog {
  readonly #sink: LineSink;
  readonly #encoder = new TextEncoder();
  #waiting = "";
  #dropped = 0;
  #writing: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Logs to a sink, `Deno.stdout` for one. */
  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  /** Adds a record. */
  add(record: AccessRecord): void {
    this.line(JSON.stringify({
      time: new Date().toISOString(),
      method: record.method,
      host: record.host,
      path: record.path?.slice(0, MAX_PATH),
      verdict: record.verdict,
      rule: record.rule,
      status: record.status,
      bytes_up: record.bytesUp,
      bytes_down: record.bytesDown,
      ms: Math.round(record.ms * 10) / 10,
    }));
  }

  /** Adds a line of text. */
  line(text: string): void {
    if (this.#waiting.length > MAX_WAITING) {
      this.#dropped++;
      return;
    }
    if (this.#dropped > 0) {
      this.#waiting += `egress: ${this.#dropped} log lines dropped: nobody reads them\n`;
      this.#dropped = 0;
    }
    this.#waiting += `${text}\n`;
    this.#timer ??= setTimeout(() => void this.flush(), GATHER_TIME);
  }

  /** Resolves when all lines so far are written. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing ??= this.#drain();
    await this.#writing;
  }

  async #drain(): Promise<void> {
    try {
      while (this.#waiting !== "") {
        let bytes = this.#encoder.encode(this.#waiting);
        this.#waiting = "";
        while (bytes.length > 0) bytes = bytes.subarray(await this.#sink.write(bytes));
      }
    } catch {
      // Standard output is gone; the proxy goes on without its log.
      this.#waiting = "";
    } finally {
      this.#writing = undefined;
    }
  }
}
