/** Output of the daemons: whole lines, each with its daemon's name before it. */

import { escapeUntrusted } from "../../lib/escape.ts";

/** Longest piece of a line, in characters, that is held before it is printed as a line of its own. */
export const MAX_LINE_CHARS = 16 * 1024;

/** Where whole lines go, one write each. */
export interface LineSink {
  /** Prints a line; resolves when it is written, so that a slow reader slows the daemon down. */
  write(line: string): Promise<void>;
}

/** A sink on a byte stream such as `Deno.stdout.writable`. Lines of several writers never mix. */
export function streamSink(stream: WritableStream<Uint8Array>): LineSink {
  const encoder = new TextEncoder();
  const writer = stream.getWriter();
  return {
    // Nobody may be reading any more (the log's end was closed): that must not stop the daemons.
    write: (line) => writer.write(encoder.encode(line + "\n")).catch(() => {}),
  };
}

/**
 * Copies a daemon's stream to the sink line by line as `[name] text`.
 *
 * What a daemon prints can quote the agent or the network, so control characters are escaped.
 */
export async function pumpLines(
  name: string,
  from: ReadableStream<Uint8Array>,
  sink: LineSink,
): Promise<void> {
  let held = "";
  for await (const text of from.pipeThrough(new TextDecoderStream())) {
    const lines = (held + text).split("\n");
    held = lines.pop() ?? "";
    for (const line of lines) await print(name, line, sink);
    if (held.length > MAX_LINE_CHARS) {
      await print(name, held, sink);
      held = "";
    }
  }
  if (held !== "") await print(name, held, sink);
}

async function print(name: string, line: string, sink: LineSink): Promise<void> {
  const text = line.endsWith("\r") ? line.slice(0, -1) : line;
  for (let at = 0; at === 0 || at < text.length; at += MAX_LINE_CHARS) {
    await sink.write(`[${name}] ${escapeUntrusted(text.slice(at, at + MAX_LINE_CHARS))}`);
  }
}
