/**
 * Takes back a bottle's containers and networks, and nobody else's of that name: an undo is registered before the
 * resource is asked for, and the engine refuses a name that is taken. What has the name then is a stranger's.
 */

import type { DockerContext } from "./context.ts";
import { inspectContainer, removeContainer } from "./engine/containers.ts";
import { inspectNetwork, removeNetwork } from "./engine/networks.ts";
import { LABELS } from "./names.ts";

/** Removes the container of that name if it is this bottle's. @throws {EngineError} the engine refused */
export async function removeOwnContainer(
  context: DockerContext,
  identity: string,
  name: string,
): Promise<void> {
  const info = await inspectContainer(context.engine, name);
  if (isOwn(context, identity, info?.Config.Labels)) await removeContainer(context.engine, info!.Id);
}

/** Removes the network of that name if it is this bottle's. @throws {EngineError} the engine refused */
export async function removeOwnNetwork(
  context: DockerContext,
  identity: string,
  name: string,
): Promise<void> {
  const info = await inspectNetwork(context.engine, name);
  if (isOwn(context, identity, info?.Labels)) await removeNetwork(context.engine, info!.Id);
}

function isOwn(
  context: DockerContext,
  identity: string,
  labels: Readonly<Record<string, string>> | null | undefined,
): boolean {
  return labels?.[LABELS.identity] === identity && labels[LABELS.home] === context.home;
}
