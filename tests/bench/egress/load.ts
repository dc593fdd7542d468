/** Calls of the load generator. */

import type { Peer } from "./peers.ts";
import { HOST, type World } from "./world.ts";

/** What went wrong in a load. */
export interface Tally {
  /** Connections that the peer had closed when the next request was sent; it was sent on a new one. */
  readonly redials: number;
  /** Requests without a good answer; they count for nothing else. */
  readonly failed: number;
  /** The first failure. */
  readonly failure?: string;
}

/** Times are milliseconds. */
export interface RateResult extends Tally {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Requests, those of the warm-up too. */
  readonly all: number;
}

/** Throughput in millions of bytes a second. */
export interface BulkResult extends Tally {
  readonly megabytesPerSecond: number;
}

/** Results of the commands of the load generator. */
export interface LoadResults {
  rate: RateResult;
  fresh: RateResult;
  down: BulkResult;
  up: BulkResult;
  events: { readonly p50: number; readonly p99: number };
  /** Milliseconds since the epoch. */
  ready: { readonly ready: number; readonly first: number };
  check: string;
}

/** Longer than any load may take that its own limits bound. */
const TIMEOUT_MS = 200_000;

/**
 * Runs one load through a peer.
 *
 * @throws {Error} with what the generator said
 */
export async function load<Command extends keyof LoadResults>(
  world: World,
  peer: Peer,
  command: Command,
  args: readonly string[],
  signal: AbortSignal,
): Promise<LoadResults[Command]> {
  const { success, stdout, stderr } = await new Deno.Command(world.tools.load, {
    args: [
      command,
      ...["--target", `${HOST}:443`, "--ca", peer.ca],
      ...peer.proxy === undefined ? [] : ["--proxy", peer.proxy],
      ...args,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  }).output();
  signal.throwIfAborted();
  const decoder = new TextDecoder();
  if (!success) throw new Error(decoder.decode(stderr).trim() || `${command} was ended`);
  const result: LoadResults[Command] = JSON.parse(decoder.decode(stdout));
  return result;
}
