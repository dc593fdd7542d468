/** The benchmark itself, once it is alone: `main.ts` starts it in its namespaces, with its plan as the argument. */

import { load } from "./load.ts";
import { watchMachine } from "./machine.ts";
import { expectedCredential, type Peer, type PeerName, startPeer } from "./peers.ts";
import type { Options } from "./options.ts";
import { jsonOf, tablesOf } from "./report.ts";
import { runRounds } from "./rounds.ts";
import type { Missing, Tools } from "./tools.ts";
import { makeWorld, type World } from "./world.ts";

interface Plan {
  readonly options: Options;
  readonly tools: Tools;
  readonly missing: Missing;
}

const encoder = new TextEncoder();
const INTERRUPTED = 130;

function say(line: string): void {
  Deno.stderr.writeSync(encoder.encode(`${line}\n`));
}

/** Whoever started this holds the other end, and says nothing. */
async function stdinEnds(): Promise<void> {
  while (await Deno.stdin.read(new Uint8Array(1)) !== null);
}

/** Starts a peer, waits until it answers, and makes sure that it does its work. */
async function startVerified(world: World, name: PeerName, signal: AbortSignal): Promise<Peer> {
  const peer = await startPeer(world, name);
  await load(world, peer, "ready", peer.ready, signal);
  const seen = await load(world, peer, "check", [], signal);
  const expected = expectedCredential(name);
  if (seen !== expected) {
    throw new Error(`${name}: upstream saw the credential "${seen}", not "${expected}"`);
  }
  return peer;
}

async function main({ options, tools, missing }: Plan, signal: AbortSignal): Promise<void> {
  await using world = await makeWorld(tools);
  const peers: Peer[] = [];
  for (const name of options.peers) {
    if (missing[name] !== undefined) {
      say(`${name}: not run: ${missing[name]}`);
      continue;
    }
    peers.push(await startVerified(world, name, signal));
  }
  const machine = watchMachine();
  const results = await runRounds({ world, seconds: options.seconds, signal }, peers, {
    ...options,
    say,
    restart: async (peer) => {
      await peer.stop();
      return await startVerified(world, peer.name, signal);
    },
  });
  const run = { options, tools, missing, results, machine: machine() };
  const text = options.json ? JSON.stringify(jsonOf(run), undefined, 2) : tablesOf(run);
  Deno.stdout.writeSync(encoder.encode(`${text}\n`));
}

if (import.meta.main) {
  const plan: Plan = JSON.parse(Deno.args[0]!);
  const abort = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, () => abort.abort());
  void stdinEnds().then(() => abort.abort());
  try {
    await main(plan, abort.signal);
    Deno.exit(0);
  } catch (error) {
    if (abort.signal.aborted) Deno.exit(INTERRUPTED);
    throw error;
  }
}
