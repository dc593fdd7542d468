/** Starts a bottle's bundle: its container, its files, its tokens over standard input. */

import type { BottlePlan } from "../../lib/bottle/plan.ts";
import { BUNDLE_PATHS, daemonReadyLine, INIT_NOT_READY, INIT_READY_LINE } from "../../lib/bundle/daemons.ts";
import { renderSecretsLine } from "../../lib/bundle/secrets_line.ts";
import { type BundleSpec, bundleSpec } from "../../lib/bundle/spec.ts";
import { renderRoutes } from "../../lib/egress/wire.ts";
import { OperatorError } from "../../lib/errors.ts";
import { escapeUntrusted } from "../../lib/escape.ts";
import { DEFAULT_MAX_PUSH_BYTES } from "../../lib/git_gate/wire.ts";
import { pipelockConfig, renderPipelockConfig } from "../../lib/pipelock/config.ts";
import { Secret } from "../../lib/secret.ts";
import { statePaths, writeStateFile } from "../../lib/state/paths.ts";
import { type CaFiles, mintCa } from "../../lib/tls/ca.ts";
import type { GuestCa } from "../provision.ts";
import type { BottleNetworks } from "./bottle_networks.ts";
import { bundleContainer } from "./container_specs.ts";
import type { DockerContext } from "./context.ts";
import { startHoldingInput } from "./engine/attach.ts";
import { containerLogs, createContainer, inspectContainer, putArchive } from "./engine/containers.ts";
import { atEdge, isRefusal } from "./engine/errors.ts";
import { connectNetwork } from "./engine/networks.ts";
import { packTar } from "./engine/tar.ts";
import { resourceLabels, resourceName } from "./names.ts";
import { removeOwnContainer } from "./own_resources.ts";
import { type Teardown, together } from "./teardown.ts";

/** How long the daemons may take to accept connections, milliseconds. */
const READY_MS = 20_000;

/** A started bundle. */
export interface Bundle {
  readonly id: string;
  /** IPv4 address on the internal network. */
  readonly address: string;
  /** TCP ports that the agent may connect to. */
  readonly ports: readonly number[];
  /** What the guest must trust. */
  readonly ca: GuestCa;
  /**
   * Hands the tokens to init, which then starts the daemons. Not before the bundle's network is closed: egress
   * spends them for whoever reaches it.
   *
   * @throws {OperatorError} the bundle ended before it took them
   */
  handTokens(): Promise<void>;
  /** Resolves when egress accepts connections. @throws {OperatorError} the bundle ended, or took too long */
  egressReady(signal: AbortSignal): Promise<void>;
  /** Resolves when every daemon does. @throws {OperatorError} likewise */
  ready(signal: AbortSignal): Promise<void>;
  /** @throws {OperatorError} the bundle ended meanwhile */
  stillRuns(): Promise<void>;
}

/** What a bundle is started with. */
export interface BundleStart {
  readonly image: string;
  readonly networks: BottleNetworks;
}

/** Creates, fills and starts the bundle; its daemons wait for the tokens. @throws {OperatorError} */
export async function startBundle(
  context: DockerContext,
  plan: BottlePlan,
  start: BundleStart,
  teardown: Teardown,
  signal: AbortSignal,
): Promise<Bundle> {
  const { engine, facts } = context;
  const name = resourceName(plan.identity, "bundle");
  const [egressCa, pipelockCa] = await together(
    mintCa(`bottle ${plan.identity} egress`),
    mintCa(`bottle ${plan.identity} pipelock`),
  );
  const spec = await specOf(plan, egressCa, pipelockCa);
  await saveConfiguration(context, plan, spec);
  teardown.add(`removing container ${name}`, () => removeOwnContainer(context, plan.identity, name));
  const labels = resourceLabels(plan.identity, context.home, "bundle");
  const id = await atEdge(
    `creating container ${name}`,
    createContainer(engine, name, bundleContainer(start.image, labels, start.networks.egress, spec, facts)),
  );
  await together(
    atEdge(`connecting ${name} to its network`, connectNetwork(engine, start.networks.internal, id)),
    atEdge(`filling ${name}`, putArchive(engine, id, bundleTar(spec))),
  );
  const input = await atEdge(`starting ${name}`, startHoldingInput(engine, id, signal));
  teardown.add(`letting go of ${name}`, () => Promise.resolve(input[Symbol.dispose]()));
  const info = await atEdge(`inspecting ${name}`, inspectContainer(engine, id));
  const address = info?.NetworkSettings.Networks[start.networks.internal]?.IPAddress ?? "";
  if (address === "") throw await ended(context, id, "ended as it started");
  return {
    id,
    address,
    ports: spec.ports.map((port) => port.port),
    ca: { certPem: egressCa.certPem, fingerprint: egressCa.fingerprint },
    handTokens: () => atEdge(`handing ${name} its tokens`, input.give(renderSecretsLine(plan.tokens))),
    egressReady: (signal) => untilSaid(context, id, daemonReadyLine("egress"), signal),
    ready: (signal) => untilSaid(context, id, INIT_READY_LINE, signal),
    stillRuns: async () => {
      const now = await atEdge(`inspecting ${name}`, inspectContainer(engine, id));
      if (!now?.State.Running) throw await ended(context, id, "ended during the launch");
    },
  };
}

