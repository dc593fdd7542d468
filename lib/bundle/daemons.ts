/** The daemons of the bundle, their ports and users: one table for the host, for init and for the tests. */

/** Name of a daemon. */
export type DaemonName = "egress" | "pipelock" | "git-gate" | "git-http" | "supervise";

/** What is fixed about a daemon. */
export interface DaemonFacts {
  /** TCP port inside the bundle. */
  readonly port: number;
  /** User and group that it runs as: one each, so that no daemon can read another's memory or files. */
  readonly uid: number;
  /** Whether the agent connects to the port; pipelock alone listens on the bundle's loopback. */
  readonly agentReaches: boolean;
}

/** Every daemon that init can start. */
export const DAEMONS: Readonly<Record<DaemonName, DaemonFacts>> = {
  egress: { port: 9099, uid: 9099, agentReaches: true },
  pipelock: { port: 8888, uid: 8888, agentReaches: false },
  "git-gate": { port: 9418, uid: 9418, agentReaches: true },
  "git-http": { port: 9420, uid: 9418, agentReaches: true },
  supervise: { port: 9100, uid: 9100, agentReaches: true },
};

/** Names of the daemons in start order. */
export const DAEMON_NAMES: readonly DaemonName[] = Object.keys(DAEMONS) as DaemonName[];

/** Environment variable that tells init which daemons to start: comma-separated names; unset means all. */
export const DAEMONS_ENV = "BOT_BOTTLE_SIDECAR_DAEMONS";

/** The line (without its newline) that init prints once every daemon it started accepts connections. */
export const INIT_READY_LINE = "[init] ready";

/** The line (without its newline) that init prints when one daemon accepts connections. */
export function daemonReadyLine(name: string): string {
  return `[init] ${name} is ready`;
}

/** How the line begins that init prints instead when a daemon died before that. */
export const INIT_NOT_READY = "[init] not ready: ";

/** Folders and files inside the bundle. */
export const BUNDLE_PATHS = {
  /** Where the bundled sidecars are: `init.js`, and `main.js` of each in a folder named as below `sidecars/`. */
  app: "/app",
  /** Root of what the host copies in; folders belong to root, files to the daemon that reads them. */
  run: "/run/bottle",
  routes: "/run/bottle/egress/routes.yaml",
  egressCaCert: "/run/bottle/egress/ca.pem",
  egressCaKey: "/run/bottle/egress/ca-key.pem",
  /** Certificates that egress trusts upstream: system, pipelock's CA, the operator's extra CA. Init writes it. */
  egressUpstreamCa: "/run/bottle/egress/upstream-ca.pem",
  pipelockConfig: "/run/bottle/pipelock/pipelock.yaml",
  pipelockCaCert: "/run/bottle/pipelock/ca.pem",
  pipelockCaKey: "/run/bottle/pipelock/ca-key.pem",
  /** The operator's extra CA alone (may be absent); init adds it to the system's for pipelock. */
  pipelockExtraCa: "/run/bottle/pipelock/extra-ca.pem",
  /** Certificates that pipelock trusts upstream: system and the operator's extra CA. Init writes it. */
  pipelockUpstreamCa: "/run/bottle/pipelock/upstream-ca.pem",
  /** What the host tells the git gate (`lib/git_gate/files.ts`). */
  gitGate: "/run/bottle/git-gate",
  /** Mirrors, hooks and state of the git gate. */
  gitRoot: "/git",
  /** The image's own bundle of certificates. */
  systemCa: "/etc/ssl/certs/ca-certificates.crt",
} as const;
