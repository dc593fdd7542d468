/** A connected engine, the tiny image and a label for each test; whatever bears the label is removed at the end. */

import {
  type ContainerCreate,
  createContainer,
  type Labels,
  listContainers,
  removeContainer,
  startContainer,
} from "../../../backends/docker/engine/containers.ts";
import { Engine } from "../../../backends/docker/engine/engine.ts";
import { listImages, removeImage } from "../../../backends/docker/engine/images.ts";
import { listNetworks, removeNetwork } from "../../../backends/docker/engine/networks.ts";
import { findSocket, hostSearch } from "../../../backends/docker/engine/socket.ts";
import { TEST_LABEL, type TinyImage, tinyImage } from "../../support/tiny_image.ts";

/** What a test works with. */
export interface Ground {
  readonly engine: Engine;
  readonly image: TinyImage;
  /** Unique, `t-xxxxxxxx`; prefix for names. */
  readonly run: string;
  readonly labels: Labels;
  /** Makes a container of the tiny image. */
  create(spec?: Partial<ContainerCreate>): Promise<string>;
  /** Makes and starts one that idles. */
  idle(spec?: Partial<ContainerCreate>): Promise<string>;
}

/** Path of the engine's socket on this host. */
export function socketPath(): string {
  return findSocket(hostSearch(Deno.env.toObject(), Deno.env.get("HOME") ?? "/")).path;
}

/** Runs a test on the real engine. */
export async function onEngine(test: (ground: Ground) => Promise<void>): Promise<void> {
  await using engine = await Engine.connect(socketPath());
  const run = `t-${crypto.randomUUID().slice(0, 8)}`;
  const labels = { [TEST_LABEL]: run };
  let count = 0;
  try {
    const image = await tinyImage(engine, run);
    const create = (spec: Partial<ContainerCreate> = {}) =>
      createContainer(engine, `bottle-${run}-${++count}`, { Image: image.tag, Labels: labels, ...spec });
    const idle = async (spec: Partial<ContainerCreate> = {}) => {
      const id = await create({ Cmd: ["sleep", "600"], HostConfig: { Init: true }, ...spec });
      await startContainer(engine, id);
      return id;
    };
    await test({ engine, image, run, labels, create, idle });
  } finally {
    await removeLabelled(engine, labels);
  }
}

async function removeLabelled(engine: Engine, labels: Labels): Promise<void> {
  for (const { Id } of await listContainers(engine, labels)) await removeContainer(engine, Id);
  for (const { Id } of await listNetworks(engine, labels)) await removeNetwork(engine, Id);
  // A child image before its parent: a second round takes what was held.
  for (let round = 0; round < 3; round++) {
    for (const { Id } of await listImages(engine, labels)) {
      await removeImage(engine, Id, { force: true }).catch(() => undefined);
    }
  }
  const left = await listImages(engine, labels);
  if (left.length > 0) throw new Error(`images left behind: ${left.map(({ Id }) => Id).join(", ")}`);
}
