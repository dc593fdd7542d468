/**
 * What is where in the folder that the host fills for the git gate (`BUNDLE_PATHS.gitGate` in the bundle). The hooks
 * import this file and not `wire.ts`: they start at every push and fetch, and a schema library costs them 20 ms.
 */

/** The configuration, `wire.ts` has its schema. */
export function gateConfigPath(folder: string): string {
  return `${folder}/gate.json`;
}

/** Private key of a repository, readable by the gate's user alone. */
export function keyPath(folder: string, name: string): string {
  return `${folder}/keys/${name}`;
}

/** The one host key that a repository's upstream may show, as a `known_hosts` file; missing: none is accepted. */
export function knownHostsPath(folder: string, name: string): string {
  return `${folder}/known_hosts/${name}`;
}

/** Folders that the files above are in, parents first. */
export function gateFolders(folder: string): readonly string[] {
  return [folder, `${folder}/keys`, `${folder}/known_hosts`];
}
