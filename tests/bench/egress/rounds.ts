/** Rounds: in each, every figure in turn, and for each figure every peer in turn. */

import { type Bench, measure, type MetricName } from "./figures.ts";
import type { Options } from "./options.ts";
import type { Peer, PeerName } from "./peers.ts";

/** Samples of one peer by metric, and what could not be measured. */
export interface PeerResults {
  readonly samples: Partial<Record<MetricName, number[]>>;
  readonly failures: string[];
}

/** Results of a run. */
export type Results = ReadonlyMap<PeerName, PeerResults>;

/** Measures. A load that fails is noted, and the others go on. */
export async function runRounds(
  bench: Bench,
  peers: readonly Peer[],
  options: Options,
  say: (line: string) => void,
): Promise<Results> {
  const results = new Map<PeerName, PeerResults>(
    peers.map(({ name }) => [name, { samples: {}, failures: [] }]),
  );
  for (let round = 0; round < options.rounds; round++) {
    for (const figure of options.figures) {
      // Another one first in each round: what a load leaves behind must not always meet the same peer.
      const from = round % peers.length;
      for (const peer of [...peers.slice(from), ...peers.slice(0, from)]) {
        const { samples, failures } = results.get(peer.name)!;
        try {
          const sample = await measure(bench, peer, figure);
          const shown: string[] = [];
          for (const [name, value] of Object.entries(sample) as [MetricName, number][]) {
            (samples[name] ??= []).push(value);
            shown.push(`${name} ${value.toFixed(value < 100 ? 2 : 0)}`);
          }
          if (shown.length > 0) say(`round ${round + 1}, ${figure}, ${peer.name}: ${shown.join(", ")}`);
        } catch (error) {
          bench.signal.throwIfAborted();
          const what = error instanceof Error ? error.message : String(error);
          failures.push(`${figure}, round ${round + 1}: ${what}`);
          say(`round ${round + 1}, ${figure}, ${peer.name}: failed: ${what}`);
        }
      }
    }
  }
  return results;
}
