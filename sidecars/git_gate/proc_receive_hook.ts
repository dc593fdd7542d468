/**
 * proc-receive (githooks(5)): git hands the updates of a push over, and takes what comes of each. It begins when
 * `pre_receive_hook.ts` has let the push pass and its objects are in the mirror.
 *
 * Rejected: to push upstream in pre-receive. receive-pack would move the refs after the hook has ended, out of the
 * lock's reach, and could only say that the hook declined.
 *
 * Usage: proc_receive_hook.ts CONFIG_FOLDER ROOT, with the hook's protocol on standard input and output
 */

import { escapeUntrusted } from "../../lib/escape.ts";
import { forward, type Forwarded } from "./forward.ts";
import { type Gate, type Mirror, mirrorAt, readGate } from "./gate.ts";
import { note } from "./journal.ts";
import { PktReader, pktSection } from "./pkt_line.ts";
import { parseUpdates, type Update } from "./range.ts";
import { tell } from "./tell.ts";

/** Runs the hook. */
async function main(folder: string, root: string): Promise<void> {
  const gate = await readGate(folder, root);
  const mirror = mirrorAt(gate, await Deno.realPath("."));
  if (mirror === undefined) throw new Error("this is no repository of the gate");
  const input = new PktReader(Deno.stdin.readable);
  const [version] = await input.section();
  if (!version?.startsWith("version=1")) throw new Error("git speaks another version of proc-receive");
  await say(pktSection(["version=1"]));
  const updates = parseUpdates((await input.section()).join("\n"));
  const forwarded = await forward(mirror, updates);
  try {
    tell(forwarded.lines.map(escapeUntrusted));
    await say(pktSection(report(forwarded)));
  } finally {
    // Also when the client has gone meanwhile: what was written is written.
    await noteOutcome(gate, mirror, updates, forwarded);
  }
}

async function noteOutcome(
  gate: Gate,
  mirror: Mirror,
  updates: readonly Update[],
  { results }: Forwarded,
): Promise<void> {
  const failed = results.find((result) => result.reason !== undefined);
  await note(gate, {
    event: "push",
    repo: mirror.name,
    verdict: failed === undefined ? "accepted" : "refused",
    rule: failed === undefined ? "passed" : "upstream",
    refs: updates.map((update) => update.ref),
    ...(failed !== undefined && { text: `${failed.ref}: ${failed.reason}` }),
  });
}

function report({ results }: Forwarded): readonly string[] {
  return results.map(({ ref, reason }) =>
    reason === undefined ? `ok ${ref}` : `ng ${ref} ${escapeUntrusted(reason)}`
  );
}

async function say(bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
}

if (import.meta.main) {
  await main(Deno.args[0]!, Deno.args[1]!);
  Deno.exit(0);
}
