/** The pipelock that bottles of this machine run, as a program on the host: taken out of its part image. */

import { createContainer, getArchive, removeContainer } from "../../backends/docker/engine/containers.ts";
import { Engine } from "../../backends/docker/engine/engine.ts";
import { inspectImage } from "../../backends/docker/engine/images.ts";
import { findSocket, hostSearch } from "../../backends/docker/engine/socket.ts";
import { readTar } from "../../backends/docker/engine/tar.ts";
import { PARTS, STAND_IN_PIPELOCK } from "../../images/parts.ts";

const TARGET = new URL("../../dist/pipelock", import.meta.url).pathname;

/** Path of the program: the real one where set-up could get it, else its stand-in. */
export async function pipelockProgram(): Promise<string> {
  const env = Deno.env.toObject();
  await using engine = await Engine.connect(findSocket(hostSearch(env, env["HOME"] ?? "/root")).path);
  const real = await inspectImage(engine, PARTS.pipelock.local);
  const image = env["BOT_BOTTLE_PIPELOCK_IMAGE"] ?? (real ? PARTS.pipelock.local : STAND_IN_PIPELOCK);
  // The container is never started: the image has the one file and nothing to run it with.
  const container = await createContainer(engine, `bottle-test-${crypto.randomUUID()}`, {
    Image: image,
    Cmd: ["/pipelock"],
  });
  try {
    const tar = await getArchive(engine, container, "/pipelock");
    if (tar === undefined) throw new Error(`${image} has no /pipelock`);
    await Deno.mkdir(new URL(".", `file://${TARGET}`), { recursive: true });
    for await (const { body } of readTar(tar)) await Deno.writeFile(TARGET, body, { mode: 0o755 });
    return TARGET;
  } finally {
    await removeContainer(engine, container);
  }
}

/** Whether a program is the stand-in: that is a script, the real one is not. */
export async function isStandIn(path: string): Promise<boolean> {
  using file = await Deno.open(path, { read: true });
  const start = new Uint8Array(2);
  await file.read(start);
  return new TextDecoder().decode(start) === "#!";
}
