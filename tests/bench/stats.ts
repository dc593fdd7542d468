/** Medians and percentiles of repeated measurements. */

/** Middle value. */
export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** Value below which this share of the values lies, interpolated. @param share 0 to 100 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * share / 100;
  const low = sorted[Math.floor(at)] ?? NaN;
  const high = sorted[Math.ceil(at)] ?? NaN;
  return low + (high - low) * (at - Math.floor(at));
}

/** `median 40 ms, p95 44 ms (n=10)` */
export function summary(values: readonly number[], unit: string): string {
  const shown = (value: number) => `${value >= 100 ? Math.round(value) : value.toFixed(1)} ${unit}`;
  return `median ${shown(median(values))}, p95 ${shown(percentile(values, 95))} (n=${values.length})`;
}
