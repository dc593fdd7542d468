/** The command line, user and environment of each daemon: everything that init knows about them. */

import { BUNDLE_PATHS, type DaemonName, DAEMONS } from "../../lib/bundle/daemons.ts";
import type { Secret } from "../../lib/secret.ts";

/** A program that init keeps. */
export interface DaemonProgram {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Its whole environment but for `secretEnv`: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Real tokens, by variable name. */
  readonly secretEnv: Readonly<Record<string, Secret>>;
  /** User and group that it runs as; undefined: init's own (init is not root). */
  readonly uid: number | undefined;
  /** TCP port on the loopback that it accepts connections on once it is ready; undefined: ready at once. */
  readonly port: number | undefined;
}

/** What is a daemon's own; the rest is alike for all. */
type Command = Pick<DaemonProgram, "program" | "args" | "env" | "secretEnv">;

/** What the table is made from. */
export interface TableContext {
  /** Real tokens by slot name: for egress alone. */
  readonly tokens: Readonly<Record<string, Secret>>;
  /** `PATH` of the image. */
  readonly path: string;
  /** Whether init may become other users. */
  readonly dropPrivileges: boolean;
}

/** The daemons that this bundle has programs for. A name that is known but missing here has none yet. */
export function daemonTable(context: TableContext): ReadonlyMap<DaemonName, DaemonProgram> {
  const programs: [DaemonName, Command][] = [
    ["egress", egress(context)],
    ["pipelock", pipelock(context)],
    ["git-gate", gitGate(context)],
    ["git-http", gitHttp(context)],
  ];
  return new Map(programs.map(([name, program]) => [name, {
    name,
    ...program,
    uid: context.dropPrivileges ? DAEMONS[name].uid : undefined,
    port: DAEMONS[name].port,
  }]));
}

const PIPELOCK_ADDRESS = `127.0.0.1:${DAEMONS.pipelock.port}`;

function egress(context: TableContext): Command {
  const listen = `0.0.0.0:${DAEMONS.egress.port}`;
  return {
    program: "deno",
    args: [
      "run",
      "--cached-only",
      "--no-prompt",
      // Little memory, hardly slower (docs/research/egress-speed.md).
      "--v8-flags=--max-semi-space-size=4,--heap-growing-percent=20",
      "--no-code-cache",
      // It may listen, use the loopback and nothing else: its only way out is pipelock.
      `--allow-net=${listen},127.0.0.1`,
      `--allow-read=${BUNDLE_PATHS.run}/egress`,
      "--allow-env=EGRESS_TOKEN_*",
      `${BUNDLE_PATHS.app}/egress/main.js`,
      "--routes",
      BUNDLE_PATHS.routes,
      "--ca-cert",
      BUNDLE_PATHS.egressCaCert,
      "--ca-key",
      BUNDLE_PATHS.egressCaKey,
      "--listen",
      listen,
      "--upstream-proxy",
      `http://${PIPELOCK_ADDRESS}`,
      "--upstream-ca",
      BUNDLE_PATHS.egressUpstreamCa,
    ],
    env: denoEnv(context),
    secretEnv: context.tokens,
  };
}

function denoEnv(context: TableContext): Readonly<Record<string, string>> {
  return {
    PATH: context.path,
    NO_COLOR: "1",
    DENO_NO_UPDATE_CHECK: "1",
    // It is bundled: there is no cache to look for.
    DENO_DIR: "/nonexistent",
  };
}

function pipelock(context: TableContext): Command {
  return {
    program: "pipelock",
    // No `--mode`: the configuration says strict, and the flag's default counts only without a configuration.
    args: ["run", "-c", BUNDLE_PATHS.pipelockConfig, "-l", PIPELOCK_ADDRESS],
    env: { PATH: context.path, SSL_CERT_FILE: BUNDLE_PATHS.pipelockUpstreamCa },
    secretEnv: {},
  };
}

/** The network is git's and ssh's: this program has a socket in its own folder and none else. */
function gitGate(context: TableContext): Command {
  return ofGate(context, "git-gate", "git_gate", []);
}

/** The same mirrors over HTTP, which it serves itself. */
function gitHttp(context: TableContext): Command {
  return ofGate(context, "git-http", "git_http", [`--allow-net=0.0.0.0:${DAEMONS["git-http"].port}`]);
}

function ofGate(
  context: TableContext,
  name: "git-gate" | "git-http",
  folder: string,
  grants: readonly string[],
): Command {
  const { app, gitGate, gitRoot } = BUNDLE_PATHS;
  return {
    program: "deno",
    args: [
      "run",
      "--cached-only",
      "--no-prompt",
      "--no-code-cache",
      `--allow-read=${gitGate},${gitRoot}`,
      `--allow-write=${gitRoot}`,
      "--allow-run=git",
      ...grants,
      `${app}/${folder}/main.js`,
      "--config",
      gitGate,
      "--root",
      gitRoot,
      "--listen",
      `0.0.0.0:${DAEMONS[name].port}`,
    ],
    env: denoEnv(context),
    secretEnv: {},
  };
}
