/**
 * pre-receive: may these refs be written, and is there no secret in what they bring? Nothing has left the quarantine
 * yet; a push that is refused here leaves nothing behind. What passes goes on to `proc_receive_hook.ts`.
 *
 * Usage: pre_receive_hook.ts CONFIG_FOLDER ROOT < "OLD NEW REF" lines, in a bare repository of the gate
 */

import { OperatorError } from "../../lib/errors.ts";
import { escapeUntrusted } from "../../lib/escape.ts";
import { judgePush, mayForce, type RefUpdate } from "../../lib/git_gate/push_policy.ts";
import { findingLines } from "./findings.ts";
import { type Gate, type Mirror, mirrorAt, readGate } from "./gate.ts";
import { ScanFailed } from "./gitleaks.ts";
import { type JournalEntry, note } from "./journal.ts";
import { ruleFiles } from "./rules.ts";
import { isZero, MAX_TIPS, parseUpdates, tips, type Update } from "./range.ts";
import { tell } from "./tell.ts";
import { scanPush } from "./scan.ts";
import { kindOf, lookAtTips } from "./updates.ts";

/** Why a push is refused. */
interface Verdict extends Pick<JournalEntry, "rule" | "findings"> {
  readonly verdict: "refused" | "fault";
  /** What the client reads. */
  readonly lines: readonly string[];
}

async function judge(gate: Gate, mirror: Mirror, updates: readonly Update[]): Promise<Verdict | undefined> {
  const policy = await judgePolicy(mirror, updates);
  if (policy !== undefined) return policy;
  if (tips(updates).length > MAX_TIPS) {
    return refused("refs", [`more than ${MAX_TIPS} refs at once; push them in several goes`]);
  }
  const { tags, strange } = await lookAtTips(mirror.path, updates);
  if (strange.length > 0) {
    const refs = updates.filter((update) => strange.includes(update.new)).map((update) => update.ref);
    return refused(
      "object",
      refs.map((ref) => `${escapeUntrusted(ref)}: names no commit, so it cannot be scanned`),
    );
  }
  const findings = await scanPush({ folder: mirror.path, updates, tags, files: ruleFiles(gate) });
  if (findings.length === 0) return undefined;
  return {
    ...refused("secret", [
      "gitleaks found a secret; nothing was pushed:",
      ...findingLines(findings),
      "Take it out of every commit of this push (git commit --amend, git rebase -i), then push again.",
      "If it was ever real, tell the operator: it must be replaced.",
    ]),
    findings,
  };
}

async function judgePolicy(mirror: Mirror, updates: readonly Update[]): Promise<Verdict | undefined> {
  const ask = !mayForce(mirror);
  const known = await Promise.all(updates.map(async (update): Promise<RefUpdate> => ({
    ref: update.ref,
    // Where nothing depends on it, git is not asked.
    kind: ask || isZero(update.new) ? await kindOf(mirror.path, update) : "create",
  })));
  const refusals = judgePush(mirror, known);
  if (refusals.length === 0) return undefined;
  const keys = [...new Set(refusals.map(({ key }) => `git-gate.repos.${mirror.name}.${key}`))];
  return refused(keys[0]!, [
    ...refusals.map(({ ref, why }) => `${escapeUntrusted(ref)}: ${escapeUntrusted(why)}`),
    `The operator's manifest says so: ${keys.join(", ")}. Nothing was pushed.`,
  ]);
}

function refused(rule: string, lines: readonly string[]): Verdict {
  return { verdict: "refused", rule, lines };
}

function failed(error: unknown): Verdict {
  if (!(error instanceof ScanFailed || error instanceof OperatorError)) throw error;
  const what = error.message;
  const lines = [`the scan for secrets failed, so nothing was pushed: ${escapeUntrusted(what)}`];
  return { verdict: "fault", rule: "scan", lines };
}

/** Runs the hook. Gives its exit status. */
async function main(folder: string, root: string): Promise<number> {
  const gate = await readGate(folder, root);
  const mirror = mirrorAt(gate, await Deno.realPath("."));
  if (mirror === undefined) {
    tell(["this is no repository of the gate"]);
    return 1;
  }
  const updates = parseUpdates(await new Response(Deno.stdin.readable).text());
  const verdict = await judge(gate, mirror, updates).catch(failed);
  if (verdict === undefined) return 0;
  tell(verdict.lines);
  const { lines, ...rest } = verdict;
  await note(gate, {
    event: "push",
    repo: mirror.name,
    ...rest,
    // The name of a ref can be what was found.
    ...(!rest.findings?.some(({ part }) => part === "ref name") && {
      refs: updates.map((update) => update.ref),
    }),
    text: lines[0],
  });
  return 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args[0]!, Deno.args[1]!));
