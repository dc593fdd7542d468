/**
 * The network is closed by two layers, proven closed before anything of the operator's is in the agent, and the
 * agent cannot open it again.
 */

import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { closeNetwork, proveClosed } from "../../../backends/docker/closed_network.ts";
import { inspectContainer } from "../../../backends/docker/engine/containers.ts";
import { runExec } from "../../../backends/docker/engine/exec.ts";
import { closingScript, filterRules } from "../../../backends/docker/network_closure.ts";
import { DAEMONS } from "../../../lib/bundle/daemons.ts";
import { messageOf, OperatorError } from "../../../lib/errors.ts";
import { OPENING, reaching } from "../../support/attempts.ts";
import { type Lab, startLab } from "../../support/lab.ts";
import { finish, type Parts, runCloser, startParts } from "../../support/parts.ts";
import { CONTROL, tryWall } from "../../support/walls.ts";

const DENIED =
  /not permitted|Permission denied|Operation not permitted|RTNETLINK answers|not found|Read-only/;

async function inAgent(parts: Parts, user: string, script: string): Promise<string> {
  const argv = ["bash", "-c", script];
  const { stdout, stderr } = await runExec(parts.context.engine, parts.agent.id, { argv, user });
  return stdout + stderr;
}

function closing(parts: Parts): Parameters<typeof closeNetwork>[2] {
  return { image: parts.images.bundle, agent: parts.agent, bundle: parts.bundle };
}

function peer(parts: Parts): { address: string; ports: readonly number[] } {
  return { address: parts.bundle.address, ports: parts.bundle.ports };
}

Deno.test("an open network is found open, a closed one closed, and stays so", async () => {
  await using lab = await startLab();
  await using parts = await startParts(lab, "claude");
  const error = await assertRejects(() => proveClosed(parts.context, parts), OperatorError) as OperatorError;
  assertMatch(error.message, /cannot be proven closed/);
  assert(error.message.includes(`gateway ${parts.gateway}:`), error.message);

  await closeNetwork(parts.context, parts.plan, closing(parts), parts.teardown);
  await proveClosed(parts.context, parts);

  for (const user of ["node", "0"]) {
    for (const script of OPENING) {
      const output = await inAgent(parts, user, `${script} && echo DONE-IT`);
      assert(!output.includes("DONE-IT"), `${user}: ${script}: ${output}`);
      assertMatch(output, DENIED);
    }
  }
  await proveClosed(parts.context, parts);
});

/** What each layer must stop alone. */
async function holds(lab: Lab, close: (parts: Parts) => Promise<void>, names: RegExp): Promise<void> {
  await using parts = await startParts(lab, "claude");
  const open = reaching({ address: lab.address, gateway: parts.gateway, bundle: parts.bundle.address });
  await close(parts);
  const bottle = await finish(parts);
  const control = await tryWall(bottle, CONTROL);
  assert(control.held, control.output);
  const chosen = open.filter((wall) => names.test(wall.attempt));
  assertNotEquals(chosen.length, 0);
  for (const wall of chosen) {
    const result = await tryWall(bottle, wall);
    assert(result.held, `${wall.attempt}: ${result.output}`);
  }
}

Deno.test("each layer of the closing holds without the other", async (t) => {
  await using lab = await startLab();
  await t.step("the filter alone", async () => {
    await holds(
      lab,
      (parts) => runCloser(parts, `set -eu\nnft -f - <<'RULES'\n${filterRules(peer(parts))}RULES\n`),
      /./,
    );
  });
  // Routes answer for what is routed: not for broadcasts, for what is bound to the device, for the resolver on the
  // loopback, or for the bundle's other ports. Those are the filter's.
  await t.step("the routes alone, against what is routed", async () => {
    await holds(lab, async (parts) => {
      const whole = closingScript(peer(parts));
      const routes = whole.replace(/nft -f - <<'RULES'\n[\s\S]*?\nRULES\n/, "");
      assert(routes.length < whole.length && !routes.includes("nft"), routes);
      await runCloser(parts, routes);
    }, /^(TCP|UDP|ICMP) to (?!everybody|the engine's|the bundle)/);
  });
});

Deno.test("the bundle serves its agent alone: the host gets in before the closing, and not after", async () => {
  await using lab = await startLab();
  await using parts = await startParts(lab, "claude");
  const info = await inspectContainer(parts.context.engine, parts.bundle.id);
  const { internal, egress, isolated } = parts.networks;
  // The host has no route to an isolated bridge.
  const reachable = isolated ? [egress] : [internal, egress];
  const addresses = reachable.map((name) => info!.NetworkSettings.Networks[name]!.IPAddress);
  for (const address of addresses) assertEquals(await fromHost(address), "connected");

  await closeNetwork(parts.context, parts.plan, closing(parts), parts.teardown);
  for (const address of addresses) {
    assertMatch(await fromHost(address), /^refused: .*(route|denied|unreach)/i);
  }
  await proveClosed(parts.context, parts);
});

/** What the host gets at egress, where any of its users could have a token spent. */
async function fromHost(address: string): Promise<string> {
  try {
    using _connection = await Deno.connect({ hostname: address, port: DAEMONS.egress.port });
    return "connected";
  } catch (error) {
    return `refused: ${messageOf(error)}`;
  }
}

Deno.test("without the closing the same attempts get through", async () => {
  await using lab = await startLab();
  await using parts = await startParts(lab, "claude");
  const bottle = await finish(parts);
  const attempts = reaching({ address: lab.address, gateway: parts.gateway, bundle: parts.bundle.address });
  const through: string[] = [];
  for (const wall of attempts) if (!(await tryWall(bottle, wall)).held) through.push(wall.attempt);
  // The rest is closed by the internal network itself, or by the kernel's having no IPv6 there.
  for (
    const must of [
      /^TCP to the gateway/,
      /^UDP to the gateway/,
      /^ICMP to the gateway/,
      /bound to the device/,
    ]
  ) {
    assertEquals(through.filter((attempt) => must.test(attempt)).length > 0, true, `${must}: ${through}`);
  }
});
