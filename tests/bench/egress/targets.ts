/** The targets, as ratios and differences of medians. */

import { median } from "../stats.ts";
import { type MetricName, METRICS } from "./figures.ts";
import type { PeerName } from "./peers.ts";
import type { Results } from "./rounds.ts";

/** What was wanted and what came of it. */
export interface Verdict {
  readonly target: string;
  readonly measured: string;
  /** Undefined: it was not measured. */
  readonly met: boolean | undefined;
}

/** Median of a metric; undefined: it was not measured. */
export function medianOf(results: Results, peer: PeerName, metric: MetricName): number | undefined {
  const samples = results.get(peer)?.samples[metric];
  return samples === undefined || samples.length === 0 ? undefined : median(samples);
}

const AT_LEAST: readonly (readonly [MetricName, number])[] = [
  ["req10", 14],
  ["req100", 14],
  ["fresh", 4],
  ["down1", 2],
  ["down4", 2],
  ["up1", 2],
  ["up4", 2],
];
const AT_MOST: readonly (readonly [MetricName, number])[] = [["rss100", 1.2], ["start", 0.4]];
const ADDED_AT_MOST: readonly (readonly [MetricName, number])[] = [["p50at1", 0.15], ["p99at1", 0.5]];

/** Judges a run. */
export function verdictsOf(results: Results): readonly Verdict[] {
  const ratio = (ours: PeerName, theirs: PeerName, metric: MetricName) =>
    combine(medianOf(results, ours, metric), medianOf(results, theirs, metric), (a, b) => a / b);
  const added = (metric: MetricName) =>
    combine(medianOf(results, "ours", metric), medianOf(results, "direct", metric), (a, b) => a - b);
  return [
    ...AT_LEAST.map(([metric, bound]) =>
      verdict(
        `ours ÷ mitmproxy, ${METRICS[metric].title}: ≥ ${bound}`,
        ratio("ours", "mitmproxy", metric),
        "",
        (is) => is >= bound,
      )
    ),
    ...AT_MOST.map(([metric, bound]) =>
      verdict(
        `ours ÷ mitmproxy, ${METRICS[metric].title}: ≤ ${bound}`,
        ratio("ours", "mitmproxy", metric),
        "",
        (is) => is <= bound,
      )
    ),
    ...ADDED_AT_MOST.map(([metric, bound]) =>
      verdict(
        `ours − direct, ${METRICS[metric].title}: ≤ ${bound} ms`,
        added(metric),
        " ms",
        (is) => is <= bound,
      )
    ),
    ...(Object.keys(METRICS) as MetricName[]).map((metric) => {
      const more = METRICS[metric].better === "higher";
      return verdict(
        `ours → pipelock ÷ mitmproxy → pipelock, ${METRICS[metric].title}: ${more ? ">" : "<"} 1`,
        ratio("ours-pipelock", "mitmproxy-pipelock", metric),
        "",
        (is) => more ? is > 1 : is < 1,
      );
    }),
  ];
}

function combine(
  a: number | undefined,
  b: number | undefined,
  how: (a: number, b: number) => number,
): number | undefined {
  return a === undefined || b === undefined ? undefined : how(a, b);
}

function verdict(
  target: string,
  value: number | undefined,
  unit: string,
  holds: (value: number) => boolean,
): Verdict {
  if (value === undefined) return { target, measured: "", met: undefined };
  return { target, measured: `${value.toFixed(2)}${unit}`, met: holds(value) };
}
