/** Debian packages that set-up needs on the host. */

import { OperatorError } from "../../lib/errors.ts";
import { commandFailed, run, which } from "./run.ts";
import type { Surroundings } from "./surroundings.ts";

const OPTIONS = { env: { DEBIAN_FRONTEND: "noninteractive" } } as const;

/** Whether packages can be installed here: a Debian-like system, and we are root. */
export async function canInstall(at: Pick<Surroundings, "path">): Promise<boolean> {
  return Deno.uid() === 0 && await which("apt-get", at.path) !== undefined;
}

/**
 * Sees to it that a program is there.
 *
 * @throws {OperatorError} it is not, and cannot be installed
 */
export async function ensureProgram(
  at: Pick<Surroundings, "path" | "report">,
  program: string,
  packages: readonly string[],
): Promise<void> {
  if (await which(program, at.path) !== undefined) return;
  if (!await canInstall(at)) {
    throw new OperatorError(`${program} is not installed`, {
      mend: `install it (on Debian or Ubuntu: sudo apt-get install ${
        packages.join(" ")
      }), then run set-up again`,
    });
  }
  await at.report.step(`${program}: apt-get install ${packages.join(" ")}`, () => installPackages(packages));
}

/** Installs packages without their recommendations. @throws {OperatorError} apt fails */
export async function installPackages(packages: readonly string[]): Promise<void> {
  try {
    await run(["apt-get", "update"], OPTIONS);
    await run(["apt-get", "install", "-y", "--no-install-recommends", ...packages], OPTIONS);
  } catch (error) {
    throw commandFailed(
      `installing ${packages.join(", ")}`,
      error,
      "repair the package system, then run set-up again",
    );
  }
}
