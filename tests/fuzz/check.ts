/** One fuzz target, and how it is run, counted and replayed. */

import fc from "fast-check";

/** Counts of one run, so that a generator that only makes rubbish is noticed. */
export class Tally {
  /** Inputs, or messages of an input, that the code under test took. */
  accepted = 0;
  /** Those that it refused. */
  refused = 0;

  /** Counts one judgement. */
  count(accepted: boolean): void {
    if (accepted) this.accepted++;
    else this.refused++;
  }

  /** Part that was accepted, 0 to 1. */
  get share(): number {
    return this.accepted / Math.max(1, this.accepted + this.refused);
  }
}

/** Something that is fuzzed. */
export interface Target {
  /** What it is called on the command line. */
  readonly name: string;
  /** The property in one line. */
  readonly claim: string;
  /** Least share of inputs that must be accepted: below it the test proves nothing. */
  readonly leastAccepted: number;
  /** The generator and its property; the tally counts what comes of the inputs. */
  readonly property: (tally: Tally) => fc.IRawProperty<unknown>;
}

/** Which inputs are tried. The same ones give the same inputs, on any machine. */
export interface RunOptions {
  /** Inputs to try. */
  readonly runs: number;
  /** Seed of the generator. */
  readonly seed: number;
  /** Path to one input in that seed's tree, as a failure prints it; undefined: from the start. */
  readonly path?: string | undefined;
  /** Further flags of the command that replays a failure. */
  readonly flags?: readonly string[];
}

/** What came of a run. */
export interface Outcome {
  readonly runs: number;
  readonly tally: Tally;
  readonly seconds: number;
  /** The shrunk input, why it fails, and the command that replays it; undefined: none failed. */
  readonly failure: string | undefined;
}

/** Tries a target; shrinks the first input that fails. */
export async function run(target: Target, options: RunOptions): Promise<Outcome> {
  const tally = new Tally();
  const start = performance.now();
  const details = await fc.check(target.property(tally), {
    numRuns: options.runs,
    seed: options.seed,
    ...options.path !== undefined && { path: options.path },
  });
  return {
    runs: details.numRuns,
    tally,
    seconds: (performance.now() - start) / 1000,
    failure: details.failed
      ? describe(target, details, options.flags ?? [])
      : vacuity(target, tally, options),
  };
}

function describe(target: Target, details: fc.RunDetails<unknown>, flags: readonly string[]): string {
  const error = details.errorInstance;
  const words = ["--seed", details.seed, "--path", details.counterexamplePath, ...flags, target.name];
  return [
    `${target.name}: ${error instanceof Error ? error.message : String(error)}`,
    `  claim:  ${target.claim}`,
    `  input:  ${fc.stringify(details.counterexample)}`,
    `  shrunk: ${details.numShrinks} times; failed at input ${details.numRuns}`,
    `  replay: deno task fuzz ${words.join(" ")}`,
    ...framesOf(error),
  ].join("\n");
}

/** Where it was thrown. */
function framesOf(error: unknown): readonly string[] {
  const stack = error instanceof Error ? error.stack ?? "" : "";
  return stack.split("\n").filter((line) => line.startsWith("    at ")).slice(0, 4);
}

function vacuity(target: Target, tally: Tally, options: RunOptions): string | undefined {
  if (options.runs < 1000 || tally.share >= target.leastAccepted) return undefined;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return `${target.name}: only ${percent(tally.share)} of the inputs were accepted, ` +
    `less than ${percent(target.leastAccepted)}: the generator proves too little`;
}

/** Longest time that one input of a few kilobytes may take, in milliseconds: what is linear takes less than one. */
const PATIENCE = 2_000;

/** Fails when an input has taken longer than any linear work would. */
export function assertQuick(start: number): void {
  const taken = performance.now() - start;
  if (taken > PATIENCE) throw new Error(`one input took ${Math.round(taken)} ms`);
}
