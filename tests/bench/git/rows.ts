/** Rows of the report, each with what is wanted of it. */

import type { Transport } from "../../support/git_gate.ts";
import { median } from "../stats.ts";
import type { FigureName } from "./figures.ts";
import { HOOK_NAMES } from "./hooks.ts";
import type { Results, SampleName } from "./rounds.ts";

/** A figure through the gate and without it. */
export interface Row {
  readonly title: string;
  /** Without the gate, ms. */
  readonly base: number;
  /** Through the gate, ms. */
  readonly gate: number;
  readonly ratio: number;
  /** Highest ratio that is wanted; absent: the row is for information. */
  readonly bound?: number;
}

/** The start of a hook. */
export interface StartRow {
  readonly title: string;
  readonly ms: number;
  /** What it must stay below, ms. */
  readonly bound: number;
}

const TITLES: readonly (readonly [FigureName, title: string, bound?: number])[] = [
  ["clone", "clone", 1.25],
  ["fetch1", "fetch, 1 new commit", 1.25],
  ["fetch100", "fetch, 100 new commits", 1.25],
  ["fetch0", "fetch, nothing new"],
  ["fetch1cold", "fetch, 1 new commit, the gate not logged in"],
  ["push", "push of 100 commits + gitleaks", 1.2],
  ["pushSoon", "push of 100 commits + gitleaks, soon after a look upstream"],
];

const START_BOUND = 60;

/** What was measured of one transport. */
export function rowsOf(results: Results, transport: Transport): readonly Row[] {
  return TITLES.map(([figure, title, bound]) => {
    const base = medianOf(results, `${figure}/direct`)! + (medianOf(results, `${figure}/gitleaks`) ?? 0);
    const gate = medianOf(results, `${figure}/${transport}`)!;
    return { title, base, gate, ratio: gate / base, ...(bound !== undefined && { bound }) };
  });
}

/** The hooks' starts. */
export function startRows(results: Results): readonly StartRow[] {
  return HOOK_NAMES.flatMap((hook) => {
    const ms = medianOf(results, `start/${hook}`);
    return ms === undefined ? [] : [{ title: hook, ms, bound: START_BOUND }];
  });
}

/** Median of what was measured; undefined: nothing was. */
export function medianOf({ samples }: Results, name: SampleName): number | undefined {
  const values = samples[name];
  return values === undefined ? undefined : median(values);
}
