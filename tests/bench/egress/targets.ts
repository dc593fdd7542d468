/** The targets: bounds of ratios and differences of medians. */

import { median } from "../stats.ts";
import { type MetricName, METRICS } from "./figures.ts";
import type { PeerName } from "./peers.ts";
import type { Results } from "./rounds.ts";

/** What was wanted and what came of it. */
export interface Verdict {
  readonly target: string;
  readonly measured: string;
  readonly met: boolean;
}

/** One target. */
interface Target {
  readonly metric: MetricName;
  readonly of: PeerName;
  readonly against: PeerName;
  /** `÷`: ratio of the two medians; `−`: their difference. */
  readonly by: "÷" | "−";
  readonly sense: "≥" | "≤" | ">" | "<";
  readonly bound: number;
}

const ratio = (metric: MetricName, sense: Target["sense"], bound: number): Target => (
  { metric, of: "ours", against: "mitmproxy", by: "÷", sense, bound }
);
const added = (metric: MetricName, bound: number): Target => (
  { metric, of: "ours", against: "direct", by: "−", sense: "≤", bound }
);
const chain = (metric: MetricName): Target => ({
  metric,
  of: "ours-pipelock",
  against: "mitmproxy-pipelock",
  by: "÷",
  sense: METRICS[metric].better === "higher" ? ">" : "<",
  bound: 1,
});

const TARGETS: readonly Target[] = [
  ratio("req10", "≥", 14),
  ratio("req100", "≥", 14),
  ratio("fresh", "≥", 4),
  ratio("down1", "≥", 2),
  ratio("down4", "≥", 2),
  ratio("up1", "≥", 2),
  ratio("up4", "≥", 2),
  ratio("rss100", "≤", 1.2),
  ratio("start", "≤", 0.4),
  added("p50at1", 0.15),
  added("p99at1", 0.5),
  ...(Object.keys(METRICS) as MetricName[]).map(chain),
];

/** Median of a metric; undefined: it was not measured. */
export function medianOf(results: Results, peer: PeerName, metric: MetricName): number | undefined {
  const samples = results.get(peer)?.samples[metric];
  return samples === undefined || samples.length === 0 ? undefined : median(samples);
}

/** Judges a run: all targets whose figures were measured. */
export function verdictsOf(results: Results): readonly Verdict[] {
  return TARGETS.flatMap((target) => {
    const a = medianOf(results, target.of, target.metric);
    const b = medianOf(results, target.against, target.metric);
    return a === undefined || b === undefined ? [] : [judge(target, target.by === "÷" ? a / b : a - b)];
  });
}

function judge({ metric, of, against, by, sense, bound }: Target, value: number): Verdict {
  const { title, unit } = METRICS[metric];
  const suffix = by === "−" ? ` ${unit}` : "";
  const met = { "≥": value >= bound, "≤": value <= bound, ">": value > bound, "<": value < bound };
  return {
    target: `${of} ${by} ${against}, ${title}: ${sense} ${bound}${suffix}`,
    measured: `${value.toFixed(2)}${suffix}`,
    met: met[sense],
  };
}
