/** Looks into the running bottle of a lab from outside it, as the engine's operator. */

import { runExec } from "../../backends/docker/engine/exec.ts";
import { resourceName } from "../../backends/docker/names.ts";
import type { Lab } from "./lab.ts";
import { tracesOf } from "./traces.ts";

/** Identity of the only bottle of a lab. @throws {Error} there is none, or more than one */
export async function onlyIdentity(lab: Lab): Promise<string> {
  const { states } = await tracesOf(lab);
  if (states.length !== 1) throw new Error(`one bottle was expected, there are: ${states.join(", ")}`);
  return states[0]!;
}

/** Output of a shell script in a bottle's agent container, errors included. */
export async function inAgent(
  lab: Lab,
  identity: string,
  script: string,
  user: "node" | "root" = "node",
): Promise<string> {
  const container = resourceName(identity, "agent");
  const spec = { argv: ["sh", "-c", script], user, env: {}, maxBytes: 64 * 1024 * 1024 };
  const { stdout, stderr, truncated } = await runExec(lab.engine, container, spec);
  if (truncated) throw new Error(`the output of ${script} is longer than expected`);
  return stdout + stderr;
}

/** Command line and environment of every process in the agent container, both users' eyes. */
export async function processesOf(lab: Lab, identity: string): Promise<string> {
  const script = "for p in /proc/[0-9]*; do cat $p/cmdline $p/environ 2>/dev/null; echo; done";
  return await inAgent(lab, identity, script, "node") + await inAgent(lab, identity, script, "root");
}

/** Arguments that keep Claude Code waiting for questions on its standard input until that ends. */
export const WAITING_CLAUDE: readonly string[] = [
  "-p",
  ...["--input-format", "stream-json", "--output-format", "stream-json", "--verbose"],
];

/** One question for {@linkcode WAITING_CLAUDE}. */
export function question(text: string): string {
  return JSON.stringify({ type: "user", message: { role: "user", content: text } }) + "\n";
}
