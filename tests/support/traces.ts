/** What bottles of a lab have left on the engine and on the disk, for comparing before and after. */

import { listContainers } from "../../backends/docker/engine/containers.ts";
import { listNetworks } from "../../backends/docker/engine/networks.ts";
import { homeDigest, LABELS } from "../../backends/docker/names.ts";
import { homePaths } from "../../lib/state/paths.ts";
import type { Lab } from "./lab.ts";

/** Names, sorted. */
export interface Traces {
  readonly containers: readonly string[];
  readonly networks: readonly string[];
  /** Identities with a state folder. */
  readonly states: readonly string[];
}

/** Nothing of any bottle. */
export const NO_TRACES: Traces = { containers: [], networks: [], states: [] };

/** What there is now of the bottles of a lab's home, running or not. */
export async function tracesOf(lab: Lab): Promise<Traces> {
  const labels = { [LABELS.home]: await homeDigest(lab.home) };
  const [containers, networks, states] = await Promise.all([
    listContainers(lab.engine, labels),
    listNetworks(lab.engine, labels),
    stateFolders(lab),
  ]);
  return {
    containers: containers.map(({ Names, Id }) => (Names[0] ?? Id).replace(/^\//, "")).sort(),
    networks: networks.map(({ Name }) => Name).sort(),
    states,
  };
}

async function stateFolders(lab: Lab): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(homePaths(lab.home).state))).map(({ name }) => name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Every path below a folder with its kind, mode and size: equal before and after when nothing was touched. */
export async function treeOf(folder: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    const { mode, size, mtime } = await Deno.lstat(path);
    // A folder's own time would only tell that something was there for a moment, as it may be.
    const content = entry.isDirectory ? "folder" : `${size} ${mtime?.toISOString()}`;
    lines.push(`${path} ${mode?.toString(8)} ${content}`);
    if (entry.isDirectory) lines.push(...await treeOf(path));
  }
  return lines.sort();
}
