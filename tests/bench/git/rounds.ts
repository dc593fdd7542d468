/** Rounds: in each, every figure in turn, and for each figure every client in turn. */

import { FIGURE_NAMES, type FigureName, measure, prepare, prove } from "./figures.ts";
import { HOOK_NAMES, type HookName, startOf } from "./hooks.ts";
import { untilQuiet } from "./quiet.ts";
import type { Side, World } from "./world.ts";

/** Milliseconds, by what was measured: a figure of a side, gitleaks alone, the start of a hook. */
export type SampleName = `${FigureName}/${Side | "gitleaks"}` | `start/${HookName}`;

/** Results of a run. */
export interface Results {
  readonly samples: Partial<Record<SampleName, number[]>>;
  /** Most resident memory of the gate's main process by transport, MB. */
  readonly memory: Partial<Record<Side, number>>;
  /** Measurements, and those of them that began while others were computing. */
  readonly moments: { all: number; busy: number };
}

/** How long a measurement waits for a quiet moment, milliseconds. */
const PATIENCE = 1_000;

/** Starts of each hook in a round: they are short, and so is what disturbs them. */
const STARTS = 5;

/** Measures. */
export async function runRounds(
  world: World,
  rounds: number,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Results> {
  const results: Results = { samples: {}, memory: {}, moments: { all: 0, busy: 0 } };
  const add = (name: SampleName, ms: number) => {
    (results.samples[name] ??= []).push(ms);
    return `${name} ${ms.toFixed(0)}`;
  };
  const quiet = async () => {
    signal.throwIfAborted();
    results.moments.all++;
    if (!await untilQuiet(PATIENCE)) results.moments.busy++;
  };
  for (const client of world.clients) await prove(client);
  let { clients } = world;
  for (let round = 1; round <= rounds; round++) {
    // Another one first in each round: what one leaves behind must not always meet the same other.
    clients = [...clients.slice(1), ...clients.slice(0, 1)];
    const said: string[] = [];
    for (const figure of FIGURE_NAMES) {
      await prepare(world, figure);
      for (const client of clients) {
        const { ms, gitleaks } = await measure(world, client, figure, quiet);
        said.push(add(`${figure}/${client.side}`, ms));
        if (gitleaks !== undefined) said.push(add(`${figure}/gitleaks`, gitleaks));
      }
    }
    const gate = world.clients.find((client) => client.gate !== undefined)?.gate;
    for (let start = 0; gate !== undefined && start < STARTS; start++) {
      for (const hook of HOOK_NAMES) {
        await quiet();
        add(`start/${hook}`, await startOf(gate, hook));
      }
    }
    say(`round ${round}: ${said.join(", ")}`);
  }
  for (const { side, gate } of world.clients) {
    if (gate !== undefined) results.memory[side] = await peakOf(gate.pid);
  }
  return results;
}

async function peakOf(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) / 1024;
}
