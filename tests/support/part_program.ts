/** Programs of the part images, as programs on the host. */

import { createContainer, getArchive, removeContainer } from "../../backends/docker/engine/containers.ts";
import { Engine } from "../../backends/docker/engine/engine.ts";
import { findSocket, hostSearch } from "../../backends/docker/engine/socket.ts";
import { readTar } from "../../backends/docker/engine/tar.ts";
import { PARTS } from "../../images/parts.ts";

const FOLDER = new URL("../../dist/", import.meta.url).pathname;

/** The engine of this machine. */
export async function hostEngine(): Promise<Engine> {
  const env = Deno.env.toObject();
  return await Engine.connect(findSocket(hostSearch(env, env["HOME"] ?? "/root")).path);
}

/** Copies a program out of an image into `dist/`, which tests have on their PATH. Gives its path. */
export async function programOf(engine: Engine, image: string, path: string): Promise<string> {
  const target = FOLDER + path.slice(path.lastIndexOf("/") + 1);
  // The container is never started: the image has the one file and nothing to run it with.
  const container = await createContainer(engine, `bottle-test-${crypto.randomUUID()}`, {
    Image: image,
    Cmd: [path],
  });
  try {
    const tar = await getArchive(engine, container, path);
    if (tar === undefined) throw new Error(`${image} has no ${path}`);
    await Deno.mkdir(FOLDER, { recursive: true });
    for await (const { body } of readTar(tar)) await Deno.writeFile(target, body, { mode: 0o755 });
    return target;
  } finally {
    await removeContainer(engine, container);
  }
}

/** The gitleaks that bottles of this machine run. Gives the folder that it is in. */
export async function gitleaksFolder(): Promise<string> {
  await using engine = await hostEngine();
  const image = Deno.env.get("BOT_BOTTLE_GITLEAKS_IMAGE") ?? PARTS.gitleaks.local;
  const program = await programOf(engine, image, PARTS.gitleaks.files[0]!);
  return program.slice(0, program.lastIndexOf("/"));
}
