/**
 * Who owns a bottle: `owner.lock` in its state folder is locked (flock) for the life of the bottle process. The
 * kernel frees the lock however the process ends, so a bottle whose lock is free is an orphan. A process id would
 * not do: it is reused.
 */

import { OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import { FILE_MODE, FOLDER_MODE, homePaths, stateError, statePaths } from "./paths.ts";

const ATTEMPTS = 60;
const PAUSE_MS = 25;
const LOCK_MS = 50;

/** A lock that is held until it is released or the process ends. */
export interface OwnerLock {
  /** Lets go; idempotent. */
  release(): void;
}

/** What {@linkcode acquireOwnerLock} can be told. */
export interface AcquireOptions {
  /** The state folder must not be there yet: the identity is a fresh one. @default false */
  readonly fresh?: boolean;
}

/**
 * Takes the ownership of a bottle, making its state folder when there is none.
 *
 * @throws {OperatorError} when another process owns it, or a fresh identity is taken, or the disk refuses
 */
export async function acquireOwnerLock(
  home: string,
  identity: string,
  options: AcquireOptions = {},
): Promise<OwnerLock> {
  const paths = statePaths(home, identity);
  await makeParent(homePaths(home).state);
  try {
    await makeFolder(paths.dir, options.fresh ?? false);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const file = await tryLock(paths.lock);
      if (file !== undefined) return owner(file);
      // A look by `isHeld` holds a shared lock for a moment, and a cleanup may just have removed the folder.
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      await makeFolder(paths.dir, false);
    }
  } catch (cause) {
    if (options.fresh && cause instanceof Deno.errors.AlreadyExists) {
      throw new OperatorError(`the identity ${identity} is already taken`, { mend: "start again", cause });
    }
    throw stateError("cannot lock the state folder", paths.dir, cause);
  }
  throw new OperatorError(`bottle ${identity} is in use by another bottle process`, {
    mend: "end that one first",
  });
}

/** Whether a live process owns the bottle. Without a state folder or lock file nobody does. */
export async function isHeld(home: string, identity: string): Promise<boolean> {
  const { lock } = statePaths(home, identity);
  try {
    using file = await Deno.open(lock, { read: true });
    // Shared: two lookers do not take each other for the owner.
    const free = await lockNow(file, "shared");
    if (free) await file.unlock();
    return !free;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return false;
    throw stateError("cannot look at", lock, cause);
  }
}

/** The folder of all state folders. */
async function makeParent(dir: string): Promise<void> {
  try {
    await Deno.mkdir(dir, { recursive: true, mode: FOLDER_MODE });
  } catch (cause) {
    if (cause instanceof Deno.errors.AlreadyExists) {
      throw new OperatorError(`${escapeUntrusted(dir)} is not a folder`, { mend: "move it away", cause });
    }
    throw stateError("cannot make the folder", dir, cause);
  }
}

async function makeFolder(dir: string, mustBeNew: boolean): Promise<void> {
  await Deno.mkdir(dir, { recursive: !mustBeNew, mode: FOLDER_MODE });
}

/** The locked file, or undefined when somebody else has the lock or the file was removed meanwhile. */
async function tryLock(path: string): Promise<Deno.FsFile | undefined> {
  const file = await Deno.open(path, { read: true, write: true, create: true, mode: FILE_MODE });
  try {
    // A lock on a file that is no longer at its path would protect nothing.
    if (await lockNow(file, "exclusive") && await isSameFile(file, path)) return file;
  } catch (error) {
    file.close();
    throw error;
  }
  file.close();
  return undefined;
}

/**
 * Locks a file if that is possible at once. Deno's runtime before 2.8 can only lock and wait: there a lock that
 * does not come within a moment is somebody else's. The caller then closes the file, and a lock that comes later
 * goes with it.
 */
async function lockNow(file: Deno.FsFile, mode: "shared" | "exclusive"): Promise<boolean> {
  const exclusive = mode === "exclusive";
  if (typeof file.tryLock === "function") return await file.tryLock(exclusive);
  const locked = file.lock(exclusive).then(() => true, () => false);
  const { promise: late, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), LOCK_MS);
  try {
    return await Promise.race([locked, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function isSameFile(file: Deno.FsFile, path: string): Promise<boolean> {
  const held = await file.stat();
  const now = await Deno.stat(path).catch(() => undefined);
  return now !== undefined && now.ino === held.ino && now.dev === held.dev;
}

function owner(file: Deno.FsFile): OwnerLock {
  let held = true;
  return {
    release(): void {
      if (held) file.close();
      held = false;
    },
  };
}
