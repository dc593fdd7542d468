/** Where a pipelock comes from when no registry has one: the PATH, or Go's module proxy. */

import { OperatorError } from "../../lib/errors.ts";
import { PARTS } from "../parts.ts";
import { isStaticProgram } from "./elf.ts";
import { goInstall, PIPELOCK } from "./go.ts";
import { CommandError, commandFailed, run, which } from "./run.ts";
import type { Surroundings } from "./surroundings.ts";

const { version: VERSION, setting: SETTING } = PARTS.pipelock;
const [MAJOR, MINOR] = VERSION.split(".");
const SERIES = `${MAJOR}.${MINOR}`;

/** A pipelock program. */
export interface PipelockProgram {
  readonly path: string;
  /** Version, `2.3.x`. */
  readonly version: string;
  /** What gave it, for the report. */
  readonly from: string;
}

/**
 * Gives a pipelock of the pinned series.
 *
 * @throws {OperatorError} none can be had: what was tried, and what to do
 */
export async function findPipelock(at: Surroundings): Promise<PipelockProgram> {
  const installed = await onPath(at);
  if (installed !== undefined) return installed;
  try {
    return { path: await goInstall(at, PIPELOCK), version: VERSION, from: "go install" };
  } catch (error) {
    const mend =
      `set ${SETTING} to an image with pipelock ${SERIES} at /pipelock, or put a static Linux build of ` +
      `pipelock ${SERIES} on the PATH, then run set-up again`;
    if (error instanceof OperatorError) throw new OperatorError(error.message, { mend, cause: error });
    throw commandFailed(`pipelock ${VERSION} cannot be had`, error, mend);
  }
}

async function onPath(at: Surroundings): Promise<PipelockProgram | undefined> {
  const path = await which("pipelock", at.path);
  if (path === undefined) return undefined;
  const version = await versionOf(at, path);
  if (version === undefined || !version.startsWith(`${SERIES}.`)) {
    at.report.warn(`${path} is not used: it is not pipelock ${SERIES} (it says ${version ?? "no version"})`);
    return undefined;
  }
  if (!await isStaticProgram(path, at.arch)) {
    at.report.warn(`${path} is not used: it is not a static Linux program for this processor`);
    return undefined;
  }
  return { path, version, from: path };
}

/** What the program says of itself; a build by `go install` says nothing useful, but carries its module's version. */
async function versionOf(at: Surroundings, path: string): Promise<string | undefined> {
  try {
    const said = versionIn(await run([path, "version"]));
    if (said?.startsWith(`${SERIES}.`)) return said;
    if (await which("go", at.path) === undefined) return said;
    return moduleVersionIn(await run(["go", "version", "-m", path])) ?? said;
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

/** The version in the output of `pipelock version`. */
export function versionIn(output: string): string | undefined {
  return /\bversion v?(\d+\.\d+\.\d+\S*)/.exec(output)?.[1];
}

/** The version of pipelock's module in the output of `go version -m`. */
export function moduleVersionIn(output: string): string | undefined {
  return /^\s*mod\s+github\.com\/luckyPipewrench\/pipelock\s+v(\S+)/m.exec(output)?.[1];
}
