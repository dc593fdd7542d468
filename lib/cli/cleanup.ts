/** `bottle cleanup`: what bottles left behind whose process is gone, on the backends and in the state folder. */

import type { Backend, CleanupItem } from "../bottle/contracts.ts";
import { messageOf } from "../errors.ts";
import { isIdentity } from "../state/identity.ts";
import { stateFolders } from "../state/leftovers.ts";
import { acquireOwnerLock, isHeld } from "../state/lock.ts";
import { readMetadata } from "../state/metadata.ts";
import { removeStateFolder, statePaths } from "../state/paths.ts";
import { isPreserved } from "../state/preserve.ts";
import { type CliHost, homeOf, usableBackends } from "./host.ts";
import { confirm, requireTerminal } from "./prompts.ts";
import { watchSignals } from "./signals.ts";

/** Options of `cleanup` as the command line gives them. */
export interface CleanupOptions {
  /** Do not ask. */
  readonly yes?: true;
}

/** What is left of one bottle. */
interface Leftover {
  readonly identity: string;
  readonly parts: readonly { readonly backend: Backend; readonly items: readonly CleanupItem[] }[];
  /** Its state folder goes too; a bottle kept for `resume` keeps it. */
  readonly folder: string | undefined;
}

/** Finds, asks, removes. @returns 1 when something could not be removed @throws {OperatorError} */
export async function cleanup(host: CliHost, options: CleanupOptions): Promise<number> {
  const { output, keyboard } = host;
  const home = homeOf(host);
  using watch = watchSignals(output);
  const leftovers = await findLeftovers(host, home);
  if (leftovers.length === 0) {
    output.say("nothing to clean up");
    return 0;
  }
  for (const leftover of leftovers) output.say(describe(leftover));
  if (!options.yes) {
    requireTerminal(keyboard, "the removal");
    if (!await confirm(output, keyboard, "Remove all this?", watch.signal)) return 0;
  }
  let failed = false;
  for (const leftover of leftovers) {
    watch.signal.throwIfAborted();
    if (!await remove(host, home, leftover)) failed = true;
  }
  return failed ? 1 : 0;
}

async function findLeftovers(host: CliHost, home: string): Promise<readonly Leftover[]> {
  const backends = await usableBackends(host.backends);
  const found = await Promise.all(backends.map(async (backend) => ({
    backend,
    // State folders are looked for here, once for all backends.
    items: await backend.prepareCleanup(),
  })));
  const folders = await deadFolders(host, home, backends.map((backend) => backend.name));
  const identities = new Set([
    ...found.flatMap(({ items }) => items.map((item) => item.identity)),
    ...folders.keys(),
  ]);
  return [...identities].sort().map((identity) => ({
    identity,
    parts: found.map(({ backend, items }) => ({
      backend,
      items: items.filter((item) => item.identity === identity),
    })).filter(({ items }) => items.length > 0),
    folder: folders.get(identity),
  }));
}

/**
 * State folders that nobody needs. One whose backend cannot be asked now stays: its containers may still be there,
 * and the folder tells what they are.
 */
async function deadFolders(
  host: CliHost,
  home: string,
  available: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const dead = new Map<string, string>();
  for (const { identity, held, preserved } of await stateFolders(home)) {
    if (held || preserved) continue;
    const backend = await backendName(home, identity);
    if (backend !== undefined && !available.includes(backend)) {
      host.output.warn(`the state of ${identity} is left alone: its backend ${backend} is not available`);
      continue;
    }
    dead.set(identity, statePaths(home, identity).dir);
  }
  return dead;
}

/** Undefined when there is no metadata, or it is broken: such a folder serves nobody. */
async function backendName(home: string, identity: string): Promise<string | undefined> {
  const metadata = await readMetadata(home, identity).catch(() => undefined);
  return metadata?.backend;
}

function describe({ identity, parts, folder }: Leftover): string {
  const items = parts.flatMap((part) => part.items).map((item) => `  ${item.kind} ${item.name}`);
  return [`${identity}:`, ...items, ...(folder === undefined ? [] : [`  state folder ${folder}`])].join("\n");
}

/** Whether all of it is gone. What was taken up again since it was shown is left alone. */
async function remove(host: CliHost, home: string, leftover: Leftover): Promise<boolean> {
  const { identity } = leftover;
  try {
    if (isIdentity(identity) && await isHeld(home, identity)) {
      host.output.warn(`bottle ${identity} is in use again; it is left alone`);
      return true;
    }
    if (!await removeItems(host, leftover)) return false;
    if (leftover.folder !== undefined) await removeFolder(home, identity);
    host.output.say(`removed what was left of ${identity}`);
    return true;
  } catch (error) {
    host.output.error(messageOf(error));
    return false;
  }
}

/** Under its lock, so that no `resume` begins in a folder that goes away. */
async function removeFolder(home: string, identity: string): Promise<void> {
  const lock = await acquireOwnerLock(home, identity);
  try {
    if (!await isPreserved(home, identity)) await removeStateFolder(home, identity);
  } finally {
    lock.release();
  }
}

async function removeItems({ output }: CliHost, { parts }: Leftover): Promise<boolean> {
  let whole = true;
  for (const { backend, items } of parts) {
    for (const { item, reason } of await backend.cleanup(items)) {
      output.error(`cannot remove the ${item.kind} ${item.name}: ${reason}`);
      whole = false;
    }
  }
  return whole;
}
