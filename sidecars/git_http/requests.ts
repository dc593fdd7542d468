/**
 * What a request of smart HTTP (gitprotocol-http(5)) is for. Pure.
 *
 * The target is taken as it was sent: what a URL parser makes of dot segments and escapes is not asked for. A path is
 * served when it is, byte for byte, one of those that git's clients send.
 */

import type { IncomingHttpHeaders } from "node:http";
import type { Service } from "../git_gate/access.ts";

/** A request that is served. */
export interface GitRequest {
  /** Name of the repository. */
  readonly name: string;
  readonly service: Service;
  /** `refs`: the listing that a client begins with; `rpc`: what follows. */
  readonly kind: "refs" | "rpc";
}

/** An answer without git. */
export interface Refusal {
  readonly status: number;
  /** One line for the client. */
  readonly text: string;
}

const SERVICES: readonly Service[] = ["upload-pack", "receive-pack"];

/**
 * Reads the head of a request.
 *
 * @param target path and query, as they were sent
 */
export function readRequest(method: string, target: string): GitRequest | Refusal {
  const query = target.indexOf("?");
  const path = query < 0 ? target : target.slice(0, query);
  const match = /^\/([A-Za-z0-9._-]+)\.git\/(info\/refs|git-[a-z-]+)$/.exec(path);
  if (match === null) return { status: 404, text: "no such repository" };
  const [, name, rest] = match as unknown as [string, string, string];
  const kind = rest === "info/refs" ? "refs" : "rpc";
  const asked = kind === "refs" ? queryService(query < 0 ? "" : target.slice(query + 1)) : rest;
  const service = SERVICES.find((known) => asked === `git-${known}`);
  if (service === undefined) {
    return { status: 403, text: "only git-upload-pack and git-receive-pack are served" };
  }
  if (method !== (kind === "refs" ? "GET" : "POST")) {
    return { status: 405, text: `${method} is not served here` };
  }
  return { name, service, kind };
}

/** The dumb protocol asks for no service. */
function queryService(query: string): string | undefined {
  return /^service=([a-z-]+)$/.exec(query)?.[1];
}

/** What is wrong with the way a body is announced; undefined: nothing. @param limit most bytes */
export function bodyFault(headers: IncomingHttpHeaders, limit: number): Refusal | undefined {
  const coding = headers["transfer-encoding"];
  if (coding !== undefined) {
    return coding.toLowerCase() === "chunked"
      ? undefined
      : { status: 400, text: "unknown transfer encoding" };
  }
  const length = headers["content-length"];
  if (length === undefined) return { status: 411, text: "neither a length nor chunked" };
  if (!/^[0-9]{1,15}$/.test(length)) return { status: 400, text: "the length is no number" };
  return Number(length) > limit ? tooLarge(limit) : undefined;
}

/** A body over the bound. */
export function tooLarge(limit: number): Refusal {
  return { status: 413, text: `more than ${limit} bytes, which is the most that this gate takes` };
}

/** Variables of the CGI request (RFC 3875) for `git http-backend`; nothing else of the client reaches it. */
export function cgiVariables(
  request: GitRequest,
  headers: IncomingHttpHeaders,
): Readonly<Record<string, string>> {
  const { name, service, kind } = request;
  const coding = headers["content-encoding"];
  const length = headers["content-length"];
  const protocol = headers["git-protocol"];
  return {
    REQUEST_METHOD: kind === "refs" ? "GET" : "POST",
    PATH_INFO: `/${name}.git/${kind === "refs" ? "info/refs" : `git-${service}`}`,
    QUERY_STRING: kind === "refs" ? `service=git-${service}` : "",
    CONTENT_TYPE: kind === "refs" ? "" : `application/x-git-${service}-request`,
    // Without it the backend reads to the end.
    ...(kind === "rpc" && length !== undefined && { CONTENT_LENGTH: length }),
    ...(coding === "gzip" || coding === "x-gzip" ? { HTTP_CONTENT_ENCODING: "gzip" } : {}),
    ...(typeof protocol === "string" && /^[a-z]+=[0-9a-z.-]+(?::[a-z]+=[0-9a-z.-]+){0,7}$/.test(protocol) &&
      { GIT_PROTOCOL: protocol }),
  };
}
