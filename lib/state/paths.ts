/** Where bottle keeps things on the operator's disk. Folders are 0700, files 0600. */

import { join } from "@std/path";
import { OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import { checkIdentity, isIdentity } from "./identity.ts";

const joinPath: (...parts: string[]) => string = join;

/** Mode of every folder of the state. */
export const FOLDER_MODE = 0o700;

/** Mode of every file of the state. */
export const FILE_MODE = 0o600;

/** The operator's folders; all paths absolute. */
export interface HomePaths {
  /** `~/.bot-bottle` */
  readonly root: string;
  /** Bottle manifests. */
  readonly bottles: string;
  /** Agent manifests. */
  readonly agents: string;
  /** Settings file; may be absent. */
  readonly config: string;
  /** One folder below it for each identity. */
  readonly state: string;
  /** `~/.cache/bot-bottle`: what can be made again. */
  readonly cache: string;
}

/** The state folder of one bottle; all paths absolute. */
export interface StatePaths {
  /** `~/.bot-bottle/state/<identity>` */
  readonly dir: string;
  /** What `resume` and `list` know about the bottle. */
  readonly metadata: string;
  /** Held locked while a bottle process owns the bottle. */
  readonly lock: string;
  /** Its presence keeps the folder after the agent ends. */
  readonly preserve: string;
  /** What belongs to the agent. */
  readonly agent: string;
  /** Conversation saved for `resume`, a tar file; may be absent. */
  readonly transcript: string;
  /** Agent Dockerfile that an approved capability change wrote; may be absent. */
  readonly dockerfile: string;
  /** What belongs to egress. */
  readonly egress: string;
  /** What belongs to pipelock. */
  readonly pipelock: string;
  /** What belongs to the git gate. */
  readonly gitGate: string;
  /** What belongs to supervise. */
  readonly supervise: string;
  /** Proposals of the agent, waiting for an answer. */
  readonly queue: string;
}

/** The operator's folders below a home folder. */
export function homePaths(home: string): HomePaths {
  const root = joinPath(home, ".bot-bottle");
  return {
    root,
    bottles: joinPath(root, "bottles"),
    agents: joinPath(root, "agents"),
    config: joinPath(root, "config.yaml"),
    state: joinPath(root, "state"),
    cache: joinPath(home, ".cache", "bot-bottle"),
  };
}

/** The state folder of an identity. @throws {OperatorError} when the text is not an identity (it becomes a path) */
export function statePaths(home: string, identity: string): StatePaths {
  const dir = joinPath(homePaths(home).state, checkIdentity(identity));
  const agent = joinPath(dir, "agent");
  const supervise = joinPath(dir, "supervise");
  return {
    dir,
    metadata: joinPath(dir, "metadata.json"),
    lock: joinPath(dir, "owner.lock"),
    preserve: joinPath(dir, "preserve"),
    agent,
    transcript: joinPath(agent, "transcript.tar"),
    dockerfile: joinPath(agent, "Dockerfile"),
    egress: joinPath(dir, "egress"),
    pipelock: joinPath(dir, "pipelock"),
    gitGate: joinPath(dir, "git-gate"),
    supervise,
    queue: joinPath(supervise, "queue"),
  };
}

/**
 * Makes the folders below a state folder; the folder itself was made with its lock. Idempotent.
 *
 * @throws {OperatorError} when the disk does not let it
 */
export async function makeStateFolders(paths: StatePaths): Promise<void> {
  try {
    const folders = [
      paths.dir,
      paths.agent,
      paths.egress,
      paths.pipelock,
      paths.gitGate,
      paths.supervise,
      paths.queue,
    ];
    for (const folder of folders) {
      await Deno.mkdir(folder, { recursive: true, mode: FOLDER_MODE });
      // The umask or an older folder may have left another mode.
      await Deno.chmod(folder, FOLDER_MODE);
    }
  } catch (cause) {
    throw stateError("cannot make the state folder", paths.dir, cause);
  }
}

/** Removes a state folder with all in it; an absent one is fine. @throws {OperatorError} naming folder and reason */
export async function removeStateFolder(home: string, identity: string): Promise<void> {
  const { dir } = statePaths(home, identity);
  try {
    await Deno.remove(dir, { recursive: true });
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return;
    throw stateError("cannot remove the state folder", dir, cause);
  }
}

/** Identities that have a state folder, sorted; folders of other names are not ours. */
export async function listIdentities(home: string): Promise<readonly string[]> {
  const found: string[] = [];
  try {
    for await (const entry of Deno.readDir(homePaths(home).state)) {
      if (entry.isDirectory && isIdentity(entry.name)) found.push(entry.name);
    }
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) {
      throw stateError("cannot read the state folder", homePaths(home).state, cause);
    }
  }
  return found.sort();
}

/**
 * Writes a file of the state whole or not at all: a reader never sees half of it. Mode 0600.
 *
 * @throws what the file system throws
 */
export async function writeStateFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    await Deno.writeTextFile(temporary, text, { mode: FILE_MODE, createNew: true });
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}

/** An operator's error about a place of the state, with the system's reason. */
export function stateError(what: string, path: string, cause: unknown): OperatorError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new OperatorError(`${what} ${escapeUntrusted(path)}: ${escapeUntrusted(reason)}`, { cause });
}
