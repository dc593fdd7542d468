/**
 * Attaches to a container as bottle does, for the attach tests to drive under a terminal or with plain streams.
 *
 * Arguments: socket, container, the spec as JSON, and what to do afterwards: `exit`, or `line` (read one more line
 * from standard input and show it, as a dashboard would take over).
 */

import { type AttachSpec, attachTerminal } from "../../../backends/docker/engine/attach.ts";
import { Engine } from "../../../backends/docker/engine/engine.ts";
import { OperatorError } from "../../../lib/errors.ts";

const [socket, container, spec, afterwards] = Deno.args as [string, string, string, string];
const say = (text: string) => Deno.stderr.writeSync(new TextEncoder().encode(text));
const stop = new AbortController();
Deno.addSignalListener("SIGTERM", () => stop.abort(new OperatorError("told to stop")));

let status = 1;
try {
  await using engine = await Engine.connect(socket);
  status = await attachTerminal(engine, container, JSON.parse(spec) as AttachSpec, stop.signal);
} catch (error) {
  if (!(error instanceof OperatorError)) throw error;
  say(`bottle: error: ${error.line}\n`);
}
if (afterwards === "line") {
  const buffer = new Uint8Array(1024);
  const count = await Deno.stdin.read(buffer);
  say(`[afterwards: ${new TextDecoder().decode(buffer.subarray(0, count ?? 0)).trim()}]\n`);
}
Deno.exit(status);
