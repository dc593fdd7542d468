/** A bottle's two networks: an internal one for agent and bundle, a bridge out for the bundle alone. */

import type { BottlePlan } from "../../lib/bottle/plan.ts";
import type { DockerContext } from "./context.ts";
import { atEdge } from "./engine/errors.ts";
import { createNetwork } from "./engine/networks.ts";
import { resourceLabels, resourceName } from "./names.ts";
import { removeOwnNetwork } from "./own_resources.ts";
import { type Teardown, together } from "./teardown.ts";

/** The networks, by name. */
export interface BottleNetworks {
  readonly internal: string;
  readonly egress: string;
  /** The internal network's bridge has no address on the host (engine 28). */
  readonly isolated: boolean;
}

/** Makes both networks at once. @throws {OperatorError} */
export async function makeNetworks(
  context: DockerContext,
  plan: BottlePlan,
  teardown: Teardown,
): Promise<BottleNetworks> {
  const { isolatedGateway } = context.facts;
  const make = async (role: "internal" | "egress"): Promise<string> => {
    const name = resourceName(plan.identity, role);
    teardown.add(`removing network ${name}`, () => removeOwnNetwork(context, plan.identity, name));
    await atEdge(
      `creating network ${name}`,
      createNetwork(context.engine, {
        name,
        internal: role === "internal",
        labels: resourceLabels(plan.identity, context.home, role),
        options: role === "internal" && isolatedGateway
          ? { "com.docker.network.bridge.gateway_mode_ipv4": "isolated" }
          : undefined,
      }),
    );
    return name;
  };
  const [internal, egress] = await together(make("internal"), make("egress"));
  return { internal, egress, isolated: isolatedGateway };
}
