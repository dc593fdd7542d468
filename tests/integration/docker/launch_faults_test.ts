/** Invariant 7: whatever stops a launch, and wherever, the engine and the state folder are as they were before. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  createContainer,
  inspectContainer,
  removeContainer,
} from "../../../backends/docker/engine/containers.ts";
import { createNetwork, inspectNetwork, removeNetwork } from "../../../backends/docker/engine/networks.ts";
import { resourceName } from "../../../backends/docker/names.ts";
import type { BottlePlan } from "../../../lib/bottle/plan.ts";
import { OperatorError } from "../../../lib/errors.ts";
import { planBottle } from "../../support/bottle.ts";
import { assertNothingLeft, engineState } from "../../support/engine_state.ts";
import { type Lab, startLab } from "../../support/lab.ts";
import { type Recording, recording, withLaunched } from "../../support/launching.ts";
import { type Sabotage, sabotageNow } from "../../support/sabotage.ts";
import { TEST_LABEL } from "../../support/tiny_image.ts";

const AGENT = "claude";

/** A launch that must fail, and leave nothing. Gives its error and what it said. */
async function failedLaunch(
  lab: Lab,
  fault: (plan: BottlePlan) => { progress: Recording; signal?: AbortSignal },
): Promise<{ error: unknown; said: Recording }> {
  const before = await engineState(lab);
  const { backend, plan } = await planBottle(lab, AGENT);
  const { progress, signal } = fault(plan);
  const error = await withLaunched(lab, { backend, plan, progress, signal }, () => Promise.resolve()).then(
    () => undefined,
    (error: unknown) => error,
  );
  assert(error !== undefined, `the launch came up although it was broken at ${progress.steps.at(-1)}`);
  await assertNothingLeft(lab, before);
  return { error, said: progress };
}

/** A launch in whose step something is broken from outside. */
async function brokenAt(
  lab: Lab,
  step: string,
  what: (plan: BottlePlan) => Sabotage,
): Promise<OperatorError> {
  const { error, said } = await failedLaunch(lab, (plan) => ({
    progress: recording((name) => {
      if (name === step) sabotageNow(what(plan));
    }),
  }));
  assert(said.steps.includes(step), `the launch never came to ${step}`);
  assertEquals(said.warnings, []);
  if (!(error instanceof OperatorError)) throw new Error(`not a clear error: ${error}`);
  assertEquals(error.line.split("\n").length, 1, error.line);
  return error;
}

/** A launch whose name a stranger has taken: it leaves nothing of its own. Gives its error's message. */
async function refusedByStranger(
  lab: Lab,
  planned: Awaited<ReturnType<typeof planBottle>>,
): Promise<string> {
  const before = await engineState(lab);
  const said = recording();
  const error = await assertRejects(
    () => withLaunched(lab, { ...planned, progress: said }, () => Promise.resolve()),
    OperatorError,
  ) as OperatorError;
  await assertNothingLeft(lab, before);
  assertEquals(said.warnings, []);
  return error.message;
}

