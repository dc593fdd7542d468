/** What the sidecar container of a bottle is, for any backend: data only, no I/O (SPEC 9). */

import type { EgressPlan } from "../egress/model.ts";
import { isSlotName } from "../egress/slots.ts";
import { OperatorError } from "../errors.ts";
import { gateConfigPath, gateFolders, keyPath, knownHostsPath } from "../git_gate/files.ts";
import { gateRepo, type PlannedRepo } from "../git_gate/plan.ts";
import { knownHostsLine } from "../git_gate/ssh_keys.ts";
import { renderGateConfig } from "../git_gate/wire.ts";
import { Secret } from "../secret.ts";
import type { ExtraHost } from "../state/settings.ts";
import type { CaFiles } from "../tls/ca.ts";
import { BUNDLE_PATHS, DAEMON_NAMES, type DaemonName, DAEMONS, DAEMONS_ENV } from "./daemons.ts";

/** A certificate authority as PEM texts, the way `mintCa` gives it. */
export type CaPem = Pick<CaFiles, "certPem" | "keyPem">;

/** What a bundle is made from. */
export interface BundleInput {
  /** Daemons wanted, in any order; `egress` and `pipelock` are always among them. */
  readonly daemons: readonly DaemonName[];
  /** Rendered `routes.yaml`. */
  readonly routesYaml: string;
  /** Rendered `pipelock.yaml`. */
  readonly pipelockYaml: string;
  /** CA that the agent trusts: egress signs with it. */
  readonly egressCa: CaPem;
  /** CA that egress trusts: pipelock signs with it. */
  readonly pipelockCa: CaPem;
  /** Routes and token slots in force. */
  readonly egress: EgressPlan;
  /** Names that the bundle resolves to fixed addresses. */
  readonly extraHosts: readonly ExtraHost[];
  /** PEM text of BOT_BOTTLE_EXTRA_CA; absent: none. */
  readonly extraCaPem?: string;
  /** Repositories behind the git gate; absent: it is not started. */
  readonly gitGate?: GitGateInput;
}

/** What the git gate is made from. */
export interface GitGateInput {
  /** At least one. */
  readonly repos: readonly PlannedRepo[];
  /** Most bytes of one push. */
  readonly maxPushBytes: number;
}

/** A folder that must exist before the files go in. */
export interface BundleDir {
  /** Absolute. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  /** Owner, user and group alike. */
  readonly uid: number;
}

/** A file that is copied in before init starts. */
export interface BundleFile {
  /** Absolute. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  /** Owner, user and group alike. */
  readonly uid: number;
  /** Text; a private key as a `Secret`. */
  readonly content: string | Secret;
}

/** A Linux capability that the container keeps; all others are dropped. */
export interface BundleCapability {
  /** Name without `CAP_`. */
  readonly name: "SETUID" | "SETGID" | "KILL";
  /** What it is for, one phrase. */
  readonly reason: string;
}

/** A TCP port that the agent must be able to reach. */
export interface BundlePort {
  /** Who listens. */
  readonly daemon: DaemonName;
  /** TCP port of the bundle's address. */
  readonly port: number;
}

/** The sidecar container, without the tokens: those go to init's standard input (`secrets_line.ts`). */
export interface BundleSpec {
  /** Command line of the container. */
  readonly command: readonly string[];
  /** User that init runs as. */
  readonly user: "0:0";
  /** In start order. */
  readonly daemons: readonly DaemonName[];
  /** Variables of the container; none is secret. */
  readonly env: Readonly<Record<string, string>>;
  /** Parents before children. */
  readonly dirs: readonly BundleDir[];
  /** Copied in before the start, after the folders. */
  readonly files: readonly BundleFile[];
  /** Names that the bundle resolves to fixed addresses. */
  readonly extraHosts: readonly ExtraHost[];
  /** What the agent's network must let through, and nothing else. */
  readonly ports: readonly BundlePort[];
  /** Every other capability is dropped. */
  readonly capabilities: readonly BundleCapability[];
  /** Slots that the secrets line fills. */
  readonly tokenSlots: readonly string[];
}

const ROOT = 0;
const SECRET_MODE = 0o600;
const PUBLIC_MODE = 0o644;
const DIR_MODE = 0o755;

/** Init's command line. Its grants are the least it needs: it starts programs and writes two CA bundles. */
export const INIT_COMMAND: readonly string[] = [
  "deno",
  "run",
  "--cached-only",
  "--no-prompt",
  `--allow-read=${BUNDLE_PATHS.run},${BUNDLE_PATHS.systemCa}`,
  `--allow-write=${BUNDLE_PATHS.egressUpstreamCa},${BUNDLE_PATHS.pipelockUpstreamCa}`,
  `--allow-env=${DAEMONS_ENV},PATH`,
  `--allow-net=${DAEMON_NAMES.map((name) => `127.0.0.1:${DAEMONS[name].port}`).join(",")}`,
  "--allow-run=deno,pipelock",
  "--allow-sys=uid",
  `${BUNDLE_PATHS.app}/init.js`,
];

