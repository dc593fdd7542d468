/** What goes wrong between bottle and the engine: refusals by the engine, and an engine that does not answer. */

import { connect, type Socket } from "node:net";
import { OperatorError } from "../../../lib/errors.ts";
import { escapeUntrusted } from "../../../lib/escape.ts";

/** The engine answered a request with an error status. Turned into an {@linkcode OperatorError} at the edge. */
export class EngineError extends Error {
  override readonly name = "EngineError";
  /** HTTP status: 404 absent, 409 in conflict with another state … */
  readonly status: number;
  /** What was asked: method and path without the query. */
  readonly request: string;

  /** Makes an error from the engine's own message (escaped here). */
  constructor(status: number, message: string, request: string) {
    super(escapeUntrusted(message));
    this.status = status;
    this.request = request;
  }
}

/** Whether an error is the engine's refusal with one of these statuses. */
export function isRefusal(error: unknown, ...statuses: readonly number[]): error is EngineError {
  return error instanceof EngineError && statuses.includes(error.status);
}

/** Whether a network could not be made because its addresses are taken by another one. */
export function isAddressOverlap(error: unknown): error is EngineError {
  return error instanceof EngineError && /overlap/i.test(error.message);
}

/**
 * Waits for work and turns the engine's refusals into an error for the operator.
 *
 * @param what what could not be done, e.g. `creating container bot-bottle-x`
 * @throws {OperatorError} for an {@linkcode EngineError}; anything else passes unchanged
 */
export async function atEdge<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof EngineError ? refusedBy(what, error) : error;
  }
}

function refusedBy(what: string, error: EngineError): OperatorError {
  return new OperatorError(`${what}: the docker engine says: ${error.message} (${error.status})`, {
    cause: error,
  });
}

/**
 * Opens a connection to the socket, or says why it cannot.
 *
 * @throws {OperatorError} absent, refused, not permitted
 */
export async function dial(socketPath: string): Promise<Socket> {
  const socket = connect({ path: socketPath, allowHalfOpen: true });
  try {
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return socket;
  } catch (error) {
    socket.destroy();
    throw unreachable(socketPath, error) ?? error;
  }
}

function unreachable(socketPath: string, cause: unknown): OperatorError | undefined {
  const at = escapeUntrusted(socketPath);
  switch (cause instanceof Error && "code" in cause ? cause.code : undefined) {
    case "ENOENT":
    case "ENOTDIR":
      return new OperatorError(`the docker engine is not running: no socket at ${at}`, {
        mend: "start it, or set DOCKER_HOST to its socket",
        cause,
      });
    case "EACCES":
    case "EPERM":
      return new OperatorError(`the docker socket ${at} is not open to this user: permission denied`, {
        mend: "join its group (`sudo usermod -aG docker $USER`, then log in again) or use a rootless engine",
        cause,
      });
    case "ECONNREFUSED":
    case "ENOTSOCK": // what a regular file in place of a socket gives on macOS; on Linux it is ECONNREFUSED
      return new OperatorError(`the docker engine is not running: nobody answers at ${at}`, {
        mend: "start it, or set DOCKER_HOST to its socket",
        cause,
      });
    default:
      return undefined;
  }
}

/** The `message` of the engine's error JSON, else the text itself, cut short. */
export function messageIn(text: string): string {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && "message" in parsed) {
      return String(parsed.message).trim();
    }
  } catch {
    // Not JSON: an old engine or something in between wrote plain text.
  }
  return text.trim().slice(0, 500) || "no reason given";
}
