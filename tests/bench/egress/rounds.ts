/** Rounds: in each, every figure in turn, and for each figure every peer in turn. */

import { type Bench, type FigureName, measure, type MetricName } from "./figures.ts";
import type { Peer, PeerName } from "./peers.ts";
import { processorTimeOf } from "./processes.ts";

/** What went wrong in the loads of one figure, over all rounds. */
export interface Trouble {
  redials: number;
  failed: number;
  /** The first failure. */
  failure: string;
}

/** Results of one peer. */
export interface PeerResults {
  readonly samples: Partial<Record<MetricName, number[]>>;
  /** Cores that the peer kept busy, by figure: how near it was to its limit. */
  readonly cores: Partial<Record<FigureName, number[]>>;
  readonly troubles: Partial<Record<FigureName, Trouble>>;
  /** Loads that gave nothing. */
  readonly failures: string[];
}

/** Results of a run. */
export type Results = ReadonlyMap<PeerName, PeerResults>;

/** What a run needs besides its bench. */
export interface RoundsOptions {
  readonly figures: readonly FigureName[];
  readonly rounds: number;
  /** Starts a peer anew whose program has ended. */
  restart(peer: Peer): Promise<Peer>;
  say(line: string): void;
}

/** Measures. A load that fails is noted, and the others go on. */
export async function runRounds(
  bench: Bench,
  started: readonly Peer[],
  { figures, rounds, restart, say }: RoundsOptions,
): Promise<Results> {
  const results = new Map<PeerName, PeerResults>(
    started.map(({ name }) => [name, { samples: {}, cores: {}, troubles: {}, failures: [] }]),
  );
  let peers = started;
  for (let round = 1; round <= rounds; round++) {
    // Another one first in each round: what a load leaves behind must not always meet the same peer.
    peers = [...peers.slice(1), ...peers.slice(0, 1)];
    for (const figure of figures) {
      const next: Peer[] = [];
      for (const peer of peers) {
        const where = `round ${round}, ${figure}, ${peer.name}`;
        const note = (what: string) => {
          results.get(peer.name)!.failures.push(`${figure}, round ${round}: ${what}`);
          say(`${where}: failed: ${what}`);
        };
        try {
          say(`${where}: ${await measureInto(results.get(peer.name)!, bench, peer, figure)}`);
        } catch (error) {
          bench.signal.throwIfAborted();
          note(error instanceof Error ? error.message : String(error));
        }
        const death = await peer.death();
        if (death !== undefined) note(`it ended by itself and was started anew: ${death}`);
        next.push(death === undefined ? peer : await restart(peer));
      }
      peers = next;
    }
  }
  return results;
}

/** Adds one measurement to the results. @returns it as text */
async function measureInto(
  results: PeerResults,
  bench: Bench,
  peer: Peer,
  figure: FigureName,
): Promise<string> {
  const started = performance.now();
  const before = processorTimeOf(peer.pids);
  const { values, tally } = await measure(bench, peer, figure);
  const cores = (processorTimeOf(peer.pids) - before) / (performance.now() - started) * 1000;
  (results.cores[figure] ??= []).push(cores);
  const shown: string[] = [];
  for (const [name, value] of Object.entries(values) as [MetricName, number][]) {
    (results.samples[name] ??= []).push(value);
    shown.push(`${name} ${value.toFixed(value < 100 ? 2 : 0)}`);
  }
  if (tally !== undefined && tally.redials + tally.failed > 0) {
    const trouble = results.troubles[figure] ??= { redials: 0, failed: 0, failure: tally.failure ?? "" };
    trouble.redials += tally.redials;
    trouble.failed += tally.failed;
    trouble.failure ||= tally.failure ?? "";
    shown.push(`${tally.failed} failed, ${tally.redials} redials`);
  }
  return shown.join(", ");
}
