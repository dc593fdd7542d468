/** Agent images of the operator's own: checked, built, and nothing left of a build that fails; and orphans. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { listImages, removeImage } from "../../../backends/docker/engine/images.ts";
import { PARTS } from "../../../images/parts.ts";
import { FETCH_STAGE_LABEL } from "../../../images/context.ts";
import { ensureImages } from "../../../backends/docker/images.ts";
import { OperatorError } from "../../../lib/errors.ts";
import { inspectContainer } from "../../../backends/docker/engine/containers.ts";
import { resourceName } from "../../../backends/docker/names.ts";
import { dockerBackend } from "../../../backends/docker/mod.ts";
import { planBottle } from "../../support/bottle.ts";
import { assertNothingLeft, engineState } from "../../support/engine_state.ts";
import { type Lab, startLab } from "../../support/lab.ts";
import { recording, withLaunched } from "../../support/launching.ts";
import { contextOf, startParts } from "../../support/parts.ts";
import { tinyImage } from "../../support/tiny_image.ts";

async function refused(
  lab: Lab,
  env: Record<string, string> = {},
  progress = recording(),
): Promise<OperatorError> {
  const { backend, plan } = await planBottle(lab, "claude", { env });
  return await assertRejects(
    () => withLaunched(lab, { backend, plan, progress }, () => Promise.resolve()),
    OperatorError,
  ) as OperatorError;
}

/** What another build does at its end. Gives how many images went. */
async function removeStages(lab: Lab): Promise<number> {
  const [name, value] = FETCH_STAGE_LABEL.split("=") as [string, string];
  const stages = await listImages(lab.engine, { [name]: value });
  for (const { Id } of stages) await removeImage(lab.engine, Id);
  return stages.length;
}

async function withDockerfile(lab: Lab, text: string): Promise<void> {
  await Deno.writeTextFile(`${lab.home}/Dockerfile.own`, text);
  const file = `${lab.home}/.bot-bottle/bottles/claude.md`;
  const manifest = await Deno.readTextFile(file);
  if (manifest.includes("dockerfile:")) return;
  await Deno.writeTextFile(
    file,
    manifest.replace("template: claude\n", "template: claude\n  dockerfile: ~/Dockerfile.own\n"),
  );
}

