/** A bottle of the lab's, launched through the contracts, so that a test can look around inside it. */

import { dockerBackend } from "../../backends/docker/mod.ts";
import type { Backend, Bottle, Progress } from "../../lib/bottle/contracts.ts";
import type { BottlePlan } from "../../lib/bottle/plan.ts";
import { Manifest } from "../../lib/manifest/manifest.ts";
import { acquireOwnerLock } from "../../lib/state/lock.ts";
import { makeStateFolders, removeStateFolder, statePaths } from "../../lib/state/paths.ts";
import { loadSettings } from "../../lib/state/settings.ts";
import { inspectNetwork } from "../../backends/docker/engine/networks.ts";
import { resourceName } from "../../backends/docker/names.ts";
import { gatewayOf } from "./gateway.ts";
import type { Lab } from "./lab.ts";

/** Says nothing. */
export const QUIET: Progress = {
  step: () => undefined,
  detail: () => undefined,
  warn: () => undefined,
  tail: () => undefined,
};

/** A launched bottle and what it was launched from. */
export interface LabBottle extends AsyncDisposable {
  readonly bottle: Bottle;
  readonly plan: BottlePlan;
  readonly backend: Backend;
  /** Gateway of its internal network. */
  readonly gateway: string;
}

/** What can be changed about the launch. */
export interface LabBottleOptions {
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
  /** Folder copied into the workspace. */
  readonly cwd?: string;
  /** Environment over the lab's. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Plans a bottle for an agent of the lab. */
export async function planBottle(
  lab: Lab,
  agent: string,
  options: LabBottleOptions = {},
): Promise<{ backend: Backend; plan: BottlePlan }> {
  const env = { ...lab.env, ...options.env };
  const backend = dockerBackend({ home: lab.home, env });
  const manifest = await Manifest.load({ home: lab.home, cwd: options.cwd ?? lab.home });
  const plan = await backend.prepare({
    resolved: manifest.resolve(agent),
    settings: await loadSettings(env, lab.home),
    cwd: options.cwd ?? lab.home,
    copyCwd: options.cwd !== undefined,
    hostHome: lab.home,
    hostEnv: env,
  });
  return { backend, plan };
}

/** Launches a bottle; disposing closes it and removes its state. */
export async function launchBottle(
  lab: Lab,
  agent: string,
  options: LabBottleOptions = {},
): Promise<LabBottle> {
  const { backend, plan } = await planBottle(lab, agent, options);
  await using undo = new AsyncDisposableStack();
  const lock = await acquireOwnerLock(lab.home, plan.identity, { fresh: true });
  undo.defer(() => lock.release());
  undo.defer(() => removeStateFolder(lab.home, plan.identity));
  await makeStateFolders(statePaths(lab.home, plan.identity));
  const signal = options.signal ?? new AbortController().signal;
  const bottle = await backend.launch(plan, options.progress ?? QUIET, signal);
  undo.defer(() => bottle.close());
  const network = await inspectNetwork(lab.engine, resourceName(plan.identity, "internal"));
  const gateway = gatewayOf(network!);
  const all = undo.move();
  return { bottle, plan, backend, gateway, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
