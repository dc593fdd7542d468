/** How soon the gate's hooks are at work: from their start by git until their first line. */

import { pktSection } from "../../../sidecars/git_gate/pkt_line.ts";
import type { RunningGate } from "../../support/git_gate.ts";
import { REPOS } from "./world.ts";

/** Names of the hooks. */
export const HOOK_NAMES = ["access", "pre-receive", "proc-receive"] as const;

/** Name of a hook. */
export type HookName = typeof HOOK_NAMES[number];

/** Milliseconds from the start of a hook until its first line. */
export async function startOf(gate: RunningGate, hook: HookName): Promise<number> {
  const mirror = `${gate.root}/${REPOS[0]}.git`;
  const began = performance.now();
  const child = new Deno.Command(`${gate.root}/hooks/${hook}`, {
    // Of a repository that it does not know it says so; proc-receive answers to the version that git speaks.
    args: hook === "access" ? ["upload-pack", "/nowhere.git"] : [],
    cwd: hook === "proc-receive" ? mirror : gate.root,
    env: { DENO_DIR: "/proc/nonexistent", DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
    stdin: hook === "proc-receive" ? "piped" : "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (hook === "proc-receive") {
    const writer = child.stdin.getWriter();
    await writer.write(pktSection(["version=1\0atomic"]));
    writer.releaseLock();
  }
  const [said, other] = hook === "pre-receive" ? [child.stderr, child.stdout] : [child.stdout, child.stderr];
  const reader = said.getReader();
  const { done } = await reader.read();
  const ms = performance.now() - began;
  if (done) throw new Error(`${hook} said nothing: ${await new Response(other).text()}`);
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
  await Promise.all([reader.cancel(), other.cancel(), child.status]);
  if (hook === "proc-receive") await child.stdin.abort().catch(() => {});
  return ms;
}
