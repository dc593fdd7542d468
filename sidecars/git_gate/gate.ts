/** What the programs of the git gate know: the configuration, and what is where below the gate's root. */

import { gateConfigPath, keyPath, knownHostsPath } from "../../lib/git_gate/files.ts";
// The type alone: the schema behind it costs a hook 20 ms, and `main.ts` has checked the file with it.
import type { GateConfig, GateRepo } from "../../lib/git_gate/wire.ts";

/** One repository: what the host said of it, and its places. */
export interface Mirror extends GateRepo {
  /** Bare repository that clients see. */
  readonly path: string;
  /** Held by whoever changes refs to follow the upstream, or writes there. */
  readonly lock: string;
  /** When the upstream was last looked at, and how that ended. */
  readonly seen: string;
  readonly key: string;
  readonly knownHosts: string;
  /** Socket of the shared ssh connection; one a repository, since another's may be logged in with another key. */
  readonly control: string;
}

/** The gate. */
export interface Gate {
  /** Folder that the host filled. */
  readonly config: string;
  /** Folder of the mirrors and all that the gate writes. */
  readonly root: string;
  /** The gate's own hooks: no repository's are run. */
  readonly hooks: string;
  readonly maxPushBytes: number;
  readonly mirrors: readonly Mirror[];
}

/** Ending of a mirror's folder, and of its path in a URL. */
const SUFFIX = ".git";

/** The gate of a checked configuration. */
export function gateOf(config: GateConfig, folder: string, root: string): Gate {
  const state = `${root}/state`;
  return {
    config: folder,
    root,
    hooks: `${root}/hooks`,
    maxPushBytes: config.maxPushBytes,
    mirrors: config.repos.map((repo, index) => ({
      ...repo,
      path: `${root}/${repo.name}${SUFFIX}`,
      lock: `${state}/${repo.name}.lock`,
      seen: `${state}/${repo.name}.seen`,
      key: keyPath(folder, repo.name),
      knownHosts: knownHostsPath(folder, repo.name),
      // The path of a socket may have some 100 bytes: no name of a repository is in it.
      control: `${state}/ssh-${index}`,
    })),
  };
}

/** Folder of locks, sockets and the like. */
export function stateFolder(gate: Gate): string {
  return `${gate.root}/state`;
}

/** The gate, for a hook: `main.ts` has checked the same file. */
export async function readGate(folder: string, root: string): Promise<Gate> {
  return gateOf(JSON.parse(await Deno.readTextFile(gateConfigPath(folder))) as GateConfig, folder, root);
}

/** The mirror at a path on disk. */
export function mirrorAt(gate: Gate, path: string): Mirror | undefined {
  return gate.mirrors.find((mirror) => mirror.path === path);
}
