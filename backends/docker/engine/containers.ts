/** Containers of the engine. Shapes keep the engine's field names and list only what bottle uses. */

import type { Engine } from "./engine.ts";
import { isRefusal } from "./errors.ts";
import { type Frame, framesOf } from "./frames.ts";

/** Labels by name; in a filter an empty value means any. */
export type Labels = Readonly<Record<string, string>>;

/** A bind mount, tmpfs or volume. */
export interface Mount {
  readonly Type: "bind" | "tmpfs" | "volume";
  /** Absolute folder on the host (bind) or volume name. */
  readonly Source?: string;
  readonly Target: string;
  readonly ReadOnly?: boolean;
  readonly TmpfsOptions?: { readonly SizeBytes?: number; readonly Mode?: number };
}

/** How the engine runs a container. */
export interface HostConfig {
  /** Network name, or `container:ID` for another container's namespace. */
  readonly NetworkMode?: string;
  readonly Runtime?: string;
  readonly CapDrop?: readonly string[];
  readonly CapAdd?: readonly string[];
  readonly SecurityOpt?: readonly string[];
  readonly ReadonlyRootfs?: boolean;
  /** Mount options by path. */
  readonly Tmpfs?: Readonly<Record<string, string>>;
  readonly Mounts?: readonly Mount[];
  /** `name:ip` lines of /etc/hosts. */
  readonly ExtraHosts?: readonly string[];
  readonly Dns?: readonly string[];
  readonly DnsSearch?: readonly string[];
  readonly Sysctls?: Readonly<Record<string, string>>;
  readonly PidsLimit?: number;
  /** Bytes. */
  readonly Memory?: number;
  /** Bytes of memory and swap together; equal to `Memory` means no swap. */
  readonly MemorySwap?: number;
  /** Billionths of a core. */
  readonly NanoCpus?: number;
  /** Bytes of /dev/shm. */
  readonly ShmSize?: number;
  readonly Init?: boolean;
  readonly AutoRemove?: boolean;
  readonly RestartPolicy?: { readonly Name: "no" };
  readonly LogConfig?: { readonly Type: string; readonly Config?: Readonly<Record<string, string>> };
}

/** How a container joins one network at creation. */
export interface EndpointSettings {
  /** A fixed address needs a network that was made with a subnet. */
  readonly IPAMConfig?: { readonly IPv4Address?: string };
  readonly Aliases?: readonly string[];
}

/** A container to be made. It holds no secret: all of it shows in `inspect`. */
export interface ContainerCreate {
  readonly Image: string;
  readonly Cmd?: readonly string[];
  readonly Entrypoint?: readonly string[];
  /** `NAME=value` */
  readonly Env?: readonly string[];
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly Hostname?: string;
  readonly Labels?: Labels;
  readonly Tty?: boolean;
  /** Keeps standard input open; see `startHoldingInput`. */
  readonly OpenStdin?: boolean;
  readonly StdinOnce?: boolean;
  readonly AttachStdin?: boolean;
  readonly StopSignal?: string;
  /** `NONE`: not even the image's own. */
  readonly Healthcheck?: { readonly Test: readonly ["NONE"] };
  readonly HostConfig?: HostConfig;
  readonly NetworkingConfig?: { readonly EndpointsConfig: Readonly<Record<string, EndpointSettings>> };
}

/** What `inspect` tells. */
export interface ContainerInfo {
  readonly Id: string;
  /** With a leading slash. */
  readonly Name: string;
  /** Image id. */
  readonly Image: string;
  /** RFC 3339 time. */
  readonly Created: string;
  readonly State: {
    readonly Status: "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";
    readonly Running: boolean;
    readonly Pid: number;
    readonly ExitCode: number;
    readonly OOMKilled: boolean;
    readonly Error: string;
    readonly StartedAt: string;
    readonly FinishedAt: string;
  };
  readonly Config: {
    readonly Image: string;
    readonly User: string;
    readonly Env: readonly string[] | null;
    readonly Labels: Labels | null;
    readonly WorkingDir: string;
  };
  readonly HostConfig: { readonly Runtime: string; readonly NetworkMode: string };
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, EndpointInfo>> };
}

/** A container's place on a network. */
export interface EndpointInfo {
  readonly NetworkID: string;
  readonly IPAddress: string;
  readonly Gateway: string;
  readonly MacAddress: string;
}

/** A row of the list. */
export interface ContainerSummary {
  readonly Id: string;
  /** With leading slashes. */
  readonly Names: readonly string[];
  readonly Image: string;
  readonly ImageID: string;
  /** Seconds since 1970. */
  readonly Created: number;
  readonly State: ContainerInfo["State"]["Status"];
  readonly Labels: Labels;
}

/** Makes a container and gives its id. @throws {EngineError} 404 no such image, 409 the name is taken */
export async function createContainer(
  engine: Engine,
  name: string,
  spec: ContainerCreate,
  signal?: AbortSignal,
): Promise<string> {
  const { Id } = await engine.json<{ Id: string }>("POST", "/containers/create", {
    query: { name },
    json: spec,
    signal,
  });
  return Id;
}

/** Starts a container; one that runs already is fine. @throws {EngineError} */
export async function startContainer(engine: Engine, id: string, signal?: AbortSignal): Promise<void> {
  await engine.send("POST", `/containers/${encodeURIComponent(id)}/start`, { signal });
}

/** Stops a container: its stop signal, then SIGKILL after a grace. A stopped or absent one is fine. */
export async function stopContainer(
  engine: Engine,
  id: string,
  graceSeconds: number,
  signal?: AbortSignal,
): Promise<void> {
  try {
    await engine.send("POST", `/containers/${encodeURIComponent(id)}/stop`, {
      query: { t: graceSeconds },
      signal,
    });
  } catch (error) {
    if (!isRefusal(error, 404)) throw error;
  }
}