/** The bundle of this plan, as data. */
async function specOf(plan: BottlePlan, egressCa: CaFiles, pipelockCa: CaFiles): Promise<BundleSpec> {
  const { settings: { extraCa, gitMaxPushBytes }, gitRepos: repos } = plan;
  return bundleSpec({
    daemons: ["egress", "pipelock", ...repos.length > 0 ? ["git-gate" as const] : []],
    routesYaml: renderRoutes(plan.egress),
    pipelockYaml: renderPipelockConfig(pipelockConfig({
      routes: plan.egress.routes,
      extraHosts: plan.settings.extraHosts,
    })),
    egressCa,
    pipelockCa,
    egress: plan.egress,
    extraHosts: plan.settings.extraHosts,
    ...(repos.length > 0 && { gitGate: { repos, maxPushBytes: gitMaxPushBytes ?? DEFAULT_MAX_PUSH_BYTES } }),
    extraCaPem: extraCa === undefined ? undefined : await Deno.readTextFile(extraCa),
  });
}

/**
 * What is in force is kept in the state folder too, readable by the operator alone; it holds no token, and no key but
 * those made for this bottle.
 */
async function saveConfiguration(context: DockerContext, plan: BottlePlan, spec: BundleSpec): Promise<void> {
  const paths = statePaths(context.hostHome, plan.identity);
  const folders: Readonly<Record<string, string>> = {
    [`${BUNDLE_PATHS.run}/egress`]: paths.egress,
    [`${BUNDLE_PATHS.run}/pipelock`]: paths.pipelock,
    [BUNDLE_PATHS.gitGate]: paths.gitGate,
  };
  await Promise.all(spec.files.map(async ({ path, content }) => {
    const at = path.lastIndexOf("/");
    const into = folders[path.slice(0, at)];
    // Folders below them hold the operator's own keys, which stay where they are, and what gate.json says too.
    if (into !== undefined) await writeStateFile(into + path.slice(at), textOf(content));
  }));
}

function bundleTar(spec: BundleSpec): ReadableStream<Uint8Array> {
  return packTar([
    ...spec.dirs.map((dir) => ({ ...dir, type: "directory" as const, gid: dir.uid })),
    ...spec.files.map((file) => ({
      ...file,
      type: "file" as const,
      gid: file.uid,
      content: textOf(file.content),
    })),
  ]);
}

function textOf(content: string | Secret): string {
  return content instanceof Secret ? content.reveal() : content;
}

/** Follows init's log until it has a line, or says that it will not come. */
async function untilSaid(
  context: DockerContext,
  id: string,
  wanted: string,
  signal: AbortSignal,
): Promise<void> {
  const patience = AbortSignal.timeout(READY_MS);
  const decoder = new TextDecoder();
  let text = "";
  try {
    const logs = containerLogs(context.engine, id, {
      follow: true,
      signal: AbortSignal.any([signal, patience]),
    });
    for await (const frame of logs) {
      text += decoder.decode(frame.bytes, { stream: true });
      const lines = text.split("\n");
      if (lines.includes(wanted)) return;
      if (lines.some((line) => line.startsWith(INIT_NOT_READY))) break;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!patience.aborted) throw error;
    throw await ended(context, id, `was not ready within ${READY_MS / 1000} s`);
  }
  throw await ended(context, id, "did not become ready");
}

/** An error with the bundle's last words. */
async function ended(context: DockerContext, id: string, what: string): Promise<OperatorError> {
  const words = escapeUntrusted((await lastWords(context, id)).trim().split("\n").join(" | "));
  return new OperatorError(`the sidecar bundle ${what}: ${words === "" ? "it said nothing" : words}`);
}

async function lastWords(context: DockerContext, id: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  try {
    for await (const { bytes } of containerLogs(context.engine, id, { tail: 8 })) {
      text += decoder.decode(bytes);
    }
  } catch (error) {
    if (!isRefusal(error, 404, 409)) throw error; // somebody removed it
  }
  return text;
}
