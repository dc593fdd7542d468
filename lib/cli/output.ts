/** What bottle writes: results on standard output, all else as lines on standard error that begin with `bottle:`. */

import type { Progress } from "../bottle/contracts.ts";
import { escapeUntrusted } from "../escape.ts";

/** A stream that bottle writes to. */
export interface Sink {
  /** Writes some of the bytes and says how many, as `Deno.stderr` does. */
  writeSync(bytes: Uint8Array): number;
  /** Whether a person is looking. */
  isTerminal(): boolean;
}

/** Where an {@linkcode Output} writes and how. */
export interface OutputOptions {
  /** Standard output. */
  readonly stdout: Sink;
  /** Standard error. */
  readonly stderr: Sink;
  /** Host environment: `NO_COLOR` and `TERM` are looked at. */
  readonly env: Readonly<Record<string, string>>;
  /** Width of the terminal in columns. */
  readonly columns: () => number;
}

const CLEAR_LINE = "\r\x1b[2K";
const encoder = new TextEncoder();

/** The reader of standard output is gone: there is nobody to write for, and nothing to say about it. */
export class OutputClosed extends Error {
  /** `OutputClosed` */
  override readonly name = "OutputClosed";
}

/**
 * The operator's streams. On a terminal, progress is one line that rewrites itself and is gone when something else
 * is written; elsewhere every step and detail is a line of its own.
 */
export class Output implements Progress {
  readonly #options: OutputOptions;
  readonly #rewrites: boolean;
  readonly #colours: boolean;
  #step = "";
  #lineShown = false;

  /** Makes the output on these streams. */
  constructor(options: OutputOptions) {
    this.#options = options;
    const terminal = options.stderr.isTerminal() && options.env.TERM !== "dumb";
    this.#rewrites = terminal;
    this.#colours = terminal && (options.env.NO_COLOR ?? "") === "";
  }

  /** Writes a result as it is. @throws {OutputClosed} when nobody reads any more */
  print(text: string): void {
    try {
      writeAll(this.#options.stdout, encoder.encode(text));
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) throw new OutputClosed();
      throw error;
    }
  }

  /** Says something, line by line. A line that begins with `warning: ` is a warning. */
  say(text: string): void {
    for (const line of text.split("\n")) {
      if (line.startsWith("warning: ")) this.warn(line.slice("warning: ".length));
      else this.#line(`bottle: ${escapeUntrusted(line)}`);
    }
  }

  /** A `bottle: error:` line. The text stays one line. */
  error(text: string): void {
    this.#line(`bottle: ${this.#colour("31", "error:")} ${escapeUntrusted(text)}`);
  }

  /** A `bottle: warning:` line. */
  warn(text: string): void {
    this.#line(`bottle: ${this.#colour("33", "warning:")} ${escapeUntrusted(text)}`);
  }

  /** Something for a bug report, line by line. */
  trace(text: string): void {
    for (const line of text.split("\n")) this.#line(escapeUntrusted(line));
  }

  /** A question, without a line end. */
  ask(text: string): void {
    this.clear();
    this.#write(`bottle: ${escapeUntrusted(text)}`);
  }

  /** Ends the line of a question that was answered without echo, or not at all. */
  endLine(): void {
    this.#write("\n");
  }

  /** A step of a launch or teardown begins. */
  step(name: string): void {
    this.#step = escapeUntrusted(name);
    this.#show(this.#step);
  }

  /** Progress within the step. */
  detail(text: string): void {
    const detail = escapeUntrusted(text.trimEnd());
    if (detail === "") return;
    this.#show(this.#rewrites && this.#step !== "" ? `${this.#step}: ${detail}` : detail);
  }

  /** The last details of work that failed; elsewhere than on a terminal they stand there already. */
  tail(lines: readonly string[]): void {
    if (this.#rewrites) { for (const line of lines) this.#line(`bottle:   ${escapeUntrusted(line)}`); }
  }

  /** Takes the progress line away. */
  clear(): void {
    if (!this.#lineShown) return;
    this.#lineShown = false;
    this.#write(CLEAR_LINE);
  }

  #show(text: string): void {
    if (!this.#rewrites) return this.#line(`bottle: ${text}`);
    // One column is left free: a full line would wrap, and only its last row would be rewritten.
    const room = Math.max(20, this.#options.columns() - 1);
    this.#write(CLEAR_LINE + [...`bottle: ${text}`].slice(0, room).join(""));
    this.#lineShown = true;
  }

  #line(text: string): void {
    this.clear();
    this.#write(text + "\n");
  }

  #colour(code: string, text: string): string {
    return this.#colours ? `\x1b[${code}m${text}\x1b[0m` : text;
  }

  #write(text: string): void {
    try {
      writeAll(this.#options.stderr, encoder.encode(text));
    } catch {
      // The terminal may be gone while a bottle is torn down: that must go on.
    }
  }
}

function writeAll(sink: Sink, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += sink.writeSync(bytes.subarray(at));
}
