/**
 * PID 1 of the bundle: reads the tokens from standard input, starts the daemons and keeps them (SPEC 9).
 *
 * Threat: a daemon that the agent takes over must not hold another's secrets. Mechanism: each daemon runs as
 * its own user with an environment of its own; tokens go to egress alone and are on no disk. Rejected: a
 * process manager from a distribution, which would need the tokens in the container's environment or in a file.
 */

import { DAEMON_NAMES, type DaemonName, DAEMONS_ENV } from "../lib/bundle/daemons.ts";
import { OperatorError } from "../lib/errors.ts";
import { escapeUntrusted } from "../lib/escape.ts";
import type { Secret } from "../lib/secret.ts";
import { type CaPaths, writeCaBundles } from "./init/ca_bundles.ts";
import { streamSink } from "./init/output.ts";
import { readSecrets } from "./init/secrets_input.ts";
import { Supervisor } from "./init/supervisor.ts";
import { type DaemonProgram, daemonTable, type TableContext } from "./init/table.ts";

const GRACE_MS = 5_000;
const SECRETS_TIMEOUT_MS = 30_000;
const USAGE_STATUS = 2;
const ROOT = 0;

const HELP = `init: starts and keeps the daemons of a bottle's bundle

Usage: init.ts [--help]

Standard input: one line {"tokens":{"EGRESS_TOKEN_0":"…"}}; closed or a terminal: no tokens.
Environment:
  ${DAEMONS_ENV}  comma-separated: ${DAEMON_NAMES.join(", ")} (default: all that have a program)
Signals:
  SIGTERM, SIGINT  end all daemons: SIGTERM, then SIGKILL after ${GRACE_MS / 1000} s
  SIGHUP           egress reads its routes again
  SIGUSR1          pipelock is restarted in place
Exit status: the highest exit status of a daemon, else 0; ${USAGE_STATUS} when asked for what is not there.
`;

/** A request that init cannot follow. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/**
 * The programs to start, in start order.
 *
 * @param wanted value of {@linkcode DAEMONS_ENV}; undefined or empty: every daemon that has a program
 * @throws {UsageError} an unknown name, or a known one without a program
 */
export function chooseDaemons(
  wanted: string | undefined,
  table: ReadonlyMap<DaemonName, DaemonProgram>,
): readonly DaemonProgram[] {
  const names = (wanted ?? "").split(",").map((name) => name.trim()).filter((name) => name !== "");
  if (names.length === 0) return [...table.values()];
  const known: readonly string[] = DAEMON_NAMES;
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const shown = escapeUntrusted(unknown);
    throw new UsageError(`${DAEMONS_ENV} names ${shown}; the daemons are ${known.join(", ")}`);
  }
  return DAEMON_NAMES.filter((name) => names.includes(name)).map((name) => {
    const program = table.get(name);
    if (program === undefined) throw new UsageError(`this bundle has no program for ${name} yet`);
    return program;
  });
}

/** Records signals as requests, from before there is a supervisor until `handle` gives it one. */
class SignalInbox {
  #supervisor: Supervisor | undefined;
  readonly #early: ((supervisor: Supervisor) => void)[] = [];
  #interrupt: () => void = () => {};
  /** Resolves when the end is asked for before there is a supervisor. */
  readonly interrupted: Promise<void> = new Promise((resolve) => this.#interrupt = resolve);

  constructor() {
    for (const name of ["SIGTERM", "SIGINT"] as const) {
      this.#on(name, (supervisor) => supervisor.requestShutdown(name));
      Deno.addSignalListener(name, () => this.#interrupt());
    }
    this.#on("SIGHUP", (supervisor) => supervisor.requestReload("egress"));
    this.#on("SIGUSR1", (supervisor) => supervisor.requestRestart("pipelock"));
  }

  handle(supervisor: Supervisor): void {
    this.#supervisor = supervisor;
    for (const request of this.#early) request(supervisor);
  }

  #on(name: Deno.Signal, request: (supervisor: Supervisor) => void): void {
    Deno.addSignalListener(name, () => {
      if (this.#supervisor === undefined) this.#early.push(request);
      else request(this.#supervisor);
    });
  }
}

/** What a run of init depends on; the bundle's own values are the defaults. */
export interface InitOptions {
  /** @default daemonTable */
  readonly table?: (context: TableContext) => ReadonlyMap<DaemonName, DaemonProgram>;
  /** @default the bundle's */
  readonly caPaths?: CaPaths;
  /** Between SIGTERM and SIGKILL, in milliseconds. @default 5000 */
  readonly graceMs?: number;
  /** How long the secrets line may take, in milliseconds. @default 30000 */
  readonly secretsTimeoutMs?: number;
}

/** Reads the tokens, starts the daemons and keeps them until all are gone. Gives init's exit status. */
export async function runInit(options: InitOptions = {}): Promise<number> {
  // PID 1 has no default actions: without handlers it could not be stopped.
  const inbox = new SignalInbox();
  const stdout = streamSink(Deno.stdout.writable);
  const stderr = streamSink(Deno.stderr.writable);
  try {
    for (const text of await writeCaBundles(options.caPaths)) await stderr.write(`[init] ${text}`);
    const tokens = await tokensFromInput(inbox, options.secretsTimeoutMs ?? SECRETS_TIMEOUT_MS);
    if (tokens === undefined) return 0;
    const table = (options.table ?? daemonTable)({
      tokens,
      path: Deno.env.get("PATH") ?? "/usr/local/bin:/usr/bin:/bin",
      dropPrivileges: Deno.uid() === ROOT,
    });
    const programs = chooseDaemons(Deno.env.get(DAEMONS_ENV), table);
    const supervisor = new Supervisor(programs, { graceMs: options.graceMs ?? GRACE_MS, stdout, stderr });
    inbox.handle(supervisor);
    return await supervisor.run();
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof OperatorError)) throw error;
    await stderr.write(`[init] ${error.message}`);
    return USAGE_STATUS;
  }
}

/** The tokens; undefined when the end was asked for first. */
async function tokensFromInput(
  inbox: SignalInbox,
  timeoutMs: number,
): Promise<Record<string, Secret> | undefined> {
  if (Deno.stdin.isTerminal()) return {};
  return await Promise.race([
    readSecrets(Deno.stdin.readable, timeoutMs),
    inbox.interrupted.then(() => undefined),
  ]);
}

if (import.meta.main) {
  if (Deno.args.includes("--help")) {
    await Deno.stdout.write(new TextEncoder().encode(HELP));
    Deno.exit(0);
  }
  Deno.exit(await runInit());
}