Deno.test("a launch that fails leaves nothing", async (t) => {
  await using lab = await startLab();
  const { backend, plan } = await planBottle(lab, AGENT);
  const said = recording();
  const before = await engineState(lab);
  await withLaunched(lab, { backend, plan, progress: said }, async (bottle) => {
    assertEquals((await bottle.exec("echo up", { user: "node" })).stdout, "up\n");
    const during = await engineState(lab);
    assertEquals(during.containers.length, before.containers.length + 2);
    assertEquals(during.networks.length, before.networks.length + 2);
    assert(during.state.length > before.state.length);
  });
  await assertNothingLeft(lab, before);
  // The first launch may have built images; what follows counts the steps of a launch that does not.
  const steps = said.steps.filter((step) => !step.startsWith("build "));
  assert(steps.length >= 8, `steps: ${steps.join(", ")}`);
  assertEquals(new Set(steps).size, steps.length);

  for (const [index, name] of steps.entries()) {
    await t.step(`an error at step ${index}, ${name}`, async () => {
      const { error, said } = await failedLaunch(lab, () => ({
        progress: recording((_, at) => {
          if (at === index) throw new Error(`injected at ${name}`);
        }),
      }));
      assertEquals((error as Error).message, `injected at ${name}`);
      assertEquals(said.steps, steps.slice(0, index + 1));
      assertEquals(said.warnings, []);
    });
    await t.step(`an abort at step ${index}, ${name}`, async () => {
      const abort = new AbortController();
      const { error, said } = await failedLaunch(lab, () => ({
        progress: recording((_, at) => {
          if (at === index) abort.abort(new Error(`stopped at ${name}`));
        }),
        signal: abort.signal,
      }));
      assertEquals((error as Error).message, `stopped at ${name}`);
      assert(said.steps.length <= index + 2, `went on to ${said.steps.at(-1)}`);
      assertEquals(said.warnings, []);
    });
  }

  // Steps are long: a signal comes in the middle of them.
  for (const delay of [60, 250, 500, 800]) {
    await t.step(`an abort ${delay} ms after the networks were begun`, async () => {
      const abort = new AbortController();
      let timer: ReturnType<typeof setTimeout> | undefined;
      const before = await engineState(lab);
      const { backend, plan } = await planBottle(lab, AGENT);
      const said = recording((name) => {
        if (name === "networks") timer = setTimeout(() => abort.abort(new Error("stopped")), delay);
      });
      // On a fast machine the last of them may come too late; what counts is what is left.
      await withLaunched(
        lab,
        { backend, plan, progress: said, signal: abort.signal },
        () => Promise.resolve(),
      )
        .catch((error) => assertEquals(error.message, "stopped"));
      clearTimeout(timer);
      await assertNothingLeft(lab, before);
      assertEquals(said.warnings, []);
    });
  }

  await t.step("the internal network vanishes", async () => {
    const error = await brokenAt(lab, "containers", (plan) => [
      "remove-network",
      resourceName(plan.identity, "internal"),
    ]);
    assertMatch(error.message, /network/);
  });

  await t.step("the agent container vanishes", async () => {
    const error = await brokenAt(lab, "close the network", (plan) => [
      "remove-container",
      resourceName(plan.identity, "agent"),
    ]);
    assertMatch(error.message, /closer|No such container|container/);
  });

  await t.step("the bundle dies before it is ready", async () => {
    const error = await brokenAt(lab, "close the network", (plan) => [
      "kill-container",
      resourceName(plan.identity, "bundle"),
    ]);
    assertMatch(
      error.message,
      /bundle-closer: .*non running container|^the sidecar bundle (ended|did not become ready)/,
    );
  });

  await t.step("egress dies before it is proven to answer", async () => {
    const error = await brokenAt(lab, "prove it closed", (plan) => [
      "kill-daemon",
      resourceName(plan.identity, "bundle"),
      "egress",
    ]);
    assertMatch(
      error.message,
      /^the sidecar bundle did not become ready|cannot be proven closed.*egress does not answer/,
    );
  });

  await t.step("the bundle dies while it comes up", async () => {
    const error = await brokenAt(lab, "prove it closed", (plan) => [
      "kill-container",
      resourceName(plan.identity, "bundle"),
    ]);
    assertMatch(
      error.message,
      /^the sidecar bundle did not become ready|cannot be proven closed.*egress does not answer/,
    );
  });

  await t.step("the agent container dies while it is provisioned", async () => {
    const error = await brokenAt(lab, "provision: skills", (plan) => [
      "kill-container",
      resourceName(plan.identity, "agent"),
    ]);
    assertMatch(error.message, /is not running/);
  });

  for (const role of ["agent", "bundle"] as const) {
    await t.step(`a stranger's container has the name of the ${role}'s`, async () => {
      const { plan, backend } = await planBottle(lab, AGENT);
      const name = resourceName(plan.identity, role);
      const image = (await lab.engine.json<readonly { Id: string }[]>("GET", "/images/json"))[0]!.Id;
      const id = await createContainer(lab.engine, name, {
        Image: image,
        Cmd: ["x"],
        Labels: { [TEST_LABEL]: "x" },
      });
      try {
        assertMatch(await refusedByStranger(lab, { plan, backend }), /name .*is already in use/);
        assertEquals((await inspectContainer(lab.engine, name))?.Id, id, "the stranger's container is gone");
      } finally {
        await removeContainer(lab.engine, id);
      }
    });
  }

  for (const role of ["internal", "egress"] as const) {
    await t.step(`a stranger's network has the name of the ${role} one's`, async () => {
      const { plan, backend } = await planBottle(lab, AGENT);
      const name = resourceName(plan.identity, role);
      const id = await createNetwork(lab.engine, { name, internal: true, labels: { [TEST_LABEL]: "x" } });
      try {
        assertMatch(await refusedByStranger(lab, { plan, backend }), /network .* already exists/);
        assertEquals((await inspectNetwork(lab.engine, name))?.Id, id, "the stranger's network is gone");
      } finally {
        await removeNetwork(lab.engine, id);
      }
    });
  }

  await t.step("the agent image is missing", async () => {
    const before = await engineState(lab);
    const { backend, plan } = await planBottle(lab, AGENT, {
      env: { BOT_BOTTLE_IMAGE: "bottle-test/there-is-none:1" },
    });
    const error = await assertRejects(
      () => withLaunched(lab, { backend, plan, progress: recording() }, () => Promise.resolve()),
      OperatorError,
      "bottle-test/there-is-none:1",
    ) as OperatorError;
    assertMatch(error.line, /BOT_BOTTLE_IMAGE/);
    await assertNothingLeft(lab, before);
  });
});
