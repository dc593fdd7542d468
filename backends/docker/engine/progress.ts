/** The stream of JSON messages that the engine sends while it builds or imports. */

import { escapeUntrusted } from "../../../lib/escape.ts";

/** One message; exactly one of its meanings is set. */
export interface ProgressMessage {
  /** Text of a build, not aligned to lines. */
  readonly stream?: string;
  /** A state, e.g. of a pull, or the id of an imported image. */
  readonly status?: string;
  /** What the state is of, e.g. a layer. */
  readonly id?: string;
  /** The work failed. */
  readonly error?: string;
  /** Facts beside the text: the id of the image built. */
  readonly aux?: { readonly ID?: string };
}

/** Longest message accepted, characters. */
const MAX_MESSAGE = 1024 * 1024;

/**
 * The messages of a body, one JSON value a line. Leaving the loop early cancels the body.
 *
 * @throws {SyntaxError} a line is not JSON
 */
export async function* progressMessages(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<ProgressMessage, void> {
  let pending = "";
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const lines = (pending + text).split("\n");
    pending = lines.pop() ?? "";
    if (pending.length > MAX_MESSAGE) throw new SyntaxError("a progress message of the engine is too long");
    for (const line of lines) {
      if (line.trim() !== "") yield JSON.parse(line) as ProgressMessage;
    }
  }
  if (pending.trim() !== "") yield JSON.parse(pending) as ProgressMessage;
}

/** Cuts text that comes in pieces into lines that are safe on a terminal. */
export class LineCutter {
  #pending = "";

  /** The lines completed by a piece. A carriage return ends a line too: progress bars are redrawn with it. */
  push(text: string): string[] {
    const lines = (this.#pending + text).split(/\r\n|\n|\r/);
    this.#pending = lines.pop() ?? "";
    return lines.map(readable).filter((line) => line !== "");
  }

  /** What is left at the end. */
  flush(): string[] {
    const rest = readable(this.#pending);
    this.#pending = "";
    return rest === "" ? [] : [rest];
  }
}

// deno-lint-ignore no-control-regex
const COLOUR = /\u001b\[[0-9;]*m/g;

/** Without colours, trimmed at the end, controls shown. */
function readable(line: string): string {
  return escapeUntrusted(line.replace(COLOUR, "").trimEnd());
}
