/** `bottle start`: manifests, plan, preflight, and the life of a bottle. */

import { type AgentRun, runAgent } from "./agent_run.ts";
import { backendOf, type CliHost, DEFAULT_BACKEND, homeOf } from "./host.ts";
import { Manifest } from "../manifest/manifest.ts";
import { loadSettings, placeOf } from "../state/settings.ts";

/** Options of `start` as the command line gives them. */
export interface StartOptions {
  /** Copy the current folder into the bottle. */
  readonly cwd?: true;
  /** Name of the backend. */
  readonly backend?: string;
  /** Show, and do nothing. */
  readonly dryRun?: true;
  /** Do not ask. */
  readonly yes?: true;
  /** Let the agent be controlled from elsewhere. */
  readonly remoteControl?: true;
  /** What stood after `--`. */
  readonly args: readonly string[];
}

/** Runs an agent in a fresh bottle. @returns the agent's exit status @throws {OperatorError} */
export async function start(host: CliHost, agent: string, options: StartOptions): Promise<number> {
  const home = homeOf(host);
  const cwd = host.cwd();
  const settings = await loadSettings(host.env, home);
  const backend = options.backend === undefined
    ? await backendOf(
      host.backends,
      settings.backend ?? DEFAULT_BACKEND,
      placeOf(settings, "BOT_BOTTLE_BACKEND"),
    )
    : await backendOf(host.backends, options.backend, "--backend", 2);
  const manifest = await Manifest.load({ home, cwd });
  for (const warning of manifest.warnings(agent)) host.output.warn(warning);
  const run: AgentRun = {
    backend,
    spec: {
      resolved: manifest.resolve(agent),
      settings,
      cwd,
      copyCwd: options.cwd ?? false,
      hostHome: home,
      hostEnv: host.env,
    },
    call: { args: options.args, resume: false, remoteControl: options.remoteControl ?? false },
    dryRun: options.dryRun ?? false,
    assumeYes: options.yes ?? false,
  };
  return await runAgent(host, run);
}
