/**
 * Writes a push upstream, all of it or nothing, and then moves the mirror's refs. The mirror's lock is held from
 * before the one until after the other, so that no client sees one without the other.
 */

import { type Ended, git } from "./git.ts";
import type { Mirror } from "./gate.ts";
import { lockFile } from "./lock.ts";
import { isZero, type Update } from "./range.ts";
import { forgetSeen, OWN_REFS } from "./refresh.ts";
import { explainFailure, noHostKey } from "./ssh.ts";
import { kindOf } from "./updates.ts";
import { askUpstream } from "./upstream.ts";

/** How long an upstream's own checks may take without a word, milliseconds. */
const SILENCE = 15 * 60_000;

/** What came of one ref: `reason` undefined: it is written on both sides. */
export interface RefResult {
  readonly ref: string;
  readonly reason?: string;
}

/** What came of a push. */
export interface Forwarded {
  readonly results: readonly RefResult[];
  /** For the client, besides the results. */
  readonly lines: readonly string[];
}

/** Reason of a ref that somebody else has moved, in the words that git itself has for it. */
const FETCH_FIRST = "fetch first";

/** Writes the updates upstream and in the mirror. */
export async function forward(mirror: Mirror, updates: readonly Update[]): Promise<Forwarded> {
  if (await Deno.lstat(mirror.knownHosts).catch(() => undefined) === undefined) {
    return allFailed(updates, "no host key", [noHostKey(mirror)]);
  }
  using _lock = await lockFile(mirror.lock);
  const pushed = await askUpstream(mirror, {
    args: pushArguments(mirror, updates),
    silence: SILENCE,
    failed: (ended) => ended.code !== 0 && !/^[!=*+ -]\t/m.test(ended.stdout),
  });
  const said = remoteLines(pushed.stderr);
  const reasons = failures(updates, pushed);
  // The upstream's word for each ref counts, and not git's status: a connection may be cut after the last of them.
  if (reasons.size === 0) return await settle(mirror, updates, said);
  await forgetSeen(mirror);
  const untold = [...reasons.values()].includes(UNTOLD);
  const why = untold ? [explainFailure(mirror, pushed.stderr, pushed.silent)] : [];
  return someFailed(updates, reasons, [...said, ...why]);
}

/** The upstream has it: the mirror follows, and keeps what was overwritten. */
async function settle(
  mirror: Mirror,
  updates: readonly Update[],
  said: readonly string[],
): Promise<Forwarded> {
  const [keep, move, kept]: [string[], string[], string[]] = [[], [], []];
  const time = new Date().toISOString().replace(/[-:.]/g, "");
  for (const update of updates) {
    const { ref, old } = update;
    const kind = await kindOf(mirror.path, update);
    if (kind === "delete" || kind === "rewrite") {
      const backup = `${OWN_REFS}/backup/${time}/${ref.slice("refs/".length)}`;
      keep.push(`create ${backup} ${old}`);
      kept.push(`${ref}: its old tip ${old.slice(0, 12)} is kept as ${backup} while this bottle lives`);
    }
    move.push(kind === "delete" ? `delete ${ref} ${old}` : `update ${ref} ${update.new} ${old}`);
  }
  const results = updates.map(({ ref }) => ({ ref }));
  if (await changeRefs(mirror, [...keep, ...move])) return { results, lines: [...said, ...kept] };
  // The upstream is right: the next client's look brings the mirror there, over the old tips.
  await forgetSeen(mirror);
  const saved = keep.length > 0 && await changeRefs(mirror, keep);
  const late = "the upstream took it; this mirror follows at the next fetch";
  return { results, lines: [...said, ...(saved ? kept : []), late] };
}

/** One transaction. Gives whether it was done. */
async function changeRefs(mirror: Mirror, commands: readonly string[]): Promise<boolean> {
  const input = commands.join("\n") + "\n";
  return (await git(mirror.path, ["update-ref", "--stdin"], { input })).code === 0;
}

function pushArguments(mirror: Mirror, updates: readonly Update[]): readonly string[] {
  return [
    "push",
    "--porcelain",
    "--no-verify",
    "--no-follow-tags",
    "--recurse-submodules=no",
    ...(updates.length > 1 ? ["--atomic"] : []),
    // Not the client's idea of the upstream counts, but what it is when it is written: nobody's work is overwritten.
    ...updates.map(({ ref, old }) => `--force-with-lease=${ref}:${isZero(old) ? "" : old}`),
    mirror.url,
    ...updates.map((update) => `${isZero(update.new) ? "" : update.new}:${update.ref}`),
  ];
}

const UNTOLD = "the upstream did not answer for it";

/** Why refs were not written, from the porcelain output of `git push` (git-push(1), OUTPUT). */
function failures(updates: readonly Update[], { stdout: porcelain, stderr }: Ended): Map<string, string> {
  const reasons = new Map<string, string>();
  const told = new Set<string>();
  for (const line of porcelain.split("\n")) {
    const match = /^([!=*+ -])\t[^\t]*?:([^\t:]+)\t(.*)$/.exec(line);
    if (match === null) continue;
    const [, flag, ref, summary] = match as unknown as [string, string, string, string];
    told.add(ref);
    if (flag === "!") reasons.set(ref, reasonOf(ref, summary, stderr));
  }
  for (const { ref } of updates) {
    if (!told.has(ref)) reasons.set(ref, UNTOLD);
  }
  return reasons;
}

/**
 * git's words for a ref that somebody moved after the lease was compared, while the upstream was about to write it:
 * the reason itself since 2.50, before that a `remote:` line beside "failed to update ref".
 */
const MOVED =
  /\bis at [0-9a-f]+ but expected|\breference already exists|\breference does not exist|\bincorrect old value|\bunable to resolve reference/;

function reasonOf(ref: string, summary: string, stderr: string): string {
  const reason = /\((.*)\)$/.exec(summary)?.[1] ?? summary;
  const said = stderr.split("\n").filter((line) => line.includes(`cannot lock ref '${ref}'`));
  return reason === "stale info" || [reason, ...said].some((text) => MOVED.test(text)) ? FETCH_FIRST : reason;
}

const ATOMIC = /atomic/;

/** One ref that failed fails all; each says for itself why, or which one it was. */
function someFailed(
  updates: readonly Update[],
  reasons: ReadonlyMap<string, string>,
  lines: readonly string[],
): Forwarded {
  const causes = [...reasons].filter(([, reason]) => !ATOMIC.test(reason)).map(([ref]) => ref);
  const because = causes.length === 0 ? "nothing was pushed" : `nothing was pushed, because of ${causes[0]}`;
  return {
    results: updates.map(({ ref }) => {
      const reason = reasons.get(ref);
      return {
        ref,
        reason: reason === undefined || ATOMIC.test(reason) && causes.length > 0 ? because : reason,
      };
    }),
    lines,
  };
}

function allFailed(updates: readonly Update[], reason: string, lines: readonly string[]): Forwarded {
  return { results: updates.map(({ ref }) => ({ ref, reason })), lines };
}

/** What the upstream said to whoever pushes: links, reasons. */
function remoteLines(stderr: string): readonly string[] {
  return stderr.split(/[\r\n]+/).filter((line) => line.startsWith("remote: ")).map((line) =>
    line.slice("remote: ".length).trimEnd()
  );
}