/** Sends a signal, e.g. `SIGHUP`. @throws {EngineError} 404 absent, 409 not running */
export async function killContainer(
  engine: Engine,
  id: string,
  name: string,
  signal?: AbortSignal,
): Promise<void> {
  await engine.send("POST", `/containers/${encodeURIComponent(id)}/kill`, {
    query: { signal: name },
    signal,
  });
}

/**
 * Removes a container and its anonymous volumes, running or not. Idempotent: an absent one is fine, one that is
 * being removed by someone else is waited for.
 */
export async function removeContainer(engine: Engine, id: string, signal?: AbortSignal): Promise<void> {
  try {
    await engine.send("DELETE", `/containers/${encodeURIComponent(id)}`, {
      query: { force: true, v: true },
      signal,
    });
  } catch (error) {
    if (isRefusal(error, 404)) return;
    if (!isRefusal(error, 409) || !/removal .* in progress/i.test(error.message)) throw error;
    await waitContainer(engine, id, "removed", signal);
  }
}

/** Facts of a container, undefined when there is none. */
export async function inspectContainer(
  engine: Engine,
  id: string,
  signal?: AbortSignal,
): Promise<ContainerInfo | undefined> {
  return await absentAsUndefined(
    engine.json<ContainerInfo>("GET", `/containers/${encodeURIComponent(id)}/json`, { signal }),
  );
}

/** Containers, stopped ones too, that carry all these labels. */
export async function listContainers(
  engine: Engine,
  labels: Labels,
  signal?: AbortSignal,
): Promise<readonly ContainerSummary[]> {
  return await engine.json("GET", "/containers/json", {
    query: { all: true, filters: { label: labelFilter(labels) } },
    signal,
  });
}

/**
 * Waits for a container and gives its exit status; undefined when it is gone and its status with it.
 *
 * `not-running` is true at once for a container that was never started; `next-exit` waits for the next end.
 */
export async function waitContainer(
  engine: Engine,
  id: string,
  condition: "not-running" | "next-exit" | "removed",
  signal?: AbortSignal,
): Promise<number | undefined> {
  const answer = await absentAsUndefined(
    engine.json<{ StatusCode: number }>("POST", `/containers/${encodeURIComponent(id)}/wait`, {
      query: { condition },
      signal,
    }),
  );
  return answer?.StatusCode;
}

/** What to read of a log. */
export interface LogOptions {
  /** Keep reading until the container ends. @default false */
  readonly follow?: boolean;
  /** Lines from the end. @default all */
  readonly tail?: number;
  /** Seconds since 1970. */
  readonly since?: number;
  readonly signal?: AbortSignal;
}

/**
 * Output of a container without a TTY, in order; leaving the loop closes the connection. An engine may keep back a
 * last line without a line end from who follows (20.10 does).
 *
 * @throws {EngineError}
 */
export async function* containerLogs(
  engine: Engine,
  id: string,
  options: LogOptions = {},
): AsyncGenerator<Frame, void> {
  const response = await engine.request("GET", `/containers/${encodeURIComponent(id)}/logs`, {
    query: {
      stdout: true,
      stderr: true,
      follow: options.follow ?? false,
      tail: options.tail ?? "all",
      since: options.since,
    },
    signal: options.signal,
  });
  if (response.body !== null) yield* framesOf(response.body);
}

/** How an archive is unpacked. */
export interface PutOptions {
  /**
   * Folder of the container that the archive's names start from. Anything but `/` makes the engine refuse relative
   * symlinks that lead out of it. A read-only container takes only a folder of one of its mounts. @default "/"
   */
  readonly at?: string;
  readonly signal?: AbortSignal;
}

/**
 * Unpacks a tar stream into a container, running or not; owners and modes are the archive's, missing folders on the
 * way are root's. A file below a tmpfs of the container lands under the mount and is not seen inside.
 *
 * @throws {EngineError} 404 no such container or folder
 */
export async function putArchive(
  engine: Engine,
  id: string,
  tar: ReadableStream<Uint8Array>,
  options: PutOptions = {},
): Promise<void> {
  await engine.send("PUT", `/containers/${encodeURIComponent(id)}/archive`, {
    query: { path: options.at ?? "/", noOverwriteDirNonDir: true },
    headers: { "content-type": "application/x-tar" },
    body: tar,
    signal: options.signal,
  });
}

/**
 * A file or folder of a container as a tar stream, its names starting with the last part of the path. Undefined
 * when the container has no such path.
 *
 * @throws {EngineError} 404 no such container
 */
export async function getArchive(
  engine: Engine,
  id: string,
  path: string,
  signal?: AbortSignal,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>> | undefined> {
  try {
    const response = await engine.request("GET", `/containers/${encodeURIComponent(id)}/archive`, {
      query: { path },
      signal,
    });
    return response.body ?? undefined;
  } catch (error) {
    // The same status for a missing container and a missing path: ask which.
    if (isRefusal(error, 404) && await inspectContainer(engine, id, signal) !== undefined) return undefined;
    throw error;
  }
}

/** Waits for work; a 404 becomes undefined. */
export async function absentAsUndefined<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isRefusal(error, 404)) return undefined;
    throw error;
  }
}

/** Labels as the engine's filter wants them. */
export function labelFilter(labels: Labels): string[] {
  return Object.entries(labels).map(([name, value]) => value === "" ? name : `${name}=${value}`);
}
