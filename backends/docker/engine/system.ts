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
  /** Has seccomp profiles. */
  readonly seccomp: boolean;
  /** Knows the bridge option `gateway_mode_ipv4=isolated` (engine 28, API 1.48): no host address on the bridge. */
  readonly isolatedGateway: boolean;
}

interface InfoAnswer {
  readonly ServerVersion: string;
  readonly Runtimes?: Readonly<Record<string, unknown>> | null;
  readonly DefaultRuntime?: string;
  readonly OSType: string;
  readonly Architecture: string;
  readonly SecurityOptions?: readonly string[] | null;
}

/** Asks the engine for its facts. @throws {EngineError} */
export async function engineFacts(engine: Engine, signal?: AbortSignal): Promise<EngineFacts> {
  const info = await engine.json<InfoAnswer>("GET", "/info", { signal });
  // Each option is a comma-separated list of key=value, e.g. `name=seccomp,profile=default`.
  const security = (info.SecurityOptions ?? []).map((option) =>
    /(?:^|,)name=([^,]+)/.exec(option)?.[1] ?? option
  );
  return {
    version: info.ServerVersion,
    apiVersion: engine.apiVersion,
    runtimes: Object.keys(info.Runtimes ?? {}),
    defaultRuntime: info.DefaultRuntime ?? "runc",
    osType: info.OSType,
    architecture: info.Architecture,
    rootless: security.includes("rootless"),
    seccomp: security.includes("seccomp"),
    isolatedGateway: engine.supports("1.48"),
  };
}
