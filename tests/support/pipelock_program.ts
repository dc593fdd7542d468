/** The pipelock that bottles of this machine run, as a program on the host: taken out of its part image. */

import { inspectImage } from "../../backends/docker/engine/images.ts";
import { PARTS, STAND_IN_PIPELOCK } from "../../images/parts.ts";
import { hostEngine, programOf } from "./part_program.ts";

/** Path of the program: the real one where set-up could get it, else its stand-in. */
export async function pipelockProgram(): Promise<string> {
  await using engine = await hostEngine();
  const real = await inspectImage(engine, PARTS.pipelock.local);
  const image = Deno.env.get("BOT_BOTTLE_PIPELOCK_IMAGE") ??
    (real ? PARTS.pipelock.local : STAND_IN_PIPELOCK);
  return await programOf(engine, image, PARTS.pipelock.files[0]!);
}

/** Whether a program is the stand-in: that is a script, the real one is not. */
export async function isStandIn(path: string): Promise<boolean> {
  using file = await Deno.open(path, { read: true });
  const start = new Uint8Array(2);
  await file.read(start);
  return new TextDecoder().decode(start) === "#!";
}
