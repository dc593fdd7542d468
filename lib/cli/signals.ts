/** Ctrl-C and its relatives as an abort: whatever runs is torn down first, then bottle exits. */

import type { Output } from "./output.ts";

/** Signals that end a bottle. */
export type EndSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

/** Exit statuses by convention: 128 and the signal's number. */
const STATUS: Readonly<Record<EndSignal, number>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };

/** The operator or the system asked bottle to end. */
export class Interrupted extends Error {
  /** `Interrupted` */
  override readonly name = "Interrupted";
  /** Exit status of the program. */
  readonly status: number;

  /** Makes the reason of an abort. */
  constructor(by: EndSignal) {
    super(`interrupted by ${by}`);
    this.status = STATUS[by];
  }
}

/** Signals heard as an abort, until disposed. */
export interface SignalWatch extends Disposable {
  /** Aborted with {@linkcode Interrupted} by the first signal. */
  readonly signal: AbortSignal;
}

/**
 * Listens. The first signal aborts; the second says that the teardown is under way; the third gives up on it and
 * exits, since the operator has been told what that leaves.
 */
export function watchSignals(output: Output, exit: (status: number) => void = Deno.exit): SignalWatch {
  const controller = new AbortController();
  let heard = 0;
  const listeners = (Object.keys(STATUS) as EndSignal[]).map((name) => {
    const listener = (): void => {
      heard++;
      if (heard === 1) controller.abort(new Interrupted(name));
      if (heard === 2) output.say("still tearing down; once more leaves the rest to `bottle cleanup`");
      if (heard >= 3) exit(STATUS[name]);
    };
    Deno.addSignalListener(name, listener);
    return { name, listener };
  });
  return {
    signal: controller.signal,
    [Symbol.dispose](): void {
      for (const { name, listener } of listeners) Deno.removeSignalListener(name, listener);
    },
  };
}
