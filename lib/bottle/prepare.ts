/** From what the operator asked for to what will be done. Reads the host's files, touches nothing. */

import { effectiveRoutes } from "../egress/routes.ts";
import type { EgressPlan } from "../egress/model.ts";
import { messageOf, OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import { planRepos, repoWarnings } from "../git_gate/plan.ts";
import { planEnv, readHostToken, requireHostVariables } from "../manifest/env.ts";
import type { BottleManifest } from "../manifest/model.ts";
import { findSkills } from "../manifest/skills.ts";
import { planProvider } from "../providers/mod.ts";
import type { ProviderPlan } from "../providers/provider.ts";
import type { Secret } from "../secret.ts";
import { mintIdentity } from "../state/identity.ts";
import { homePaths, statePaths } from "../state/paths.ts";
import { placeOf, type Settings } from "../state/settings.ts";
import type { BottlePlan, BottleSpec } from "./plan.ts";

/** Folder of the guest's home that holds the copy of the operator's folder. */
const WORKSPACE = "workspace";

/**
 * Plans a bottle, the same for every backend.
 *
 * @param backendName the backend that will launch it
 * @param guestHome home folder in the guest, absolute
 * @throws {OperatorError} the first thing that stands in the way of a launch and can be told without the backend
 */
export async function prepareBottle(
  spec: BottleSpec,
  backendName: string,
  guestHome: string,
): Promise<BottlePlan> {
  const { resolved, settings, hostEnv, hostHome } = spec;
  const { agent, bottle } = resolved;
  refuseUnavailable(bottle);
  if (spec.copyCwd) await refuseOwnFolder(spec);
  const identity = spec.identity ?? mintIdentity(agent.name);
  const workdir = spec.copyCwd ? `${guestHome}/${WORKSPACE}` : guestHome;
  const planned = await planProvider({
    settings: bottle.provider,
    guestHome,
    workdir,
    manifestEnv: knownEnv(bottle, hostEnv),
    hostHome,
    hostEnv,
    readHostFile,
    now: Date.now(),
  });
  requireHostVariables(bottle, hostEnv, {
    tokenRefs: Object.keys(planned.provisionedEnv),
    hosts: planned.routes.map((route) => route.host),
  });
  const provider = spec.identity === undefined ? planned : await withSavedDockerfile(planned, spec, identity);
  if (provider.dockerfile.kind === "operator") await checkDockerfile(provider.dockerfile.path);
  const egress = effectiveRoutes(provider.routes, bottle.routes);
  if (settings.extraCa !== undefined) await checkExtraCa(settings.extraCa, settings);
  return {
    identity,
    backend: backendName,
    resolved,
    settings,
    provider,
    egress,
    env: planEnv(bottle, hostEnv),
    tokens: resolveTokens(egress, provider, hostEnv),
    gitRepos: await planRepos(bottle.gitRepos, readHostFile),
    skills: await findSkills(agent.skills, hostHome),
    guestHome,
    workdir,
    cwd: spec.cwd,
    copyCwd: spec.copyCwd,
    warnings: [...egress.warnings, ...repoWarnings(bottle.gitRepos)],
  };
}

/** The copy goes to the agent; bottle's own folder holds the keys of every bottle's certificates. */
async function refuseOwnFolder({ cwd, hostHome }: BottleSpec): Promise<void> {
  const { root } = homePaths(hostHome);
  const [copied, own] = await Promise.all([realPath(cwd), realPath(root)]);
  if (!isWithin(own, copied) && !isWithin(copied, own)) return;
  throw new OperatorError(`--cwd would copy ${escapeUntrusted(root)} into the bottle, with the keys in it`, {
    mend: "start in the folder of your project",
  });
}

async function realPath(path: string): Promise<string> {
  try {
    return await Deno.realPath(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return path;
    throw error;
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}

/** What a manifest may declare but this version cannot give. Launching without it would not be what was asked for. */
function refuseUnavailable(bottle: BottleManifest): void {
  if (!bottle.supervise) return;
  throw new OperatorError(`${escapeUntrusted(bottle.file)}: supervise is not available in this version yet`, {
    mend: "take it out of the bottle to start it",
  });
}

/** Values of the manifest's env that are known before the launch; a question's answer is not. */
function knownEnv(
  bottle: BottleManifest,
  hostEnv: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const known: Record<string, string> = {};
  for (const [name, source] of Object.entries(bottle.env)) {
    if (source.kind === "literal") known[name] = source.value;
    else if (source.kind === "host") {
      const value = hostEnv[source.name];
      if (value !== undefined) known[name] = value;
    }
  }
  return known;
}

/** A slot's value: what the provider read on the host wins over a host variable of that name. */
function resolveTokens(
  egress: EgressPlan,
  provider: ProviderPlan,
  hostEnv: Readonly<Record<string, string>>,
): Readonly<Record<string, Secret>> {
  const tokens: Record<string, Secret> = {};
  for (const { name, tokenRef } of egress.slots) {
    const provisioned = Object.hasOwn(provider.provisionedEnv, tokenRef)
      ? provider.provisionedEnv[tokenRef]
      : undefined;
    tokens[name] = provisioned ?? readHostToken(tokenRef, hostEnv);
  }
  return tokens;
}

/** A capability change that was approved left its Dockerfile in the state folder. */
async function withSavedDockerfile(
  provider: ProviderPlan,
  spec: BottleSpec,
  identity: string,
): Promise<ProviderPlan> {
  const path = statePaths(spec.hostHome, identity).dockerfile;
  const saved = await Deno.lstat(path).catch(() => undefined);
  return saved?.isFile ? { ...provider, dockerfile: { kind: "operator", path } } : provider;
}

/** Before the operator is asked anything; what is in it, the build says. */
async function checkDockerfile(path: string): Promise<void> {
  if (await readHostFile(path) !== undefined) return;
  throw new OperatorError(`agent_provider.dockerfile: ${escapeUntrusted(path)} does not exist`);
}

async function checkExtraCa(path: string, settings: Settings): Promise<void> {
  const where = `${placeOf(settings, "BOT_BOTTLE_EXTRA_CA")}: ${escapeUntrusted(path)}`;
  const info = await Deno.stat(path).catch(() => undefined);
  if (info?.isDirectory) {
    throw new OperatorError(`${where} is a folder`, { mend: "name a file of PEM certificates" });
  }
  const pem = await readHostFile(path);
  if (pem === undefined) throw new OperatorError(`${where} does not exist`);
  if (!pem.includes("-----BEGIN CERTIFICATE-----")) {
    throw new OperatorError(`${where} holds no PEM certificate`);
  }
  // The file goes into image builds and into the bundle as it is.
  if (pem.includes("PRIVATE KEY-----")) {
    throw new OperatorError(`${where} holds a private key`, { mend: "name a file with certificates only" });
  }
}

async function readHostFile(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotADirectory) return undefined;
    throw new OperatorError(`cannot read ${escapeUntrusted(path)}: ${escapeUntrusted(messageOf(cause))}`, {
      cause,
    });
  }
}
