/**
 * Keeps the daemons: starts them, passes signals on, restarts one in place, and ends when all are gone.
 *
 * Requests (from signal handlers) are only recorded; one loop acts on them, so that no two actions overlap. A
 * daemon that dies stays dead: the others go on, and the agent loses what the dead one served.
 */

import { daemonReadyLine, INIT_NOT_READY, INIT_READY_LINE } from "../../lib/bundle/daemons.ts";
import { messageOf } from "../../lib/errors.ts";
import { type LineSink, pumpLines } from "./output.ts";
import type { DaemonProgram } from "./table.ts";

/** Status of a daemon whose program could not be started, as a shell has it. */
const NOT_STARTED = 127;
const PROBE_EVERY_MS = 10;
/** How long the last output may take, in milliseconds: a grandchild may hold a pipe open, a reader may stall. */
const DRAIN_MS = 500;

/** What the supervisor is given beside its programs. */
export interface SupervisorOptions {
  /** Between SIGTERM and SIGKILL, in milliseconds. */
  readonly graceMs: number;
  readonly stdout: LineSink;
  readonly stderr: LineSink;
}

interface Child {
  readonly program: DaemonProgram;
  /** Undefined once it is gone. */
  process: Deno.ChildProcess | undefined;
  ready: boolean;
  /** When SIGKILL follows, by `performance.now()`; undefined: nobody asked it to end. */
  killAt: number | undefined;
  respawn: boolean;
  deathLogged: boolean;
  /** Of the last run: exit status, 0 when a signal ended it. */
  status: number;
  ending: string;
  output: Promise<unknown>;
}

/** The daemons of one bundle. */
export class Supervisor {
  readonly #children: ReadonlyMap<string, Child>;
  readonly #options: SupervisorOptions;
  readonly #restarts = new Set<string>();
  readonly #reloads = new Set<string>();
  #shutdown: string | undefined;
  #stopping = false;
  #settled = false;
  #wake: () => void = () => {};
  /** Resolves when all lines of init's own are written: the process must not end before its last words. */
  #said: Promise<unknown> = Promise.resolve();

  /** Takes the programs in start order; nothing is started before `run`. */
  constructor(programs: readonly DaemonProgram[], options: SupervisorOptions) {
    this.#options = options;
    this.#children = new Map(programs.map((program) => [program.name, newChild(program)]));
  }

  /** Asks for the end of all daemons; `reason` is for the log. Wins over every other request. */
  requestShutdown(reason: string): void {
    this.#shutdown ??= reason;
    this.#wake();
  }

  /** Asks for a restart of one daemon in place; requests that meet before it happens are one. */
  requestRestart(name: string): void {
    if (this.#children.has(name)) this.#restarts.add(name);
    this.#wake();
  }

  /** Asks one daemon to read its files again (SIGHUP), as soon as it is ready. */
  requestReload(name: string): void {
    if (this.#children.has(name)) this.#reloads.add(name);
    this.#wake();
  }

  /** Runs until every daemon is gone. Gives the highest positive exit status of a daemon, else 0. */
  async run(): Promise<number> {
    if (this.#shutdown === undefined) this.#each((child) => this.#start(child));
    while (!this.#tick()) await this.#news();
    const output = [...this.#children.values()].map((child) => child.output);
    const drained = Promise.allSettled([...output, this.#said]);
    await Promise.race([drained, delay(DRAIN_MS)]);
    return Math.max(0, ...[...this.#children.values()].map((child) => child.status));
  }

  /** Acts on everything recorded. True when all daemons are gone. */
  #tick(): boolean {
    if (this.#shutdown !== undefined) this.#stop(this.#shutdown);
    else this.#drainRequests();
    this.#each((child) => {
      if (child.process === undefined) this.#afterDeath(child);
    });
    this.#settle();
    this.#each((child) => {
      if (child.killAt === undefined || child.killAt > performance.now()) return;
      child.killAt = Infinity;
      this.#log(`${child.program.name} did not end in time; sending SIGKILL`);
      signal(child, "SIGKILL");
    });
    return [...this.#children.values()].every((child) => child.process === undefined);
  }

  #stop(reason: string): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#restarts.clear();
    this.#reloads.clear();
    this.#log(`shutting down (${reason})`);
    this.#each((child) => {
      child.respawn = false;
      this.#terminate(child);
    });
  }

  #drainRequests(): void {
    for (const name of this.#restarts) {
      const child = this.#children.get(name)!;
      this.#log(`restarting ${name}`);
      child.respawn = true;
      this.#terminate(child);
    }
    this.#restarts.clear();
    for (const name of this.#reloads) {
      const child = this.#children.get(name)!;
      // Before it is ready it may have no handler yet, and SIGHUP would end it; a dead one reads at its start.
      if (child.process !== undefined && !child.ready) continue;
      this.#reloads.delete(name);
      signal(child, "SIGHUP");
    }
  }

  #terminate(child: Child): void {
    if (child.process === undefined || child.killAt !== undefined) return;
    child.killAt = performance.now() + this.#options.graceMs;
    signal(child, "SIGTERM");
  }

  #afterDeath(child: Child): void {
    if (child.respawn) this.#start(child);
    if (child.process !== undefined || child.deathLogged) return;
    child.deathLogged = true;
    this.#log(`${child.program.name} ${child.ending}`);
  }

