/** The marker that keeps a bottle's state folder after its agent ends: set by a capability change, for `resume`. */

import { stateError, statePaths, writeStateFile } from "./paths.ts";

/** Keeps the state folder when the agent ends. @throws {OperatorError} */
export async function markPreserved(home: string, identity: string): Promise<void> {
  const { preserve } = statePaths(home, identity);
  try {
    await writeStateFile(preserve, "");
  } catch (cause) {
    throw stateError("cannot write", preserve, cause);
  }
}

/** Whether the state folder is to be kept. @throws {OperatorError} */
export async function isPreserved(home: string, identity: string): Promise<boolean> {
  const { preserve } = statePaths(home, identity);
  try {
    await Deno.lstat(preserve);
    return true;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return false;
    throw stateError("cannot look at", preserve, cause);
  }
}

/** Takes the marker away; an absent one is fine. @throws {OperatorError} */
export async function clearPreserved(home: string, identity: string): Promise<void> {
  const { preserve } = statePaths(home, identity);
  try {
    await Deno.remove(preserve);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return;
    throw stateError("cannot remove", preserve, cause);
  }
}
