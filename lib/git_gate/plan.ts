/** What the git gate of a bottle will be: decided before the start, with the operator's keys read. */

import { OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import type { GitRepo } from "../manifest/model.ts";
import { Secret } from "../secret.ts";
import { privateKeyFault } from "./ssh_keys.ts";
import type { GateRepo } from "./wire.ts";

/** One repository behind the gate. */
export interface PlannedRepo {
  /** What the manifest says. */
  readonly repo: GitRepo;
  /** The private key that the gate logs in with: goes to the gate and nowhere else. */
  readonly key: Secret;
}

/** How the gate is told of a repository. */
export function gateRepo({ name, user, host, port, path, push, force }: GitRepo): GateRepo {
  const at = host.includes(":") ? `[${host}]` : host;
  return {
    name,
    url: `ssh://${user}@${at}:${port}${path}`,
    host,
    port,
    ...(push !== undefined && { push }),
    ...(force !== undefined && { force }),
  };
}

/**
 * Reads the key of each repository.
 *
 * @param readHostFile text of a file of the host; undefined: there is none
 * @throws {OperatorError} a key is missing, or the gate could not use it; the text of no key is in the message
 */
export async function planRepos(
  repos: readonly GitRepo[],
  readHostFile: (path: string) => Promise<string | undefined>,
): Promise<readonly PlannedRepo[]> {
  return await Promise.all(repos.map(async (repo) => {
    const where = `git-gate.repos.${repo.name}.identity: ${escapeUntrusted(repo.identity)}`;
    const text = await readHostFile(repo.identity);
    if (text === undefined) throw new OperatorError(`${where} does not exist`, { mend: MAKE_ONE });
    const fault = privateKeyFault(text);
    if (fault !== undefined) throw new OperatorError(`${where} ${fault}`, { mend: MAKE_ONE });
    // ssh refuses a key whose last line has no end.
    return { repo, key: new Secret(text.endsWith("\n") ? text : text + "\n") };
  }));
}

const MAKE_ONE = "make a key for bottles alone, without a passphrase: ssh-keygen -t ed25519 -N '' -f FILE";

/** What the preflight warns about. */
export function repoWarnings(repos: readonly GitRepo[]): readonly string[] {
  return repos.filter((repo) => repo.hostKey === undefined).map(({ name, host, port }) => {
    const scan = `ssh-keyscan ${port === 22 ? "" : `-p ${port} `}-t ed25519 ${host}`;
    return `git-gate.repos.${name} has no host_key, so every fetch and push will be refused; ` +
      `${scan} shows it, the host's own pages confirm it`;
  });
}
