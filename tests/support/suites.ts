/** The test suites: what each needs before it, its permissions, its files. */

import { gitleaksFolder } from "./part_program.ts";
import { pipelockProgram } from "./pipelock_program.ts";

/** Name of a suite, in the order in which they run. */
export type SuiteName = "unit" | "fuzz" | "integration" | "escape" | "e2e";

/** How a suite is run. */
export interface Suite {
  /** Calls of deno that must succeed first. */
  readonly before: readonly (readonly string[])[];
  /** Arguments of `deno test`. */
  readonly args: readonly string[];
  readonly paths: readonly string[];
  /** Environment besides the caller's; asked for when what comes before has run. */
  readonly env: () => Promise<Record<string, string>>;
}

const SETUP = ["task", "setup", "--stand-in-pipelock"] as const;
const PROGRAMS = ["run", "-A", "tests/support/host_programs.ts"] as const;
const IMAGES = ["run", "-A", "tests/support/build_images.ts"] as const;
const COMPILE = ["task", "compile"] as const;

const nothing = (): Promise<Record<string, string>> => Promise.resolve({});

/** Programs that tests start on the host. The stand-in of pipelock is a script that wants `deno` on the PATH. */
async function programs(): Promise<Record<string, string>> {
  const denoFolder = Deno.execPath().replace(/\/[^/]*$/, "");
  return {
    PATH: `${denoFolder}:${await gitleaksFolder()}:${Deno.env.get("PATH")}`,
    BOT_BOTTLE_TEST_PIPELOCK: Deno.env.get("BOT_BOTTLE_TEST_PIPELOCK") ?? await pipelockProgram(),
  };
}

/** Every suite. Most run with all permissions: they start programs, engines and servers. The fuzz tests need none. */
export const SUITES: Readonly<Record<SuiteName, Suite>> = {
  unit: { before: [], args: ["-A", "--parallel"], paths: ["tests/unit"], env: nothing },
  fuzz: { before: [], args: [], paths: ["tests/fuzz"], env: nothing },
  integration: {
    before: [PROGRAMS, SETUP, IMAGES],
    args: ["-A"],
    paths: ["tests/integration"],
    env: programs,
  },
  escape: { before: [PROGRAMS, SETUP, IMAGES], args: ["-A"], paths: ["tests/escape"], env: nothing },
  e2e: { before: [PROGRAMS, SETUP, IMAGES, COMPILE], args: ["-A"], paths: ["tests/e2e"], env: nothing },
};
