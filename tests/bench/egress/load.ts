/** Calls of the load generator. */

import type { Peer } from "./peers.ts";
import { HOST, type World } from "./world.ts";

/** Times are milliseconds. */
export interface RateResult {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Requests, those of the warm-up too. */
  readonly all: number;
}

/** Results of the commands of the load generator. */
export interface LoadResults {
  rate: RateResult;
  fresh: RateResult;
  down: { readonly megabytesPerSecond: number };
  up: { readonly megabytesPerSecond: number };
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
