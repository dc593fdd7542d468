/** From a plan to a running bottle, step by step; a failure or an abort at any step takes back what was made. */

import type { Bottle, Progress } from "../../lib/bottle/contracts.ts";
import type { BottlePlan } from "../../lib/bottle/plan.ts";
import { GIT_GATE_HOST } from "../../lib/bottle/guest.ts";
import { gitGateUrl } from "../../lib/git_gate/instead_of.ts";
import { statePaths } from "../../lib/state/paths.ts";
import { provision } from "../provision.ts";
import { closeNetwork, proveClosed } from "./closed_network.ts";
import type { DockerContext } from "./context.ts";
import { DockerBottle } from "./bottle.ts";
import { readyGuest, startAgent } from "./agent.ts";
import { startBundle } from "./bundle.ts";
import { ensureImages } from "./images.ts";
import { makeNetworks } from "./bottle_networks.ts";
import { Teardown, together } from "./teardown.ts";

/**
 * Launches a bottle (SPEC 10, docker).
 *
 * The order is the security: no token is in the bundle before its network is closed to all but the agent; the agent
 * container idles on its holder until its network is closed and proven closed; only then is anything of the operator's
 * copied in, and the agent program is started last, by `attach`.
 *
 * @throws {OperatorError} the step that failed; the signal's reason when it was aborted
 */
export async function launch(
  context: DockerContext,
  plan: BottlePlan,
  progress: Progress,
  signal: AbortSignal,
): Promise<Bottle> {
  await using teardown = new Teardown((text) => progress.warn(text));
  const step = (name: string): void => {
    signal.throwIfAborted();
    progress.step(name);
  };

  step("images");
  const images = await ensureImages(context, plan, progress, signal);
  step("networks");
  teardown.stage();
  const networks = await makeNetworks(context, plan, teardown);
  step("containers");
  teardown.stage();
  const [bundle, agent] = await together(
    startBundle(context, plan, { image: images.bundle, networks }, teardown, signal),
    startAgent(context, plan, { image: images.agent, networks }, teardown, progress),
  );
  step("close the network");
  await closeNetwork(context, plan, { image: images.bundle, agent, bundle }, teardown);
  await bundle.handTokens();
  step("prove it closed");
  const [ids] = await together(
    readyGuest(context, plan, agent, bundle.address),
    // Egress is the probe's positive control.
    bundle.egressReady(signal).then(() => proveClosed(context, { agent, bundle, networks })),
  );

  const bottle = new DockerBottle({
    context,
    plan,
    agent,
    ids,
    teardown: teardown.handOver(),
    signal,
    warn: (text) => progress.warn(text),
  });
  try {
    const input = {
      ca: bundle.ca,
      transcript: statePaths(context.hostHome, plan.identity).transcript,
      gateUrl: (name: string) => gitGateUrl(GIT_GATE_HOST, name),
    };
    const told: Progress = {
      step,
      detail: (text) => progress.detail(text),
      warn: (text) => progress.warn(text),
      tail: (lines) => progress.tail(lines),
    };
    // The rest of the bundle comes up meanwhile: nothing that is provisioned needs it.
    await together(provision(bottle, plan, input, told), bundle.ready(signal));
    signal.throwIfAborted();
    await bundle.stillRuns();
    return bottle;
  } catch (error) {
    await bottle.close();
    throw error;
  }
}
