/** What exists on the engine of this operator's bottles, and what is left over from bottles whose process is gone. */

import type { ActiveBottle, CleanupItem } from "../../lib/bottle/contracts.ts";
import { messageOf } from "../../lib/errors.ts";
import { isHeld } from "../../lib/state/lock.ts";
import type { DockerContext } from "./context.ts";
import { listContainers, removeContainer } from "./engine/containers.ts";
import { atEdge } from "./engine/errors.ts";
import { listNetworks, removeNetwork } from "./engine/networks.ts";
import { LABELS } from "./names.ts";
import { together } from "./teardown.ts";

interface Resource {
  readonly kind: "container" | "network";
  readonly name: string;
  readonly identity: string;
  readonly role: string;
  readonly running: boolean;
}

/** Bottles of this operator that have a container or network on the engine. @throws {OperatorError} */
export async function enumerateActive(context: DockerContext): Promise<readonly ActiveBottle[]> {
  const byIdentity = Map.groupBy(await resources(context), (resource) => resource.identity);
  return await Promise.all([...byIdentity].map(async ([identity, parts]) => ({
    identity,
    backend: "docker",
    orphan: !await isHeld(context.hostHome, identity),
    daemons: parts.some((part) => part.role === "bundle" && part.running) ? ["egress", "pipelock"] : [],
  })));
}

/** What is left over on the engine: containers before networks, since those stand in their way. @throws {OperatorError} */
export async function prepareCleanup(context: DockerContext): Promise<readonly CleanupItem[]> {
  const found = await resources(context);
  const identities = new Set(found.map((resource) => resource.identity));
  const items: CleanupItem[] = [];
  for (const identity of [...identities].sort()) {
    if (await isHeld(context.hostHome, identity)) continue;
    const own = found.filter((resource) => resource.identity === identity);
    for (const kind of ["container", "network"] as const) {
      items.push(...own.filter((part) => part.kind === kind).map(({ name }) => ({ identity, kind, name })));
    }
  }
  return items;
}

/** Removes what was named; goes on after a failure. */
export async function cleanup(
  context: DockerContext,
  items: readonly CleanupItem[],
): Promise<readonly { item: CleanupItem; reason: string }[]> {
  const failures: { item: CleanupItem; reason: string }[] = [];
  for (const item of items) {
    try {
      await removeItem(context, item);
    } catch (error) {
      failures.push({ item, reason: messageOf(error) });
    }
  }
  return failures;
}

async function removeItem(context: DockerContext, item: CleanupItem): Promise<void> {
  // It may have been resumed since it was listed.
  if (await isHeld(context.hostHome, item.identity)) throw new Error("it is in use again");
  if (item.kind === "container") await atEdge("removing it", removeContainer(context.engine, item.name));
  else await atEdge("removing it", removeNetwork(context.engine, item.name));
}

async function resources(context: DockerContext): Promise<readonly Resource[]> {
  const labels = { [LABELS.home]: context.home };
  const [containers, networks] = await atEdge(
    "listing bottles",
    together(listContainers(context.engine, labels), listNetworks(context.engine, labels)),
  );
  return [
    ...containers.map((container) => ({
      kind: "container" as const,
      name: (container.Names[0] ?? container.Id).replace(/^\//, ""),
      identity: container.Labels[LABELS.identity] ?? "",
      role: container.Labels[LABELS.role] ?? "",
      running: container.State === "running",
    })),
    ...networks.map((network) => ({
      kind: "network" as const,
      name: network.Name,
      identity: network.Labels?.[LABELS.identity] ?? "",
      role: network.Labels?.[LABELS.role] ?? "",
      running: false,
    })),
  ].filter((resource) => resource.identity !== "");
}
