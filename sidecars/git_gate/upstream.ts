/** Runs git against a mirror's upstream: over the shared connection, and over a new one where that has died. */

import { type Ended, git } from "./git.ts";
import type { Mirror } from "./gate.ts";
import { CONNECT_SECONDS, sshCommand } from "./ssh.ts";

/** How long after an attempt over a shared connection has failed a new connection is worth trying, milliseconds. */
const RETRY_WITHIN = 7_000;

/**
 * Seconds for a connection in the place of the shared one. ssh makes that by itself, in the same attempt, when it has
 * found the shared one dead, which takes it up to 6 s.
 */
const FALLBACK_SECONDS = 5;

/** What a command may take, and how its end is judged. */
export interface UpstreamCall {
  readonly args: readonly string[];
  /** Milliseconds without a word on standard error after which it is ended. */
  readonly silence: number;
  /** Whether it failed before the upstream did anything, so that it can be tried again. */
  readonly failed: (ended: Ended) => boolean;
}

/** Runs a git command that goes upstream. A client never waits longer for the second attempt than for a first one. */
export async function askUpstream(mirror: Mirror, call: UpstreamCall): Promise<Ended> {
  const attempt = (seconds: number) =>
    git(mirror.path, call.args, {
      env: { GIT_SSH_COMMAND: sshCommand(mirror, seconds) },
      silence: call.silence,
    });
  const shared = await Deno.lstat(mirror.control).catch(() => undefined);
  const began = performance.now();
  const first = await attempt(shared === undefined ? CONNECT_SECONDS : FALLBACK_SECONDS);
  const took = performance.now() - began;
  if (!call.failed(first) || shared === undefined || took > RETRY_WITHIN) return first;
  await Deno.remove(mirror.control).catch(() => {});
  return await attempt(Math.max(1, Math.floor(CONNECT_SECONDS + 1 - took / 1000)));
}
