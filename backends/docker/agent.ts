/** Starts the agent container on its idle holder and learns what its image brings. */

import { BUNDLE_HOST_NAMES } from "../../lib/bottle/guest.ts";
import type { Progress } from "../../lib/bottle/contracts.ts";
import type { BottlePlan } from "../../lib/bottle/plan.ts";
import { messageOf, OperatorError } from "../../lib/errors.ts";
import { escapeUntrusted } from "../../lib/escape.ts";
import { quote } from "../provision.ts";
import type { BottleNetworks } from "./bottle_networks.ts";
import { agentContainer } from "./container_specs.ts";
import type { DockerContext } from "./context.ts";
import { createContainer, inspectContainer, startContainer } from "./engine/containers.ts";
import { atEdge } from "./engine/errors.ts";
import { runExec } from "./engine/exec.ts";
import type { EngineFacts } from "./engine/system.ts";
import { resourceLabels, resourceName } from "./names.ts";
import { removeOwnContainer } from "./own_resources.ts";
import type { Teardown } from "./teardown.ts";

/** A running agent container. */
export interface Agent {
  readonly id: string;
  /** IPv4 address on the internal network. */
  readonly address: string;
  /** OCI runtime in use. */
  readonly runtime: string;
}

/** Numeric ids of the user `node`. */
export interface GuestIds {
  readonly uid: number;
  readonly gid: number;
}

/** What an agent container is started with. */
export interface AgentStart {
  readonly image: string;
  readonly networks: BottleNetworks;
}

/** What provisioning needs; a custom image must bring it. */
const NEEDED_PROGRAMS = ["bash", "git", "openssl", "update-ca-certificates"] as const;

/** Creates and starts the agent container on its holder. Nothing of the image runs but that. @throws {OperatorError} */
export async function startAgent(
  context: DockerContext,
  plan: BottlePlan,
  start: AgentStart,
  teardown: Teardown,
  progress: Progress,
): Promise<Agent> {
  const { engine } = context;
  const name = resourceName(plan.identity, "agent");
  const runtime = chooseRuntime(context.facts);
  if (runtime.refused !== undefined) progress.warn(runtime.refused);
  teardown.add(`removing container ${name}`, () => removeOwnContainer(context, plan.identity, name));
  const labels = resourceLabels(plan.identity, context.home, "agent");
  const id = await atEdge(
    `creating container ${name}`,
    createContainer(
      engine,
      name,
      agentContainer({
        image: start.image,
        labels,
        network: start.networks.internal,
        runtime: runtime.name,
      }),
    ),
  );
  await atEdge(`starting ${name}`, startContainer(engine, id)).catch((error) => {
    throw lackingImage(error) ?? error;
  });
  const info = await atEdge(`inspecting ${name}`, inspectContainer(engine, id));
  const address = info?.NetworkSettings.Networks[start.networks.internal]?.IPAddress ?? "";
  if (address === "") throw new OperatorError(`the agent container ${name} ended as it started`);
  return { id, address, runtime: runtime.name };
}

/** What the engine says of an image without its user, or without a program that the holder needs. */
function lackingImage(error: unknown): OperatorError | undefined {
  const said = messageOf(error);
  const user = /unable to find user (\S+?):/.exec(said)?.[1];
  const program = /exec: \\?"([^"\\]+)\\?": (?:executable file not found|stat )/.exec(said)?.[1];
  const part = user === undefined ? program && `program ${program}` : `user ${user}`;
  return part === undefined
    ? undefined
    : new OperatorError(`the agent image lacks ${part}`, { mend: BRING_IT });
}

const BRING_IT = "add it to the Dockerfile (agent_provider.dockerfile) or to BOT_BOTTLE_IMAGE";

/**
 * gVisor where the engine has it and its network can be proven closed: under runsc the rules of the network
 * namespace do not bind, so the bridge itself must have no address on the host.
 */
export function chooseRuntime(facts: EngineFacts): { readonly name: string; readonly refused?: string } {
  if (!facts.runtimes.includes("runsc")) return { name: "runc" };
  if (facts.isolatedGateway) return { name: "runsc" };
  return {
    name: "runc",
    refused: `runsc is not used: engine ${facts.version} cannot keep the host off the bottle's bridge ` +
      "(gateway mode isolated, engine 28); runc with a closed network namespace is used instead",
  };
}

/**
 * Readies the guest for provisioning, in one exec: checks the image's parts, reads the ids of its user, and names
 * the bundle in `/etc/hosts`, since the resolver is closed.
 *
 * @throws {OperatorError} naming what the image lacks
 */
export async function readyGuest(
  context: DockerContext,
  plan: BottlePlan,
  agent: Agent,
  bundleAddress: string,
): Promise<GuestIds> {
  const result = await atEdge(
    "looking into the agent image",
    runExec(context.engine, agent.id, { argv: ["sh", "-c", guestScript(plan, bundleAddress)], user: "root" }),
  );
  if (result.status === MISSING_STATUS) {
    const parts = result.stdout.trim().split("\n").map(escapeUntrusted).join(", ");
    throw new OperatorError(`the agent image lacks ${parts}`, {
      mend: BRING_IT,
    });
  }
  const [uid, gid] = result.stdout.trim().split("\n").map(Number);
  if (result.status !== 0 || !Number.isInteger(uid) || !Number.isInteger(gid)) {
    throw new OperatorError(
      `the agent image cannot be looked into: ${escapeUntrusted(`${result.stdout} ${result.stderr}`.trim())}`,
      { mend: "base it on the image that bottle builds" },
    );
  }
  return { uid: uid!, gid: gid! };
}

/** Exit status of the script when the image lacks something; what it is stands on its output, one a line. */
const MISSING_STATUS = 3;

function guestScript(plan: BottlePlan, bundleAddress: string): string {
  const programs = [...NEEDED_PROGRAMS, plan.provider.command].map(quote).join(" ");
  return `set -u
missing() { echo "$1"; lacking=1; }
lacking=0
id -u node >/dev/null 2>&1 || missing "user node"
[ -d ${quote(plan.guestHome)} ] || missing "folder "${quote(plan.guestHome)}
for program in ${programs}; do
  command -v "$program" >/dev/null 2>&1 || missing "program $program"
done
[ "$lacking" = 0 ] || exit ${MISSING_STATUS}
echo ${quote(`${bundleAddress} ${BUNDLE_HOST_NAMES.join(" ")}`)} >> /etc/hosts || exit 4
id -u node
id -g node
`;
}