Deno.test("an agent image is the operator's to choose, and is checked", async (t) => {
  await using lab = await startLab();
  const { plan } = await planBottle(lab, "claude");
  const { agent: own } = await ensureImages(
    await contextOf(lab),
    plan,
    recording(),
    new AbortController().signal,
  );

  await t.step("an image without its parts is refused by their names", async () => {
    await using tiny = await tinyImage(lab.engine, `t-${crypto.randomUUID().slice(0, 8)}`);
    const before = await engineState(lab);
    const { message, mend } = await refused(lab, { BOT_BOTTLE_IMAGE: tiny.tag });
    assertMatch(message, /^the agent image lacks /);
    for (const part of ["git", "openssl", "update-ca-certificates", "claude"]) {
      assert(message.includes(part), message);
    }
    assertMatch(mend ?? "", /BOT_BOTTLE_IMAGE/);
    await assertNothingLeft(lab, before);
  });

  await t.step("an image without the user is refused by that name", async () => {
    const before = await engineState(lab);
    const { line } = await refused(lab, { BOT_BOTTLE_IMAGE: PARTS.deno.local });
    assertEquals(
      line,
      "the agent image lacks user node; add it to the Dockerfile (agent_provider.dockerfile) or to BOT_BOTTLE_IMAGE",
    );
    await assertNothingLeft(lab, before);
  });

  await t.step("a Dockerfile that fails shows its last lines and leaves nothing", async () => {
    const mark = crypto.randomUUID();
    await withDockerfile(
      lab,
      `ARG BASE_IMAGE\nFROM \${BASE_IMAGE}\nRUN echo first-${mark} > /first\nRUN echo last-words-${mark}; exit 7\n`,
    );
    const before = await engineState(lab, { ofBuilds: true });
    const said = recording();
    const error = await refused(lab, {}, said);
    assertMatch(error.line, /returned a non-zero code: 7; mend the Dockerfile/);
    assertEquals(error.line.includes("\n"), false);
    assert(said.tails.some((line) => line === `last-words-${mark}`), said.tails.join("\n"));
    await assertNothingLeft(lab, before, { ofBuilds: true });
  });

  await t.step("a Dockerfile is built once and used", async () => {
    const mark = crypto.randomUUID();
    await withDockerfile(
      lab,
      `ARG BASE_IMAGE\nFROM ${own}\nUSER root\nRUN echo own-${mark} > /own && printf '#!/bin/sh\\n' > /usr/local/bin/claude && chmod 755 /usr/local/bin/claude\nUSER node\n`,
    );
    let image = "";
    const builds: string[][] = [];
    for (let round = 0; round < 2; round++) {
      const { backend, plan } = await planBottle(lab, "claude");
      const said = recording();
      await withLaunched(lab, { backend, plan, progress: said }, async (bottle) => {
        assertEquals((await bottle.exec("cat /own", { user: "node" })).stdout, `own-${mark}\n`);
        image = (await inspectContainer(lab.engine, resourceName(plan.identity, "agent")))?.Config.Image ??
          "";
      });
      builds.push(said.steps.filter((step) => step.startsWith("build")));
    }
    await removeImage(lab.engine, image);
    assertEquals(builds, [["build the agent image"], []]);
  });

  // Two bottles of one engine build at once: whoever ends first removes the stages that only download.
  await t.step("a build whose stage another one removes is done again", async () => {
    const mark = crypto.randomUUID();
    await withDockerfile(
      lab,
      `FROM ${own} AS fetch\nLABEL ${FETCH_STAGE_LABEL}\nUSER root\nRUN echo own-${mark} > /own\n` +
        `FROM ${own}\nUSER root\nRUN sleep 3\nCOPY --from=fetch /own /own\nUSER node\n`,
    );
    const { plan } = await planBottle(lab, "claude");
    let removed: Promise<number> | undefined;
    const said = recording();
    const progress = {
      ...said,
      detail: (line: string) => {
        if (line.includes("RUN sleep 3")) removed ??= removeStages(lab);
      },
    };
    const { agent } = await ensureImages(await contextOf(lab), plan, progress, new AbortController().signal);
    assertEquals(await removed, 1);
    assertEquals(said.steps, ["build the agent image", "build the agent image"]);
    await removeImage(lab.engine, agent);
  });
});

Deno.test("what a killed bottle left is found, named and removed", async () => {
  await using lab = await startLab();
  const before = await engineState(lab);
  const parts = await startParts(lab, "claude");
  const { identity } = parts.plan;
  const backend = dockerBackend({ home: lab.home, env: lab.env });
  assertEquals((await backend.prepareCleanup()).length, 0, "it is held");
  const state = `${lab.home}/.bot-bottle/state/${identity}`;
  // What a kill of the process does: the lock is gone, everything else stays.
  const saved = await Deno.makeTempDir();
  try {
    await Deno.rename(`${state}/owner.lock`, `${saved}/owner.lock`);
    const found = (await backend.enumerateActive()).find((bottle) => bottle.identity === identity);
    assertEquals([found?.orphan, found?.daemons], [true, ["egress", "pipelock"]]);
    const items = await backend.prepareCleanup();
    assertEquals(
      items.filter(({ kind }) => kind !== "state folder").map(({ kind, name }) => `${kind} ${name}`).sort(),
      [
        `container ${resourceName(identity, "agent")}`,
        `container ${resourceName(identity, "bundle")}`,
        `network ${resourceName(identity, "egress")}`,
        `network ${resourceName(identity, "internal")}`,
      ],
    );
    assertEquals(await backend.cleanup(items), []);
    assertEquals(await backend.prepareCleanup(), []);
    assertEquals((await engineState(lab)).containers, before.containers);
    assertEquals((await engineState(lab)).networks, before.networks);
  } finally {
    await parts[Symbol.asyncDispose]();
    await Deno.remove(saved, { recursive: true });
  }
  await assertNothingLeft(lab, before);
});
