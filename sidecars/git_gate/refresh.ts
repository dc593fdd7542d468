/**
 * Makes a mirror follow its upstream: what was pushed, force-pushed or deleted there is so here.
 *
 * One process at a time looks; who waited for a look that began after it came has what it wanted. A look that fails
 * fails all who waited for it: a mirror that may be old is not served.
 */

import { OperatorError } from "../../lib/errors.ts";
import type { Mirror } from "./gate.ts";
import { type Ended, git } from "./git.ts";
import { lockFile } from "./lock.ts";
import { explainFailure, noHostKey } from "./ssh.ts";
import { askUpstream } from "./upstream.ts";

/** Refs of the gate's own, in no client's sight and on no upstream. */
export const OWN_REFS = "refs/bottle";

/** An upstream that is connected but says nothing: it may be packing a large repository, so there is patience. */
const SILENCE = 60_000;

const FETCH: readonly string[] = [
  "fetch",
  "--prune",
  "--force",
  "--no-tags",
  "--no-write-fetch-head",
  "--no-auto-maintenance",
  "--no-recurse-submodules",
  "--progress",
];

/** When a mirror was last compared with its upstream. */
interface Seen {
  /** Milliseconds since the epoch. */
  readonly began: number;
  readonly ended: number;
  /** What was wrong; absent: it is as the upstream was. */
  readonly fault?: string;
}

/**
 * Looks upstream, unless that was done in the meantime.
 *
 * @param maxAge milliseconds that a look may be old at the call to serve for this one
 * @throws {OperatorError} the mirror could not be compared; the message names the upstream
 */
export async function refresh(mirror: Mirror, maxAge = 0): Promise<void> {
  const came = Date.now();
  if (await lstat(mirror.knownHosts) === undefined) throw new OperatorError(noHostKey(mirror));
  using _lock = await lockFile(mirror.lock);
  const seen = await readSeen(mirror);
  if (seen !== undefined && seen.fault === undefined && seen.began >= came - maxAge) return;
  if (seen?.fault !== undefined && seen.ended >= came) throw new OperatorError(seen.fault);
  const began = Date.now();
  const fault = await look(mirror);
  const now: Seen = { began, ended: Date.now(), ...(fault !== undefined && { fault }) };
  await Deno.writeTextFile(mirror.seen, JSON.stringify(now), { mode: 0o600 });
  if (fault !== undefined) throw new OperatorError(fault);
}

/** Whether the mirror was ever like its upstream. */
export async function wasSeen(mirror: Mirror): Promise<boolean> {
  const seen = await readSeen(mirror);
  return seen !== undefined && seen.fault === undefined;
}

/** The upstream is known to be other than the mirror: the next client has to look. Under the mirror's lock. */
export async function forgetSeen(mirror: Mirror): Promise<void> {
  await Deno.remove(mirror.seen).catch(() => {});
}

/** Fetches everything, and learns the default branch beside it. Gives the fault. */
async function look(mirror: Mirror): Promise<string | undefined> {
  const ask = (args: readonly string[]) =>
    askUpstream(mirror, { args, silence: SILENCE, failed: (ended) => ended.code !== 0 });
  const fetching = ask([...FETCH, mirror.url, "+refs/*:refs/*", `^${OWN_REFS}/*`]);
  const listing = loggedIn(mirror, fetching).then((there) =>
    there ? ask(["ls-remote", "--symref", mirror.url, "HEAD"]) : undefined
  );
  const [fetched, listed] = await Promise.all([fetching, listing]);
  if (fetched.code !== 0) return explainFailure(mirror, fetched.stderr, fetched.silent);
  const head = /^ref: (refs\/heads\/\S+)\tHEAD$/m.exec(listed?.stdout ?? "")?.[1];
  if (head !== undefined) await followHead(mirror, head);
  return undefined;
}

/** How often it is seen whether the connection is there, milliseconds. */
const LOGIN_STEP = 5;

/**
 * Waits until there is a connection to share: a second login beside the first would cost as much again, and a wrong
 * key would be refused twice. Gives false when the fetch has failed without one.
 */
async function loggedIn(mirror: Mirror, fetching: Promise<Ended>): Promise<boolean> {
  let ended: Ended | undefined;
  const end = fetching.then((value) => ended = value);
  while (ended === undefined && await lstat(mirror.control) === undefined) {
    await Promise.race([end, new Promise((resolve) => setTimeout(resolve, LOGIN_STEP))]);
  }
  return ended === undefined || ended.code === 0;
}

/** A clone checks out what HEAD names. */
async function followHead(mirror: Mirror, branch: string): Promise<void> {
  // Read as the file that it is: most looks find it right, and git takes 5 ms for that.
  const now = await Deno.readTextFile(`${mirror.path}/HEAD`).catch(() => "");
  if (now !== `ref: ${branch}\n`) await git(mirror.path, ["symbolic-ref", "HEAD", branch]);
}

async function readSeen(mirror: Mirror): Promise<Seen | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(mirror.seen)) as Seen;
  } catch {
    // It was never looked at, or the file was cut off: look.
    return undefined;
  }
}

async function lstat(path: string): Promise<Deno.FileInfo | undefined> {
  return await Deno.lstat(path).catch(() => undefined);
}
