/** What the command line is given by whoever composes it: the process around it and the backends. */

import type { Backend } from "../bottle/contracts.ts";
import { OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import { knownNames } from "../state/known_names.ts";
import type { Output } from "./output.ts";
import type { Keyboard } from "./prompts.ts";

/** Backends by name, each loaded when it is asked for. */
export type Backends = Readonly<Record<string, () => Promise<Backend>>>;

/** The process as the commands see it. */
export interface CliHost {
  /** Version of bottle. */
  readonly version: string;
  /** Host environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Folder that the command runs in, absolute. */
  readonly cwd: () => string;
  /** Where bottles can run. */
  readonly backends: Backends;
  /** The operator's streams. */
  readonly output: Output;
  /** The operator's keyboard. */
  readonly keyboard: Keyboard;
}

/** Backend when nothing names one. */
export const DEFAULT_BACKEND = "docker";

/** The operator's home folder. @throws {OperatorError} when the environment does not name it */
export function homeOf(host: CliHost): string {
  const home = host.env.HOME ?? "";
  if (home.startsWith("/")) return home.length > 1 ? home.replace(/\/+$/, "") : home;
  throw new OperatorError("HOME is not set to an absolute path", { mend: "set it to your home folder" });
}

/**
 * The backend of a name.
 *
 * @param where what named it, for the message
 * @param status exit status when there is none: 2 where the command line named it. @default 1
 * @throws {OperatorError} when there is none; the message lists the names
 */
export async function backendOf(
  backends: Backends,
  name: string,
  where: string,
  status: 1 | 2 = 1,
): Promise<Backend> {
  const load = Object.hasOwn(backends, name) ? backends[name] : undefined;
  if (load !== undefined) return await load();
  const names = Object.keys(backends);
  throw new OperatorError(`${where}: there is no backend '${escapeUntrusted(name)}'`, {
    mend: knownNames(name, names),
    status,
  });
}

/** The backends to ask: those that can be used on this host now; when there is none, all, for the reason why. */
export async function usableBackends(backends: Backends): Promise<readonly Backend[]> {
  const all = await Promise.all(Object.values(backends).map((load) => load()));
  const available = await Promise.all(all.map((backend) => backend.isAvailable()));
  const usable = all.filter((_, index) => available[index]);
  return usable.length > 0 ? usable : all;
}