/** What init needs as root beyond being root; every daemon loses them when it becomes its own user. */
const CAPABILITIES: readonly BundleCapability[] = [
  { name: "SETUID", reason: "init starts each daemon as its own user" },
  { name: "SETGID", reason: "init starts each daemon in its own group and in no other" },
  { name: "KILL", reason: "init signals daemons that run as other users" },
];

/**
 * Decides the sidecar container of a bottle.
 *
 * The host writes each daemon's files readable by that daemon alone. Folders stay root's, so that init can put
 * the two CA bundles there without CAP_DAC_OVERRIDE, and no daemon can swap a file of another.
 *
 * @throws {OperatorError} egress or pipelock is left out, or a slot's name is malformed
 */
export function bundleSpec(input: BundleInput): BundleSpec {
  const daemons = DAEMON_NAMES.filter((name) => input.daemons.includes(name));
  for (const name of ["egress", "pipelock"] as const) {
    if (!daemons.includes(name)) throw new OperatorError(`a bundle cannot run without ${name}`);
  }
  const tokenSlots = input.egress.slots.map((slot) => slot.name);
  const bad = tokenSlots.find((name) => !isSlotName(name));
  if (bad !== undefined) throw new OperatorError(`token slot ${JSON.stringify(bad)} has a malformed name`);
  return {
    command: INIT_COMMAND,
    user: "0:0",
    daemons,
    env: { [DAEMONS_ENV]: daemons.join(",") },
    dirs: bundleDirs(input),
    files: [...egressFiles(input), ...pipelockFiles(input), ...gitGateFiles(input.gitGate)],
    extraHosts: input.extraHosts,
    ports: daemons
      .filter((daemon) => DAEMONS[daemon].agentReaches)
      .map((daemon) => ({ daemon, port: DAEMONS[daemon].port })),
    capabilities: CAPABILITIES,
    tokenSlots,
  };
}

/** The file that carries new routes into a running bundle; SIGHUP to init makes egress read it. */
export function routesFile(routesYaml: string): BundleFile {
  return secret(BUNDLE_PATHS.routes, "egress", routesYaml);
}

/** The file that carries a new pipelock configuration into a running bundle; SIGUSR1 to init restarts pipelock. */
export function pipelockConfigFile(pipelockYaml: string): BundleFile {
  return secret(BUNDLE_PATHS.pipelockConfig, "pipelock", pipelockYaml);
}

function bundleDirs(input: BundleInput): readonly BundleDir[] {
  const { run, gitGate } = BUNDLE_PATHS;
  const ofGate = input.gitGate === undefined ? [] : gateFolders(gitGate);
  return [run, `${run}/egress`, `${run}/pipelock`, ...ofGate].map((path) => ({
    path,
    mode: DIR_MODE,
    uid: ROOT,
  }));
}

function egressFiles(input: BundleInput): readonly BundleFile[] {
  return [
    routesFile(input.routesYaml),
    shared(BUNDLE_PATHS.egressCaCert, input.egressCa.certPem),
    secret(BUNDLE_PATHS.egressCaKey, "egress", new Secret(input.egressCa.keyPem)),
  ];
}

function pipelockFiles(input: BundleInput): readonly BundleFile[] {
  const files = [
    pipelockConfigFile(input.pipelockYaml),
    shared(BUNDLE_PATHS.pipelockCaCert, input.pipelockCa.certPem),
    secret(BUNDLE_PATHS.pipelockCaKey, "pipelock", new Secret(input.pipelockCa.keyPem)),
  ];
  if (input.extraCaPem !== undefined) files.push(shared(BUNDLE_PATHS.pipelockExtraCa, input.extraCaPem));
  return files;
}

/** Keys are the gate's alone; what pins an upstream is root's, so that the gate cannot change it. */
function gitGateFiles(input: GitGateInput | undefined): readonly BundleFile[] {
  if (input === undefined) return [];
  const folder = BUNDLE_PATHS.gitGate;
  const { maxPushBytes, repos } = input;
  const config = renderGateConfig({ maxPushBytes, repos: repos.map(({ repo }) => gateRepo(repo)) });
  return [
    shared(gateConfigPath(folder), config),
    ...repos.flatMap(({ repo: { name, host, port, hostKey }, key }) => [
      secret(keyPath(folder, name), "git-gate", key),
      ...hostKey === undefined
        ? []
        : [shared(knownHostsPath(folder, name), knownHostsLine(host, port, hostKey))],
    ]),
  ];
}

/** A file that one daemon alone reads. */
function secret(path: string, owner: DaemonName, content: string | Secret): BundleFile {
  return { path, mode: SECRET_MODE, uid: DAEMONS[owner].uid, content };
}

/** A file with nothing secret in it, which init reads too. */
function shared(path: string, content: string): BundleFile {
  return { path, mode: PUBLIC_MODE, uid: ROOT, content };
}
