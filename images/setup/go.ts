/** Programs built by `go install` at a pinned version. */

import { OperatorError } from "../../lib/errors.ts";
import { PARTS } from "../parts.ts";
import { keep } from "./artefacts.ts";
import { run, which } from "./run.ts";
import type { Surroundings } from "./surroundings.ts";

/** A program of a Go module. */
export interface GoProgram {
  /** Name of the program. */
  readonly name: string;
  /** Package to install, without version. */
  readonly pkg: string;
  /** Version of its module, without `v`. */
  readonly version: string;
  /** Linker flags, e.g. the version that the program prints. */
  readonly ldflags: string;
}

/** gitleaks (MIT). */
export const GITLEAKS: GoProgram = {
  name: "gitleaks",
  pkg: "github.com/zricethezav/gitleaks/v8",
  version: PARTS.gitleaks.version,
  ldflags: `-s -w -X github.com/zricethezav/gitleaks/v8/version.Version=${PARTS.gitleaks.version}`,
};

/** pipelock (Apache-2.0). */
export const PIPELOCK: GoProgram = {
  name: "pipelock",
  pkg: "github.com/luckyPipewrench/pipelock/cmd/pipelock",
  version: PARTS.pipelock.version,
  ldflags: "-s -w",
};

/**
 * Builds a static program and gives its path, kept between runs.
 *
 * @throws {OperatorError} there is no go
 * @throws {CommandError} go fails
 */
export async function goInstall(at: Surroundings, program: GoProgram): Promise<string> {
  const spec = `${program.pkg}@v${program.version}`;
  return await keep(at, `${program.name}-${program.version}-${at.arch}`, async (path) => {
    if (await which("go", at.path) === undefined) {
      throw new OperatorError(`${program.name} cannot be built: go is not on the PATH`, {
        mend: "install Go 1.21 or newer, then run set-up again",
      });
    }
    await at.report.step(`go install ${spec}`, () => build(at, program, path));
  });
}

async function build(at: Surroundings, program: GoProgram, path: string): Promise<void> {
  const bin = await Deno.makeTempDir({ dir: at.cache, prefix: "go-" });
  try {
    await run(
      ["go", "install", "-trimpath", "-ldflags", program.ldflags, `${program.pkg}@v${program.version}`],
      // Outside any module, so that no go.mod of the folder set-up runs in has a say.
      { cwd: bin, env: { GOBIN: bin, CGO_ENABLED: "0" } },
    );
    await Deno.rename(`${bin}/${built(program)}`, path);
  } finally {
    await Deno.remove(bin, { recursive: true });
  }
}

/** Go names the program for the last element of its package that is not a major version. */
function built(program: GoProgram): string {
  const elements = program.pkg.split("/").filter((element) => !/^v\d+$/.test(element));
  return elements.at(-1) ?? program.name;
}
