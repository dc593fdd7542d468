/** Ten thousand inputs a target from a fixed seed: the same ones on every machine. The nightly task tries others. */

import { run } from "./check.ts";
import { targets } from "./targets.ts";

const RUNS = 10_000;
const SEED = 20_261_125;

for (const target of targets()) {
  Deno.test(`${target.name}: ${target.claim}`, async () => {
    const { failure } = await run(target, { runs: RUNS, seed: SEED });
    if (failure !== undefined) throw new Error(failure);
  });
}
