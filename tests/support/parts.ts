/** A bottle put together by hand from the docker backend's functions, so that a test can leave a step out. */

import { engineFacts } from "../../backends/docker/engine/system.ts";
import { type Agent, readyGuest, startAgent } from "../../backends/docker/agent.ts";
import { DockerBottle } from "../../backends/docker/bottle.ts";
import { type BottleNetworks, makeNetworks } from "../../backends/docker/bottle_networks.ts";
import { type Bundle, startBundle } from "../../backends/docker/bundle.ts";
import { closerContainer } from "../../backends/docker/container_specs.ts";
import type { DockerContext } from "../../backends/docker/context.ts";
import {
  containerLogs,
  createContainer,
  removeContainer,
  startContainer,
  waitContainer,
} from "../../backends/docker/engine/containers.ts";
import { inspectNetwork } from "../../backends/docker/engine/networks.ts";
import { type BottleImages, ensureImages } from "../../backends/docker/images.ts";
import { homeDigest, resourceLabels, resourceName } from "../../backends/docker/names.ts";
import { Teardown } from "../../backends/docker/teardown.ts";
import { provision } from "../../backends/provision.ts";
import type { Bottle } from "../../lib/bottle/contracts.ts";
import type { BottlePlan } from "../../lib/bottle/plan.ts";
import { GIT_GATE_HOST } from "../../lib/bottle/guest.ts";
import { gitGateUrl } from "../../lib/git_gate/instead_of.ts";
import { acquireOwnerLock } from "../../lib/state/lock.ts";
import { makeStateFolders, removeStateFolder, statePaths } from "../../lib/state/paths.ts";
import { planBottle, QUIET } from "./bottle.ts";
import { gatewayOf } from "./gateway.ts";
import type { Lab } from "./lab.ts";

/** Networks, bundle and idle agent: as far as a launch is before it closes the network, with all daemons up. */
export interface Parts extends AsyncDisposable {
  readonly context: DockerContext;
  readonly plan: BottlePlan;
  readonly images: BottleImages;
  readonly networks: BottleNetworks;
  readonly bundle: Bundle;
  readonly agent: Agent;
  readonly teardown: Teardown;
  /** Gateway of the internal network. */
  readonly gateway: string;
}

/** The backend's context for a lab. */
export async function contextOf(lab: Lab): Promise<DockerContext> {
  return {
    engine: lab.engine,
    facts: await engineFacts(lab.engine),
    hostHome: lab.home,
    hostEnv: lab.env,
    home: await homeDigest(lab.home),
  };
}

/** Starts the parts of a bottle; its network is open. */
export async function startParts(lab: Lab, agentName: string): Promise<Parts> {
  const context = await contextOf(lab);
  const { plan } = await planBottle(lab, agentName);
  const signal = new AbortController().signal;
  await using undo = new AsyncDisposableStack();
  const lock = await acquireOwnerLock(lab.home, plan.identity, { fresh: true });
  undo.defer(() => lock.release());
  undo.defer(() => removeStateFolder(lab.home, plan.identity));
  await makeStateFolders(statePaths(lab.home, plan.identity));
  const warnings: string[] = [];
  const teardown = new Teardown((text) => void warnings.push(text));
  undo.defer(async () => {
    await teardown[Symbol.asyncDispose]();
    if (warnings.length > 0) throw new Error(warnings.join("; "));
  });
  const images = await ensureImages(context, plan, QUIET, signal);
  teardown.stage();
  const networks = await makeNetworks(context, plan, teardown);
  teardown.stage();
  const bundle = await startBundle(
    context,
    plan,
    { image: images.bundle, networks },
    teardown,
    new AbortController().signal,
  );
  const agent = await startAgent(context, plan, { image: images.agent, networks }, teardown, QUIET);
  await bundle.handTokens();
  await bundle.ready(signal);
  const info = await inspectNetwork(lab.engine, networks.internal);
  const gateway = gatewayOf(info!);
  const all = undo.move();
  return {
    context,
    plan,
    images,
    networks,
    bundle,
    agent,
    teardown,
    gateway,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Runs a script in the agent's network namespace the way the closing container does. */
export async function runCloser(parts: Parts, script: string): Promise<void> {
  const { context: { engine, home }, plan, images, agent } = parts;
  const name = `${resourceName(plan.identity, "closer")}-by-hand`;
  const labels = resourceLabels(plan.identity, home, "closer");
  const id = await createContainer(engine, name, closerContainer(images.bundle, labels, agent.id, script));
  try {
    const ended = waitContainer(engine, id, "next-exit");
    await startContainer(engine, id);
    if (await ended === 0) return;
    let text = "";
    for await (const { bytes } of containerLogs(engine, id)) text += new TextDecoder().decode(bytes);
    throw new Error(`the closing script failed: ${text}`);
  } finally {
    await removeContainer(engine, id);
  }
}

/** Provisions the agent as a launch does, whatever its network is like. */
export async function finish(parts: Parts): Promise<Bottle> {
  const { context, plan, agent, bundle } = parts;
  const ids = await readyGuest(context, plan, agent, bundle.address);
  const bottle = new DockerBottle({
    context,
    plan,
    agent,
    ids,
    // The parts take themselves away.
    teardown: new Teardown(() => undefined),
    signal: new AbortController().signal,
    warn: () => undefined,
  });
  await provision(bottle, plan, {
    ca: bundle.ca,
    transcript: `${context.hostHome}/no-transcript`,
    gateUrl: (name) => gitGateUrl(GIT_GATE_HOST, name),
  }, QUIET);
  return bottle;
}
