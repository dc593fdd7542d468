/**
 * The access hook of `git daemon`: brings the mirror up to date before it is served. Refuses, with a line that the
 * client reads, where that cannot be done.
 *
 * Usage: access_hook.ts CONFIG_FOLDER ROOT SERVICE PATH [HOST CANONICAL_HOST IP PORT]
 */

import { access } from "./access.ts";
import { mirrorAt, readGate } from "./gate.ts";

/** git reads no more of the first line. */
const MAX_LINE = 250;

/** Runs the hook. Gives the line of a refusal. */
async function main([folder, root, service, path]: readonly string[]): Promise<string | undefined> {
  const gate = await readGate(folder!, root!);
  const mirror = mirrorAt(gate, path ?? "");
  if (mirror === undefined) return "no such repository";
  return await access(gate, mirror, service === "receive-pack" ? "receive-pack" : "upload-pack");
}

if (import.meta.main) {
  const refusal = await main(Deno.args);
  if (refusal === undefined) Deno.exit(0);
  Deno.stdout.writeSync(new TextEncoder().encode(`${refusal.slice(0, MAX_LINE)}\n`));
  Deno.exit(1);
}
