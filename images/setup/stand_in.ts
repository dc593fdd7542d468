/**
 * The stand-in for pipelock: for demo and tests on a machine where the real one cannot be had, never for a bottle with a
 * credential in it. It is asked for by a flag, has a tag of its own, and is used only where a setting names that tag.
 */

import type { Engine } from "../../backends/docker/engine/engine.ts";
import { isRefusal } from "../../backends/docker/engine/errors.ts";
import { inspectImage, removeImage } from "../../backends/docker/engine/images.ts";
import { OperatorError } from "../../lib/errors.ts";
import { PARTS, STAND_IN_PIPELOCK } from "../parts.ts";
import { sha256OfFile } from "./digest.ts";
import { importFile } from "./parts.ts";
import { commandFailed, run, which } from "./run.ts";
import type { Surroundings } from "./surroundings.ts";

const PROGRAM = new URL("../../tests/fakes/pipelock/pipelock.ts", import.meta.url).pathname;
/** Label of its image: SHA-256 of the program. */
export const STAND_IN_DIGEST_LABEL = "bot-bottle.stand-in-sha256";
/** How long it is believed that the real one cannot be had. */
const BELIEF_MS = 24 * 3600 * 1000;

/**
 * Sees to it that the real pipelock is there, else the stand-in with a warning.
 *
 * @param real sees to the real one
 */
export async function realOrStandIn(
  at: Surroundings,
  engine: Engine,
  real: () => Promise<void>,
): Promise<void> {
  const note = `${at.cache}/pipelock-${PARTS.pipelock.version}.unavailable`;
  let reason = await nothingNew(at, engine) ? await recentNote(note) : undefined;
  if (reason === undefined) {
    try {
      await real();
      return;
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      reason = error.message;
      await Deno.writeTextFile(note, reason);
    }
  }
  await makeStandIn(at, engine);
  at.report.warn(`the real pipelock cannot be had here (${reason})`);
  at.report.warn(`pipelock: ${STAND_IN_PIPELOCK} is an imitation for demo and tests: give it no credential`);
}

/** Whether an earlier finding that the real one cannot be had still stands: no image and no program of it came since. */
async function nothingNew(at: Surroundings, engine: Engine): Promise<boolean> {
  return await inspectImage(engine, PARTS.pipelock.local) === undefined &&
    await which("pipelock", at.path) === undefined;
}

/** Why it could not be had, when that was found out lately; undefined: find out. */
async function recentNote(path: string): Promise<string | undefined> {
  try {
    const { mtime } = await Deno.stat(path);
    if (Date.now() - (mtime?.getTime() ?? 0) > BELIEF_MS) return undefined;
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The stand-in as one file, so that the bundle runs it with nothing beside it. */
async function makeStandIn(at: Surroundings, engine: Engine): Promise<void> {
  const folder = await Deno.makeTempDir({ dir: at.cache, prefix: "stand-in-" });
  try {
    const file = `${folder}/pipelock.js`;
    await run([Deno.execPath(), "bundle", "--quiet", "--platform", "deno", "--output", file, PROGRAM]);
    await importStandIn(engine, file);
  } catch (error) {
    throw commandFailed("bundling the stand-in of pipelock", error, "see that npm's registry is in reach");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function importStandIn(engine: Engine, file: string): Promise<void> {
  const digest = await sha256OfFile(file);
  const present = await inspectImage(engine, STAND_IN_PIPELOCK);
  if (present?.Config.Labels?.[STAND_IN_DIGEST_LABEL] === digest) return;
  const [path] = PARTS.pipelock.files;
  if (path === undefined) throw new TypeError("a part without a file");
  const content = await Deno.readFile(file);
  await importFile(engine, STAND_IN_PIPELOCK, path, content, [`LABEL ${STAND_IN_DIGEST_LABEL}=${digest}`]);
  if (present !== undefined) await removeOld(engine, present.Id);
}

/** The image that lost its tag to the new one; it stays while something is made from it. */
async function removeOld(engine: Engine, id: string): Promise<void> {
  try {
    await removeImage(engine, id);
  } catch (error) {
    if (!isRefusal(error, 409)) throw error;
  }
}
