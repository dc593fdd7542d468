/** Waits for a moment in which nobody else uses the machine. */

import { TICKS } from "../egress/processes.ts";

/** How long the processors are watched at a time, milliseconds. */
const WINDOW = 150;

/** Share of one core that may be in use. */
const IDLE = 0.2;

/** Waits until nobody computes, at most so many milliseconds. Gives whether that came. */
export async function untilQuiet(patience: number): Promise<boolean> {
  const late = performance.now() + patience;
  while (true) {
    const [began, before] = [performance.now(), busyTicks()];
    await new Promise((resolve) => setTimeout(resolve, WINDOW));
    const busy = (busyTicks() - before) / TICKS / ((performance.now() - began) / 1000);
    if (busy <= IDLE) return true;
    if (performance.now() > late) return false;
  }
}

function busyTicks(): number {
  const [user, nice, system, , , irq, softirq, steal] = Deno.readTextFileSync("/proc/stat")
    .split("\n", 1)[0]!.split(/\s+/).slice(1).map(Number);
  return user! + nice! + system! + irq! + softirq! + steal!;
}
