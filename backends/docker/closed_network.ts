/**
 * Closes a bottle's networks and proves the agent's closed, with the engine; what is done and tried stands in the two
 * neighbours.
 */

import type { BottlePlan } from "../../lib/bottle/plan.ts";
import { DAEMONS } from "../../lib/bundle/daemons.ts";
import { OperatorError } from "../../lib/errors.ts";
import { escapeUntrusted } from "../../lib/escape.ts";
import type { Agent } from "./agent.ts";
import type { BottleNetworks } from "./bottle_networks.ts";
import type { Bundle } from "./bundle.ts";
import { closerContainer } from "./container_specs.ts";
import type { DockerContext } from "./context.ts";
import {
  containerLogs,
  createContainer,
  removeContainer,
  startContainer,
  waitContainer,
} from "./engine/containers.ts";
import { atEdge } from "./engine/errors.ts";
import { runExec } from "./engine/exec.ts";
import { gatewaysOf, inspectNetwork } from "./engine/networks.ts";
import { resourceLabels, resourceName, type Role } from "./names.ts";
import { removeOwnContainer } from "./own_resources.ts";
import { bundleClosingScript, closingScript } from "./network_closure.ts";
import { probeFindings, type ProbeInput, probeScript } from "./network_probe.ts";
import { type Teardown, together } from "./teardown.ts";

/** What is closed, towards whom, and the image that brings the tools. */
export interface Closing {
  readonly image: string;
  readonly agent: Agent;
  readonly bundle: Bundle;
}

/** Sets the rules in both network namespaces, and the agent's routes. @throws {OperatorError} */
export async function closeNetwork(
  context: DockerContext,
  plan: BottlePlan,
  { image, agent, bundle }: Closing,
  teardown: Teardown,
): Promise<void> {
  const { ports } = bundle;
  const inAgent: Closer = { image, role: "closer", of: "agent", container: agent.id };
  const inBundle: Closer = { image, role: "bundle-closer", of: "bundle", container: bundle.id };
  await together(
    // gVisor has a network stack of its own, which rules of the namespace do not bind; the probe decides alone.
    agent.runtime === "runc"
      ? runCloser(context, plan, inAgent, closingScript({ address: bundle.address, ports }), teardown)
      : Promise.resolve(),
    runCloser(context, plan, inBundle, bundleClosingScript({ address: agent.address, ports }), teardown),
  );
}

/** A short-lived container in the network namespace of another. */
interface Closer {
  readonly image: string;
  readonly role: Role;
  /** Whose network it closes, for the message. */
  readonly of: "agent" | "bundle";
  /** Id of that container. */
  readonly container: string;
}

async function runCloser(
  context: DockerContext,
  plan: BottlePlan,
  closer: Closer,
  script: string,
  teardown: Teardown,
): Promise<void> {
  const { engine } = context;
  const name = resourceName(plan.identity, closer.role);
  teardown.add(`removing container ${name}`, () => removeOwnContainer(context, plan.identity, name));
  const id = await atEdge(
    `creating container ${name}`,
    createContainer(
      engine,
      name,
      closerContainer(
        closer.image,
        resourceLabels(plan.identity, context.home, closer.role),
        closer.container,
        script,
      ),
    ),
  );
  await atEdge(`starting ${name}`, startContainer(engine, id));
  const status = await atEdge(`waiting for ${name}`, waitContainer(engine, id, "not-running"));
  if (status !== 0) {
    const decoder = new TextDecoder();
    let text = "";
    for await (const frame of containerLogs(engine, id, { tail: 5 })) text += decoder.decode(frame.bytes);
    throw new OperatorError(
      `the ${closer.of}'s network could not be closed (exit status ${status}): ${
        escapeUntrusted(text.trim())
      }`,
    );
  }
  await atEdge(`removing ${name}`, removeContainer(engine, id));
}

/** Probes from inside the agent container. @throws {OperatorError} naming what is not proven closed */
export async function proveClosed(
  context: DockerContext,
  inside: { readonly agent: Agent; readonly bundle: Bundle; readonly networks: BottleNetworks },
): Promise<void> {
  const input: ProbeInput = {
    egress: { address: inside.bundle.address, port: DAEMONS.egress.port },
    gateways: await gateways(context, inside.networks.internal),
    hostAddresses: hostAddresses(),
  };
  const result = await atEdge(
    "probing the agent's network",
    runExec(context.engine, inside.agent.id, { argv: ["bash", "-c", probeScript(input)], user: "node" }),
  );
  const findings = probeFindings(input, result.stdout);
  if (findings.length === 0) return;
  throw new OperatorError(
    `the agent's network cannot be proven closed, so the bottle is not started: ${findings.join("; ")}`,
  );
}

async function gateways({ engine }: DockerContext, network: string): Promise<readonly string[]> {
  const info = await atEdge(`inspecting network ${network}`, inspectNetwork(engine, network));
  return info === undefined ? [] : gatewaysOf(info);
}

/** IPv4 addresses of this host's interfaces, loopback left out. */
function hostAddresses(): readonly string[] {
  return Deno.networkInterfaces()
    .filter((face) => face.family === "IPv4" && !face.address.startsWith("127."))
    .map((face) => face.address);
}
