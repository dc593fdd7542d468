/** Where the engine's socket is, by the rules the docker command line follows. Pure: the caller gives the reads. */

import { createHash } from "node:crypto";
import { OperatorError } from "../../../lib/errors.ts";
import { escapeUntrusted } from "../../../lib/escape.ts";

/** What the search looks at. */
export interface SocketSearch {
  /** Host environment: `DOCKER_HOST`, `DOCKER_CONTEXT`, `DOCKER_CONFIG`, `XDG_RUNTIME_DIR`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Operator's home folder. */
  readonly home: string;
  /** Text of a file, undefined when there is none. */
  readonly readText: (path: string) => string | undefined;
  /** Whether something exists at a path. */
  readonly exists: (path: string) => boolean;
}

/** A socket and what named it. */
export interface FoundSocket {
  /** Absolute path. */
  readonly path: string;
  /** What named it: `DOCKER_HOST`, `docker context NAME`, or `default`. */
  readonly from: string;
}

const DEFAULT_PATH = "/var/run/docker.sock";
const UNSET = "unset it, or point it at a local socket (unix:///var/run/docker.sock)";

/**
 * Finds the engine's socket: `DOCKER_HOST`, then the chosen docker context, then the default paths (system,
 * Docker Desktop, rootless). When nothing exists the system path is given, so that connecting says what is missing.
 *
 * @throws {OperatorError} an address that is not a local socket, an unreadable docker configuration, an unknown context
 */
export function findSocket(search: SocketSearch): FoundSocket {
  const host = search.env["DOCKER_HOST"];
  if (host !== undefined && host !== "") {
    return { path: socketOf(host, "DOCKER_HOST", UNSET), from: "DOCKER_HOST" };
  }
  const configDir = search.env["DOCKER_CONFIG"] || `${search.home}/.docker`;
  const context = chosenContext(search, configDir);
  if (context !== undefined && context.name !== "default") {
    const label = `docker context ${escapeUntrusted(context.name)}`;
    return { path: contextSocket(search, configDir, context, label), from: label };
  }
  const candidates = [DEFAULT_PATH, `${search.home}/.docker/run/docker.sock`];
  const runtimeDir = search.env["XDG_RUNTIME_DIR"];
  if (runtimeDir) candidates.push(`${runtimeDir}/docker.sock`);
  return { path: candidates.find(search.exists) ?? DEFAULT_PATH, from: "default" };
}

/** Looks on this host, with the reads that a program has. */
export function hostSearch(env: SocketSearch["env"], home: string): SocketSearch {
  return { env, home, readText: readTextOrNothing, exists: pathExists };
}

interface ChosenContext {
  readonly name: string;
  /** What chose it, for the error. */
  readonly by: string;
}

function chosenContext(search: SocketSearch, configDir: string): ChosenContext | undefined {
  const fromEnv = search.env["DOCKER_CONTEXT"];
  if (fromEnv) return { name: fromEnv, by: "DOCKER_CONTEXT" };
  const file = `${configDir}/config.json`;
  const name = fieldOf(readJson(search, file), "currentContext");
  return typeof name === "string" && name !== "" ? { name, by: file } : undefined;
}

function contextSocket(
  search: SocketSearch,
  configDir: string,
  context: ChosenContext,
  label: string,
): string {
  // The docker command line names a context's folder by the SHA-256 of its name.
  const id = createHash("sha256").update(context.name).digest("hex");
  const meta = readJson(search, `${configDir}/contexts/meta/${id}/meta.json`);
  if (meta === undefined) {
    throw new OperatorError(`${label}, chosen by ${context.by}, does not exist`, {
      mend: "choose another with `docker context use`",
    });
  }
  const host = fieldOf(fieldOf(fieldOf(meta, "Endpoints"), "docker"), "Host");
  if (typeof host !== "string" || host === "") {
    throw new OperatorError(`${label} names no engine (Endpoints.docker.Host)`, {
      mend: "choose another with `docker context use`",
    });
  }
  return socketOf(host, label, "choose a local context with `docker context use`");
}

function socketOf(address: string, from: string, mend: string): string {
  const shown = escapeUntrusted(address);
  if (!/^(?:tcp|https?|ssh|unix):\/\//.test(address)) {
    throw new OperatorError(`${from} is ${shown}: not the address of a socket`, { mend });
  }
  if (!address.startsWith("unix://")) {
    throw new OperatorError(
      `${from} is ${shown}: an engine on another host is refused, because the proposal queue is a bind mount`,
      { mend },
    );
  }
  const path = address.slice("unix://".length);
  if (!path.startsWith("/") || path.includes("\0")) {
    throw new OperatorError(`${from} is ${shown}: not an absolute path of a socket`, { mend });
  }
  return path;
}

function readJson(search: SocketSearch, path: string): unknown {
  const text = search.readText(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new OperatorError(`${path} is not JSON`, {
      mend: "repair or remove it, or set DOCKER_HOST",
      cause,
    });
  }
}

function fieldOf(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string, unknown>)[key];
}

function readTextOrNothing(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (cause) {
    if (isAbsence(cause)) return undefined;
    if (cause instanceof Deno.errors.PermissionDenied) {
      throw new OperatorError(`${path} cannot be read: permission denied`, { cause });
    }
    throw cause;
  }
}

function pathExists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (isAbsence(error) || error instanceof Deno.errors.PermissionDenied) return false;
    throw error;
  }
}

function isAbsence(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}
