/** A running bottle on the docker engine. */

import type {
  AgentCall,
  Bottle,
  CopyEntry,
  CopyTree,
  ExecResult,
  GuestUser,
} from "../../lib/bottle/contracts.ts";
import { BUNDLE_HOST_NAMES, guestEnv, promptPath, proxyEnv } from "../../lib/bottle/guest.ts";
import type { BottlePlan } from "../../lib/bottle/plan.ts";
import { OperatorError } from "../../lib/errors.ts";
import { agentArgv } from "../../lib/providers/argv.ts";
import { quote } from "../provision.ts";
import type { Agent, GuestIds } from "./agent.ts";
import type { DockerContext } from "./context.ts";
import { attachTerminal } from "./engine/attach.ts";
import { getArchive, putArchive } from "./engine/containers.ts";
import { atEdge } from "./engine/errors.ts";
import { runExec } from "./engine/exec.ts";
import { packTar } from "./engine/tar.ts";
import { onTerminal } from "./engine/terminal.ts";
import type { Teardown } from "./teardown.ts";

/** Where the bundle's daemons are reached; git-gate and supervise are not HTTP proxies' business. */
const OWN_ENV = proxyEnv("egress", BUNDLE_HOST_NAMES.filter((name) => name !== "egress"));

/** What a running bottle is made of. */
export interface DockerBottleParts {
  readonly context: DockerContext;
  readonly plan: BottlePlan;
  readonly agent: Agent;
  /** Ids of the guest's user `node`. */
  readonly ids: GuestIds;
  readonly teardown: Teardown;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
  /** Hears of files that could not be copied as they are. */
  readonly warn: (text: string) => void;
}

/** {@linkcode Bottle} on the engine's HTTP API. */
export class DockerBottle implements Bottle {
  readonly identity: string;
  readonly #parts: DockerBottleParts;
  #closed: Promise<void> | undefined;

  /** Takes over a launched bottle and its teardown. */
  constructor(parts: DockerBottleParts) {
    this.identity = parts.plan.identity;
    this.#parts = parts;
  }

  agentArgv(call: AgentCall): readonly string[] {
    const { plan } = this.#parts;
    return agentArgv(plan.provider, call, {
      path: promptPath(plan.guestHome),
      empty: plan.resolved.agent.prompt === "",
    });
  }

  async exec(script: string, { user }: { readonly user: GuestUser }): Promise<ExecResult> {
    const { context, agent, signal } = this.#parts;
    const spec = { argv: ["sh", "-c", script], user, env: this.#env(user) };
    return await atEdge("running a command in the bottle", runExec(context.engine, agent.id, spec, signal));
  }

  async attach(argv: readonly string[]): Promise<number> {
    const { context, agent, plan, signal } = this.#parts;
    const terminal = onTerminal() ? terminalEnv(context.hostEnv) : {};
    const env = { ...terminal, ...this.#env("node") };
    return await attachTerminal(
      context.engine,
      agent.id,
      { argv, user: "node", workdir: plan.workdir, env },
      signal,
    );
  }

  async copyIn(entries: readonly CopyEntry[]): Promise<void> {
    if (entries.length === 0) return;
    await this.#put(
      entries.map((entry) => {
        const facts = { path: entry.path, mode: entry.mode, ...this.#owner(entry.user) };
        return entry.kind === "dir"
          ? { ...facts, type: "directory" as const }
          : { ...facts, type: "file" as const, content: entry.content };
      }),
    );
  }

  async copyTreeIn({ from, to, user, skip = [] }: CopyTree): Promise<void> {
    // Folders that the engine makes on the way would be root's.
    const made = await this.exec(`mkdir -p "$(dirname ${quote(to)})"`, { user });
    if (made.status !== 0) throw new OperatorError(`cannot make the folder of ${to}: ${made.stderr.trim()}`);
    await this.#put([{
      type: "folder",
      from,
      path: to.replace(/^\/+/, ""),
      ...this.#owner(user),
      skip: (relative) => skip.includes(relative),
    }]);
  }

  async copyOut(guestPath: string, hostTarFile: string): Promise<boolean> {
    const { context, agent } = this.#parts;
    const tar = await atEdge(`copying ${guestPath} out`, getArchive(context.engine, agent.id, guestPath));
    if (tar === undefined) return false;
    using file = await Deno.open(hostTarFile, { write: true, create: true, truncate: true, mode: 0o600 });
    await tar.pipeTo(file.writable);
    return true;
  }

  async copyBack(guestPath: string, hostTarFile: string): Promise<void> {
    const { context, agent } = this.#parts;
    const parent = guestPath.slice(0, guestPath.lastIndexOf("/"));
    const made = await this.exec(`mkdir -p ${quote(parent)}`, { user: "node" });
    if (made.status !== 0) throw new OperatorError(`cannot make ${parent}: ${made.stderr.trim()}`);
    const file = await Deno.open(hostTarFile, { read: true });
    await atEdge(
      `copying ${guestPath} back`,
      putArchive(context.engine, agent.id, file.readable, { at: parent, signal: this.#parts.signal }),
    );
  }

  close(): Promise<void> {
    return this.#closed ??= this.#parts.teardown[Symbol.asyncDispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #put(parts: Parameters<typeof packTar>[0]): Promise<void> {
    const { context, agent, signal, warn } = this.#parts;
    await atEdge(
      "copying into the bottle",
      putArchive(context.engine, agent.id, packTar(parts, { onWarning: warn }), { signal }),
    );
  }

  #owner(user: GuestUser): { uid: number; gid: number } {
    const { uid, gid } = this.#parts.ids;
    return user === "node" ? { uid, gid } : { uid: 0, gid: 0 };
  }

  #env(user: GuestUser): Record<string, string> {
    const env = guestEnv(this.#parts.plan, OWN_ENV, user);
    return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.reveal()]));
  }
}

/** What a program needs to know about the operator's terminal. */
function terminalEnv(hostEnv: Readonly<Record<string, string>>): Record<string, string> {
  const env: Record<string, string> = { TERM: hostEnv["TERM"] ?? "xterm-256color" };
  for (const name of ["COLORTERM", "NO_COLOR"]) {
    const value = hostEnv[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}
