/** Builds the images that bottles of the lab run on, so that no test's patience is spent on it. */

import { ensureImages } from "../../backends/docker/images.ts";
import type { Progress } from "../../lib/bottle/contracts.ts";
import { planBottle } from "./bottle.ts";
import { startLab } from "./lab.ts";
import { contextOf } from "./parts.ts";

if (import.meta.main) {
  const encoder = new TextEncoder();
  const say = (text: string) => void Deno.stdout.writeSync(encoder.encode(`${text}\n`));
  const progress: Progress = {
    step: say,
    detail: () => undefined,
    warn: say,
    tail: (lines) => lines.forEach(say),
  };
  await using lab = await startLab({ progress });
  for (const agent of ["claude", "codex"]) {
    const { plan } = await planBottle(lab, agent);
    const images = await ensureImages(await contextOf(lab), plan, progress, new AbortController().signal);
    say(`${agent}: ${images.agent} and ${images.bundle}`);
  }
}
