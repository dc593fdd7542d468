/** Launches of a plan that the test has already seen, with faults at the steps it chooses. */

import type { Backend, Bottle, Progress } from "../../lib/bottle/contracts.ts";
import type { BottlePlan } from "../../lib/bottle/plan.ts";
import { acquireOwnerLock } from "../../lib/state/lock.ts";
import { makeStateFolders, removeStateFolder, statePaths } from "../../lib/state/paths.ts";
import type { Lab } from "./lab.ts";

/** Everything that a launch said. */
export interface Recording extends Progress {
  readonly steps: readonly string[];
  readonly details: readonly string[];
  readonly warnings: readonly string[];
  /** Last lines of work that failed. */
  readonly tails: readonly string[];
}

/** Records what a launch says. @param onStep called at each step with its name and its number, from 0 */
export function recording(onStep: (name: string, index: number) => void = () => undefined): Recording {
  const steps: string[] = [];
  const details: string[] = [];
  const warnings: string[] = [];
  const tails: string[] = [];
  return {
    steps,
    details,
    warnings,
    tails,
    step: (name) => onStep(name, steps.push(name) - 1),
    detail: (text) => void details.push(text),
    warn: (text) => void warnings.push(text),
    tail: (lines) => void tails.push(...lines),
  };
}

/** What {@linkcode withLaunched} launches. */
export interface Launching {
  readonly backend: Backend;
  readonly plan: BottlePlan;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** Launches a plan with its lock and state folder, uses the bottle, and takes all of it away again. */
export async function withLaunched(
  lab: Lab,
  { backend, plan, progress, signal = new AbortController().signal }: Launching,
  use: (bottle: Bottle) => Promise<void>,
): Promise<void> {
  await using undo = new AsyncDisposableStack();
  const lock = await acquireOwnerLock(lab.home, plan.identity, { fresh: true });
  undo.defer(() => lock.release());
  undo.defer(() => removeStateFolder(lab.home, plan.identity));
  await makeStateFolders(statePaths(lab.home, plan.identity));
  const bottle = await backend.launch(plan, progress, signal);
  undo.defer(() => bottle.close());
  await use(bottle);
}
