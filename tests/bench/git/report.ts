/** The report of a run: tables in Markdown, or everything in JSON. */

import type { Machine } from "../egress/machine.ts";
import { table } from "../table.ts";
import type { Options } from "./options.ts";
import type { Results, SampleName } from "./rounds.ts";
import { medianOf, rowsOf, startRows } from "./rows.ts";
import type { World } from "./world.ts";

/** What a report is made from. */
export interface Run {
  readonly options: Options;
  readonly versions: readonly string[];
  readonly machine: Machine;
  readonly mirrored: World["mirrored"];
  readonly results: Results;
}

/** The tables, with a head that says what was measured where. */
export function tablesOf({ options, versions, machine, mirrored, results }: Run): string {
  const starts = startRows(results).map(({ title, ms, bound }) => [
    title,
    ms.toFixed(1),
    `< ${bound}`,
    verdict(ms < bound),
  ]);
  const gates = options.transports.map((transport) => [
    `${transport}://`,
    whole(mirrored[transport]!),
    results.memory[transport]!.toFixed(1),
  ]);
  return [
    `Medians of ${options.rounds}, ${options.commits} commits; ${machine.cores} cores (${machine.model}), of ` +
    `which others used ${machine.others.toFixed(1)} meanwhile; ${results.moments.busy} of ` +
    `${results.moments.all} measurements found no quiet moment; ${versions.join("; ")}.`,
    ...options.transports.map((transport) =>
      table(
        [`${transport}://`, "without, ms", "gate, ms", "ratio", "target", "met"],
        rowsOf(results, transport).map(({ title, base, gate, ratio, bound }) => [
          title,
          whole(base),
          whole(gate),
          ratio.toFixed(2),
          ...bound === undefined ? ["", ""] : [`≤ ${bound}`, verdict(ratio <= bound)],
        ]),
      )
    ),
    table(["start of a hook until its first line", "ms", "target", "met"], starts),
    table(["the gate", "start until it has its mirrors, ms", "peak memory of its main process, MB"], gates),
  ].join("\n\n");
}

/** Medians, samples and rows. */
export function jsonOf({ options, versions, machine, mirrored, results }: Run): unknown {
  const names = Object.keys(results.samples) as SampleName[];
  return {
    machine,
    versions,
    options,
    mirrored,
    medians: Object.fromEntries(names.map((name) => [name, medianOf(results, name)])),
    rows: Object.fromEntries(
      options.transports.map((transport) => [transport, rowsOf(results, transport)]),
    ),
    starts: startRows(results),
    ...results,
  };
}

function whole(ms: number): string {
  return Math.round(ms).toLocaleString("en");
}

function verdict(met: boolean): string {
  return met ? "yes" : "**no**";
}
