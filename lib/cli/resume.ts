/** `bottle resume`: a kept bottle again. What was saved decides where and with what. */

import { OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import { Manifest } from "../manifest/manifest.ts";
import { suggest } from "../text/suggest.ts";
import { isHeld } from "../state/lock.ts";
import { type Metadata, readMetadata } from "../state/metadata.ts";
import { listIdentities } from "../state/paths.ts";
import { loadSettings } from "../state/settings.ts";
import { runAgent } from "./agent_run.ts";
import { backendOf, type CliHost, homeOf } from "./host.ts";

/** Options of `resume` as the command line gives them. */
export interface ResumeOptions {
  /** Show, and do nothing. */
  readonly dryRun?: true;
  /** Do not ask. */
  readonly yes?: true;
  /** Let the agent be controlled from elsewhere. */
  readonly remoteControl?: true;
  /** What stood after `--`. */
  readonly args: readonly string[];
}

/** Runs a kept bottle again. @returns the agent's exit status @throws {OperatorError} */
export async function resume(host: CliHost, identity: string, options: ResumeOptions): Promise<number> {
  const home = homeOf(host);
  const metadata = await readMetadata(home, identity) ?? await unknownBottle(home, identity);
  if (await isHeld(home, identity)) {
    throw new OperatorError(`bottle ${identity} is running`, { mend: "end that one first" });
  }
  const settings = await loadSettings(host.env, home);
  const backend = await backendOf(host.backends, metadata.backend, `bottle ${identity}`);
  const cwd = metadata.cwd === "" ? host.cwd() : metadata.cwd;
  if (metadata.copyCwd) await requireFolder(cwd);
  const manifest = await Manifest.load({ home, cwd });
  for (const warning of manifest.warnings(metadata.agentName)) host.output.warn(warning);
  return await runAgent(host, {
    backend,
    spec: {
      identity,
      resolved: manifest.resolve(metadata.agentName),
      settings,
      cwd,
      copyCwd: metadata.copyCwd,
      hostHome: home,
      hostEnv: host.env,
    },
    call: { args: options.args, resume: true, remoteControl: options.remoteControl ?? false },
    dryRun: options.dryRun ?? false,
    assumeYes: options.yes ?? false,
  });
}

async function unknownBottle(home: string, identity: string): Promise<Metadata> {
  // A folder without metadata is there by this very name: no bottle to resume.
  const near = suggest(identity, (await listIdentities(home)).filter((other) => other !== identity));
  throw new OperatorError(`no bottle ${identity} was kept`, {
    mend: near === undefined ? "start one with `bottle start AGENT`" : `did you mean ${near}?`,
  });
}

async function requireFolder(cwd: string): Promise<void> {
  const info = await Deno.stat(cwd).catch(() => undefined);
  if (info?.isDirectory) return;
  throw new OperatorError(`the folder ${escapeUntrusted(cwd)} of the bottle is gone`, {
    mend: "put it back, or start a new bottle",
  });
}
