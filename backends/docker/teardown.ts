/** A launch's stack of undo: each step registers how to take back what it makes, and nothing else cleans up. */

import { messageOf } from "../../lib/errors.ts";

interface Undo {
  readonly what: string;
  readonly run: () => Promise<void>;
}

/**
 * Takes back what a launch made: stage by stage, the last one first; within a stage at once.
 *
 * A failure is told by resource and step and never hides the error that led here.
 */
export class Teardown implements AsyncDisposable {
  readonly #warn: (text: string) => void;
  #stages: Undo[][] = [];

  /** @param warn told of each failure */
  constructor(warn: (text: string) => void) {
    this.#warn = warn;
  }

  /** Begins a stage: what is made from now on stands on what was made before. */
  stage(): void {
    this.#stages.push([]);
  }

  /**
   * Registers an undo. It is registered before the resource is asked for, since an answer can be lost on the
   * way; so the undo must accept that there is nothing.
   *
   * @param what resource and step, e.g. `removing container bot-bottle-x`
   */
  add(what: string, run: () => Promise<void>): void {
    if (this.#stages.length === 0) this.stage();
    this.#stages.at(-1)!.push({ what, run });
  }

  /** Hands everything over: disposing this one does nothing any more. */
  handOver(): Teardown {
    const next = new Teardown(this.#warn);
    next.#stages = this.#stages;
    this.#stages = [];
    return next;
  }

  /** Runs every undo, once. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (let stage = this.#stages.pop(); stage !== undefined; stage = this.#stages.pop()) {
      await Promise.all(stage.map((undo) => this.#attempt(undo)));
    }
  }

  async #attempt({ what, run }: Undo): Promise<void> {
    try {
      await run();
    } catch (error) {
      this.#warn(`teardown: ${what} failed: ${messageOf(error)}`);
    }
  }
}

/**
 * Runs work at once, waits until all of it has settled, and only then throws the first failure: what is still
 * being made when a neighbour fails must be finished before it can be undone.
 */
export async function together<T extends readonly unknown[]>(
  ...work: { readonly [K in keyof T]: Promise<T[K]> }
): Promise<T> {
  const settled = await Promise.allSettled(work);
  const failure = settled.find((result) => result.status === "rejected");
  if (failure) throw failure.reason;
  return await Promise.all(work) as unknown as T;
}