  /** Says once whether the bundle came up. */
  #settle(): void {
    if (this.#settled || this.#stopping) return;
    const children = [...this.#children.values()];
    const dead = children.find((child) => child.process === undefined);
    if (dead !== undefined) {
      this.#settled = true;
      this.#say(this.#options.stderr, `${INIT_NOT_READY}${dead.program.name} ${dead.ending}`);
    } else if (children.every((child) => child.ready)) {
      this.#settled = true;
      this.#say(this.#options.stdout, INIT_READY_LINE);
    }
  }

  #start(child: Child): void {
    const { program } = child;
    child.respawn = false;
    child.ready = false;
    child.killAt = undefined;
    child.deathLogged = false;
    child.status = 0;
    try {
      child.process = spawn(program);
    } catch (error) {
      child.status = NOT_STARTED;
      child.ending = `could not be started: ${messageOf(error)}`;
      return;
    }
    child.output = Promise.all([
      pumpLines(program.name, child.process.stdout, this.#options.stdout),
      pumpLines(program.name, child.process.stderr, this.#options.stderr),
    ]);
    void this.#watch(child, child.process);
    void this.#awaitReady(child, child.process);
  }

  async #watch(child: Child, process: Deno.ChildProcess): Promise<void> {
    const { code, signal } = await process.status;
    child.process = undefined;
    child.status = signal === null ? code : 0;
    child.ending = signal === null ? `exited with status ${code}` : `was ended by ${signal}`;
    child.killAt = undefined;
    this.#wake();
  }

  async #awaitReady(child: Child, process: Deno.ChildProcess): Promise<void> {
    const { port } = child.program;
    while (child.process === process && port !== undefined && !await accepts(port)) {
      await delay(PROBE_EVERY_MS);
    }
    if (child.process !== process) return;
    child.ready = true;
    this.#say(this.#options.stderr, daemonReadyLine(child.program.name));
    this.#wake();
  }

  /** Resolves at the next request, death, readiness or end of a grace. */
  #news(): Promise<void> {
    const graces = [...this.#children.values()].map((child) => child.killAt ?? Infinity);
    const wait = Math.min(...graces) - performance.now();
    return new Promise((resolve) => {
      const timer = wait === Infinity ? undefined : setTimeout(resolve, Math.max(0, wait));
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = () => {};
        resolve();
      };
    });
  }

  #each(act: (child: Child) => void): void {
    for (const child of this.#children.values()) act(child);
  }

  #log(text: string): void {
    this.#say(this.#options.stderr, `[init] ${text}`);
  }

  #say(sink: LineSink, line: string): void {
    this.#said = Promise.all([this.#said, sink.write(line)]);
  }
}

function newChild(program: DaemonProgram): Child {
  return {
    program,
    process: undefined,
    ready: false,
    killAt: undefined,
    respawn: false,
    deathLogged: true,
    status: 0,
    ending: "was not started",
    output: Promise.resolve(),
  };
}

function spawn(program: DaemonProgram): Deno.ChildProcess {
  const secrets = Object.entries(program.secretEnv).map(([name, value]) => [name, value.reveal()]);
  return new Deno.Command(program.program, {
    args: [...program.args],
    clearEnv: true,
    env: { ...program.env, ...Object.fromEntries(secrets) },
    // Becoming another user also drops every supplementary group.
    ...(program.uid === undefined ? {} : { uid: program.uid, gid: program.uid }),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

function signal(child: Child, name: Deno.Signal): void {
  try {
    child.process?.kill(name);
  } catch (error) {
    // It ended on its own in between: its status is on the way.
    if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function accepts(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
