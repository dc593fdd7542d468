/** The machine that a run was made on, and what else ran on it meanwhile. */

import { TICKS, wholeTimeOf } from "./processes.ts";

/** Facts for the head of the table. */
export interface Machine {
  readonly model: string;
  readonly cores: number;
  /** Cores that other programs, and other guests of the host, kept busy during the run. */
  readonly others: number;
}

/**
 * Starts watching. @returns how to end that; what daemons of this run use counts as others' unless this process is
 * the first one of its namespace
 */
export function watchMachine(): () => Machine {
  const started = performance.now();
  const before = busySeconds() - ownSeconds();
  return () => {
    const seconds = (performance.now() - started) / 1000;
    const model = /^model name\s*:\s*(.*)$/m.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1] ?? "unknown";
    const others = Math.max(0, (busySeconds() - ownSeconds() - before) / seconds);
    return { model, cores: navigator.hardwareConcurrency, others };
  };
}

/** All that the processors have done, and what the host took away. */
function busySeconds(): number {
  const [user, nice, system, , , irq, softirq, steal] = Deno.readTextFileSync("/proc/stat")
    .split("\n", 1)[0]!.split(/\s+/).slice(1).map(Number);
  return (user! + nice! + system! + irq! + softirq! + steal!) / TICKS;
}

/** What this run has used. */
function ownSeconds(): number {
  return wholeTimeOf([Deno.pid]);
}
