/** The report of a run: tables in Markdown, or everything in JSON. */

import { table } from "../table.ts";
import { type MetricName, METRICS } from "./figures.ts";
import type { Machine } from "./machine.ts";
import type { Options } from "./options.ts";
import type { PeerName } from "./peers.ts";
import type { PeerResults, Results } from "./rounds.ts";
import { medianOf, verdictsOf } from "./targets.ts";
import type { Missing, Tools } from "./tools.ts";

/** What a report is made from. */
export interface Run {
  readonly options: Options;
  readonly tools: Tools;
  readonly missing: Missing;
  readonly results: Results;
  readonly machine: Machine;
}

/** Both tables, with a head that says what was measured where. */
export function tablesOf(run: Run): string {
  const { options, results, missing } = run;
  const names = options.peers.filter((name) => results.has(name));
  const rows = (Object.keys(METRICS) as MetricName[])
    .filter((metric) => names.some((name) => medianOf(results, name, metric) !== undefined))
    .map((metric) => [
      `${METRICS[metric].title}, ${METRICS[metric].unit}`,
      ...names.map((name) => shown(medianOf(results, name, metric))),
    ]);
  const verdicts = verdictsOf(results);
  return [
    headOf(run),
    table(["", ...names], rows),
    ...verdicts.length === 0 ? [] : [table(
      ["target", "measured", "met"],
      verdicts.map(({ target, measured, met }) => [target, measured, met ? "yes" : "**no**"]),
    )],
    ...Object.entries(missing).map(([name, why]) => `${name}: not run: ${why}`),
    ...names.flatMap((name) => notesOf(name, results.get(name)!)),
  ].join("\n\n");
}

/** What a reader of the table must know of one peer. */
function notesOf(name: PeerName, { failures, troubles }: PeerResults): readonly string[] {
  const texts = Object.entries(troubles).map(([figure, { redials, failed, failure }]) => {
    const parts = [
      ...failed > 0 ? [`${failed} requests failed (${plain(failure)})`] : [],
      ...redials > 0 ? [`${redials} connections were closed between requests and opened anew`] : [],
    ];
    return `${figure}: ${parts.join("; ")}`;
  });
  const all = [...texts, ...failures.map((text) => `failed: ${plain(text)}`)];
  return all.length === 0 ? [] : [`${name}:\n\n${all.map((text) => `- ${text}`).join("\n")}`];
}

/** An answer in one line and without its markup. */
function plain(text: string): string {
  return text.replaceAll(/<[^>]*>|\s+/g, " ").replaceAll(/ +/g, " ").trim();
}

/** Medians, samples and verdicts. */
export function jsonOf(run: Run): unknown {
  const { options, tools, missing, results, machine } = run;
  const peers = Object.fromEntries([...results].map(([name, { samples, ...rest }]) => {
    const medians = Object.keys(samples).map((
      metric,
    ) => [metric, medianOf(results, name, metric as MetricName)]);
    return [name, { medians: Object.fromEntries(medians), samples, ...rest }];
  }));
  const { rounds, seconds } = options;
  return {
    machine,
    versions: tools.versions,
    rounds,
    seconds,
    peers,
    missing,
    targets: verdictsOf(results),
  };
}

function headOf({ options, tools, machine }: Run): string {
  const versions = Object.entries(tools.versions).map(([name, version]) => `${name} ${version}`);
  return `Medians of ${options.rounds}, loads of ${options.seconds} s; ${machine.cores} cores (${machine.model}), ` +
    `of which others used ${machine.others.toFixed(1)} meanwhile; ${versions.join("; ")}.`;
}

function shown(value: number | undefined): string {
  if (value === undefined) return "";
  if (value >= 100) return Math.round(value).toLocaleString("en");
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
