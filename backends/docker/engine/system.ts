/** What the engine says about itself. */

import type { Engine } from "./engine.ts";

/** Facts of the engine that bottle decides by. */
export interface EngineFacts {
  /** Version of the engine, e.g. `28.3.1`. */
  readonly version: string;
  /** API version spoken. */
  readonly apiVersion: string;
  /** Names of the OCI runtimes, e.g. `runc`, `runsc`. */
  readonly runtimes: readonly string[];
  /** Runtime of a container that names none. */
  readonly defaultRuntime: string;
  /** `linux` */
  readonly osType: string;
  /** As the engine names it, e.g. `x86_64`. */
  readonly architecture: string;
  /** Runs without root on the host. */
  readonly rootless: boolean;
  /** Confines containers by a seccomp profile unless told otherwise. */
  readonly seccomp: boolean;
  /** Knows the bridge option `gateway_mode_ipv4=isolated` (engine 28, API 1.48): no host address on the bridge. */
  readonly isolatedGateway: boolean;
  /** Its kernel lets a network namespace have its own `net.ipv4.tcp_pingpong_thresh` (Linux 6.7). */
  readonly pingpongThreshold: boolean;
}

interface InfoAnswer {
  readonly ServerVersion: string;
  readonly Runtimes?: Readonly<Record<string, unknown>> | null;
  readonly DefaultRuntime?: string;
  readonly OSType: string;
  readonly Architecture: string;
  readonly KernelVersion?: string;
  readonly SecurityOptions?: readonly string[] | null;
}

/** Asks the engine for its facts. @throws {EngineError} */
export async function engineFacts(engine: Engine, signal?: AbortSignal): Promise<EngineFacts> {
  const info = await engine.json<InfoAnswer>("GET", "/info", { signal });
  const security = info.SecurityOptions ?? [];
  return {
    version: info.ServerVersion,
    apiVersion: engine.apiVersion,
    runtimes: Object.keys(info.Runtimes ?? {}),
    defaultRuntime: info.DefaultRuntime ?? "runc",
    osType: info.OSType,
    architecture: info.Architecture,
    rootless: isRootless(security),
    seccomp: confinesBySeccomp(security),
    isolatedGateway: engine.supports("1.48"),
    pingpongThreshold: kernelIsAtLeast(info.KernelVersion ?? "", 6, 7),
  };
}

/** Whether a kernel version such as `6.1.0-13-amd64` is at least `major.minor`. */
export function kernelIsAtLeast(version: string, major: number, minor: number): boolean {
  const [, its, lesser] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(its) > major || Number(its) === major && Number(lesser) >= minor;
}

function isRootless(options: readonly string[]): boolean {
  return options.map(securityOption).some(({ name }) => name === "rootless");
}

/** Whether containers get a seccomp profile, by the engine's `SecurityOptions`: `name=seccomp,profile=builtin`. */
export function confinesBySeccomp(options: readonly string[]): boolean {
  return options.map(securityOption).some(({ name, profile }) =>
    name === "seccomp" && profile !== "unconfined"
  );
}

/** Each option is a comma-separated list of key=value; old engines wrote the bare name. */
function securityOption(option: string): { readonly name: string; readonly profile: string | undefined } {
  const value = (key: string) => new RegExp(`(?:^|,)${key}=([^,]+)`).exec(option)?.[1];
  return { name: value("name") ?? option, profile: value("profile") };
}
