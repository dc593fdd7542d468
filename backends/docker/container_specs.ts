/** The create requests of a bottle's containers. No value that is secret, or the manifest's, stands in them. */

import type { BundleSpec } from "../../lib/bundle/spec.ts";
import type { ContainerCreate } from "./engine/containers.ts";
import type { EngineFacts } from "./engine/system.ts";

const MIB = 1024 * 1024;

/** Bounds of the agent container: room for builds and test suites, not for a fork bomb. */
export const AGENT_LIMITS = { pids: 4096, memoryBytes: 8192 * MIB } as const;

/** Bounds of the bundle. */
export const BUNDLE_LIMITS = { pids: 512, memoryBytes: 2048 * MIB } as const;

// What bottle reads of a log is at its start; an agent must not be able to fill the host's disk with the rest.
const BOUNDED_LOG = { Type: "json-file", Config: { "max-size": "10m", "max-file": "2" } } as const;

// An image's own would run before the network is closed.
const NO_HEALTHCHECK = { Test: ["NONE"] } as const;

const HARDENING = {
  CapDrop: ["ALL"],
  SecurityOpt: ["no-new-privileges:true"],
  RestartPolicy: { Name: "no" },
  LogConfig: BOUNDED_LOG,
} as const;

/** Runtime under which the rules of a network namespace bind, whatever the engine's default is. */
const FILTERED = "runc";

/**
 * Egress passes what the agent reads over a connection to itself, on which the runtime cannot turn Nagle's algorithm
 * off: the second piece of an answer waits for the first one's acknowledgement, which Linux delays by 40 ms where
 * requests and answers take turns. This many turns must be seen before it does.
 */
const PROMPT_ACKS = { "net.ipv4.tcp_pingpong_thresh": "255" } as const;

/** What an agent container is made from. */
export interface AgentContainerInput {
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Name of the internal network. */
  readonly network: string;
  /** `runc` or `runsc`. */
  readonly runtime: string;
}

/** The agent container, started on an idle holder: programs are exec'd once its network is closed. */
export function agentContainer(input: AgentContainerInput): ContainerCreate {
  return {
    Image: input.image,
    Entrypoint: ["sleep"],
    Cmd: ["infinity"],
    User: "node",
    Labels: { ...input.labels },
    Healthcheck: NO_HEALTHCHECK,
    HostConfig: {
      ...HARDENING,
      Init: true,
      Runtime: input.runtime,
      NetworkMode: input.network,
      PidsLimit: AGENT_LIMITS.pids,
      Memory: AGENT_LIMITS.memoryBytes,
    },
  };
}

/** The bundle container on its egress network; it joins the internal one before it starts. */
export function bundleContainer(
  image: string,
  labels: Readonly<Record<string, string>>,
  network: string,
  spec: BundleSpec,
  facts: Pick<EngineFacts, "pingpongThreshold">,
): ContainerCreate {
  return {
    Image: image,
    Entrypoint: [...spec.command],
    Cmd: [],
    User: spec.user,
    // Tokens come as one line on init's standard input, then it is closed.
    AttachStdin: true,
    OpenStdin: true,
    StdinOnce: true,
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    Labels: { ...labels },
    Healthcheck: NO_HEALTHCHECK,
    HostConfig: {
      ...HARDENING,
      CapAdd: spec.capabilities.map((capability) => capability.name),
      Runtime: FILTERED,
      NetworkMode: network,
      ...facts.pingpongThreshold ? { Sysctls: PROMPT_ACKS } : {},
      ExtraHosts: spec.extraHosts.map((host) => `${host.name}:${host.ip}`),
      PidsLimit: BUNDLE_LIMITS.pids,
      Memory: BUNDLE_LIMITS.memoryBytes,
    },
  };
}

/** The short-lived container that closes the network namespace of another. */
export function closerContainer(
  image: string,
  labels: Readonly<Record<string, string>>,
  containerId: string,
  script: string,
): ContainerCreate {
  return {
    Image: image,
    Entrypoint: ["/bin/sh", "-c", script],
    Cmd: [],
    User: "0",
    Labels: { ...labels },
    Healthcheck: NO_HEALTHCHECK,
    HostConfig: {
      ...HARDENING,
      CapAdd: ["NET_ADMIN"],
      Runtime: FILTERED,
      NetworkMode: `container:${containerId}`,
      ReadonlyRootfs: true,
      PidsLimit: 32,
    },
  };
}
