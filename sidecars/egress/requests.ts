/** Requests on one client connection, one after the other: read, judge, answer or forward. */

import { decide, DEFAULT_PORT } from "../../lib/egress/decide.ts";
import { denialOf, faultOf } from "../../lib/egress/denial.ts";
import { isNeverForwarded } from "../../lib/egress/methods.ts";
import { splitTarget } from "../../lib/egress/path.ts";
import { splitUrl } from "../../lib/egress/url.ts";
import type { RouteEntry } from "../../lib/egress/wire.ts";
import { parseAuthority } from "../../lib/net/authority.ts";
import { authority } from "../../lib/net/host_name.ts";
import type { Egress } from "./context.ts";
import { exchange } from "./exchange.ts";
import { checkHost, type Credentials, requestLines, wishesOf } from "./http/fields.ts";
import { BadMessage, parseRequestHead, requestFraming, type RequestHead, valuesOf } from "./http/head.ts";
import { toBytes, Truncated } from "./http/wire_reader.ts";
import { isLocalHost, localAnswer } from "./local.ts";
import type { Peer } from "./peer.ts";
import { type Target, UpstreamError } from "./upstream.ts";

/** Where the requests of a connection go, once that is known. */
export interface Destination extends Target {
  /** Path and query. */
  readonly path: string;
}

/** What one request came to. */
export interface Handled {
  readonly verdict: "allow" | "deny" | "fault" | "local";
  readonly rule: string;
  readonly status: number;
  readonly bytesUp: number;
  /** `keep`: next request; `close`: the answer must still arrive; `cut`: break the connection off. */
  readonly then: "keep" | "close" | "cut";
}

/** Reads the next request head; undefined: the client is done. */
export async function nextHead(egress: Egress, peer: Peer, first: boolean): Promise<RequestHead | undefined> {
  const { limits } = egress;
  peer.watch.within(first ? limits.headTimeout : limits.keepAliveTimeout);
  const text = await peer.reader.readHead(limits.headBytes, () => peer.watch.within(limits.headTimeout));
  return text === undefined ? undefined : parseRequestHead(text);
}

/**
 * Serves the requests inside a tunnel until one of the sides ends it.
 *
 * @param tunnel the host and port that CONNECT named and TLS was terminated for
 */
export async function serveTunnel(egress: Egress, peer: Peer, tunnel: Target): Promise<void> {
  await serveRequests(egress, peer, undefined, (head) => tunnelDestination(head, tunnel));
}

/** Serves one request of a tunnel on a connection of its own. @returns how that connection is to end */
export async function serveTunnelRequest(
  egress: Egress,
  peer: Peer,
  tunnel: Target,
): Promise<Handled["then"]> {
  return await serveOne(egress, peer, (head) => tunnelDestination(head, tunnel), undefined, true);
}

function tunnelDestination(head: RequestHead, tunnel: Target): Destination {
  checkHost(head, tunnel.host, tunnel.port);
  const isPath = head.target.startsWith("/") || (head.target === "*" && head.method === "OPTIONS");
  if (!isPath) throw new BadMessage("inside a tunnel the request target must be a path");
  return { ...tunnel, path: head.target };
}

/** Serves plain requests in absolute form; the first head has been read already. */
export async function servePlain(egress: Egress, peer: Peer, first: RequestHead): Promise<void> {
  await serveRequests(egress, peer, first, plainDestination);
}

async function serveRequests(
  egress: Egress,
  peer: Peer,
  first: RequestHead | undefined,
  locate: (head: RequestHead) => Destination,
): Promise<void> {
  for (let head = first, count = 0;; head = undefined, count++) {
    const handled = await serveOne(egress, peer, locate, head, count === 0);
    if (handled === "keep") continue;
    if (handled === "close") await peer.closeGently(egress.limits);
    else peer.stream.destroy();
    return;
  }
}

/** Serves one request and logs it. */
async function serveOne(
  egress: Egress,
  peer: Peer,
  locate: (head: RequestHead) => Destination,
  given: RequestHead | undefined,
  isFirst: boolean,
): Promise<Handled["then"]> {
  let head = given;
  let destination: Destination | undefined;
  let start = performance.now();
  const downStart = peer.out.total;
  let handled: Handled;
  try {
    head ??= await nextHead(egress, peer, isFirst);
    if (head === undefined) return "close";
    start = performance.now();
    destination = locate(head);
    handled = await handle(egress, peer, head, destination);
  } catch (error) {
    handled = await answerFault(peer, error);
    // Nothing of a request was read: the client or the keep-alive limit ended the connection.
    if (head === undefined && handled.status === 0) return handled.then;
  }
  egress.log.add({
    method: head?.method ?? "",
    host: destination?.host ?? "",
    ...destination !== undefined && { path: splitTarget(destination.path).path },
    verdict: handled.verdict,
    rule: handled.rule,
    status: handled.status,
    bytesUp: handled.bytesUp,
    bytesDown: peer.out.total - downStart,
    ms: performance.now() - start,
  });
  return handled.then;
}

async function handle(
  egress: Egress,
  peer: Peer,
  head: RequestHead,
  destination: Destination,
): Promise<Handled> {
  const framing = requestFraming(head);
  const wishes = wishesOf(head);
  const expects = valuesOf(head.fields, "expect");
  if (head.minor === 0) throw new BadMessage("only HTTP/1.1 is spoken here", 505);
  if (isNeverForwarded(head.method)) {
    throw new BadMessage(`the method ${head.method} is not forwarded`, 405);
  }
  if (expects.some((value) => value.toLowerCase() !== "100-continue")) {
    throw new BadMessage("this expectation is not known", 417);
  }
  // An answer of our own leaves the request's body unread: then the connection cannot go on.
  const keep = wishes.keepAlive &&
    (framing.kind === "none" || (framing.kind === "length" && framing.length === 0));
  const refuse = async (
    kind: "deny" | "fault" | "local",
    rule: string,
    answer: { status: number; body: string },
  ) => {
    await peer.answer({ ...answer, head: head.method === "HEAD", close: !keep });
    return { verdict: kind, rule, status: answer.status, bytesUp: 0, then: keep ? "keep" : "close" } as const;
  };
  if (isLocalHost(destination)) {
    return await refuse("local", "local", localAnswer(egress.policy, head, destination));
  }
  const { table } = egress.policy;
  const verdict = decide(table, { ...destination, method: head.method, target: destination.path });
  if (verdict.kind === "deny") {
    return await refuse("deny", verdict.rule, denialOf(verdict.rule, destination.host, verdict.detail));
  }
  const credentials = credentialsFor(egress, verdict.route);
  if (credentials === undefined) return await refuse("fault", "empty-token", emptySlot(verdict.route));
  const webSocket = wishes.webSocket && framing.kind === "none";
  const lines = requestLines(head, {
    wishes: { ...wishes, webSocket },
    hostLine: hostLineOf(destination),
    credentials,
    pathBound: verdict.route.pathAllowlist.length > 0 || verdict.route.git !== undefined,
    methodBound: verdict.route.methods !== undefined || verdict.route.git !== undefined,
  });
  const bytes = outgoingHead(egress, head, destination, lines);
  const outgoing = {
    target: destination,
    head,
    framing,
    bytes,
    webSocket,
    keepAlive: wishes.keepAlive,
    mask: credentials.kind === "inject" ? credentials.mask : undefined,
  };
  const outcome = await exchange(peer, egress.upstreams, outgoing, egress.limits);
  return {
    verdict: outcome.cut === undefined ? "allow" : "fault",
    rule: outcome.cut === undefined ? "route" : "cut-short",
    status: outcome.status,
    bytesUp: outcome.bytesUp,
    then: outcome.cut !== undefined || outcome.status === 101 ? "cut" : outcome.reusable ? "keep" : "close",
  };
}

function credentialsFor(egress: Egress, route: RouteEntry): Credentials | undefined {
  if (route.inject === undefined) return { kind: route.agentAuth ? "agent" : "none" };
  const credential = egress.policy.credential(route.inject.tokenEnv);
  if (credential === undefined) return undefined;
  const line = `Authorization: ${route.inject.scheme} ${credential.secret.reveal()}`;
  return { kind: "inject", line, mask: credential.mask, keepCookies: route.inject.keepCookies };
}

function emptySlot(route: RouteEntry): { status: number; body: string } {
  return faultOf(
    502,
    "empty-token",
    `the credential for ${route.host} is missing or unusable, and nothing is sent without it`,
    "Tell the operator: the bottle must be started with the credential set on the host.",
  );
}

function hostLineOf({ scheme, host, port }: Destination): string {
  return port === DEFAULT_PORT[scheme] ? authority(host) : authority(host, port);
}

function outgoingHead(
  egress: Egress,
  { method }: RequestHead,
  destination: Destination,
  lines: readonly string[],
): Uint8Array {
  const { scheme, path } = destination;
  const target = scheme === "http" && egress.upstreams.viaProxy
    ? `http://${hostLineOf(destination)}${path}`
    : path;
  return toBytes(`${method} ${target} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
}

/** `http://host[:port]/path`: what a proxy is sent for a plain request. */
function plainDestination(head: RequestHead): Destination {
  const url = splitUrl(head.target);
  if (url === undefined) {
    throw new BadMessage("this is a proxy: the request target must be an http:// URL, or CONNECT");
  }
  if (url.scheme === "https") throw new BadMessage("https:// URLs are reached by CONNECT");
  const { target: path } = url;
  if (isLocalHost({ host: url.authority })) return { scheme: "http", host: url.authority, port: 80, path };
  const named = parseAuthority(url.authority);
  if (named === undefined) throw new BadMessage("the request target names no host");
  const port = named.port ?? DEFAULT_PORT.http;
  checkHost(head, named.host, port);
  return { scheme: "http", host: named.host, port, path };
}

/** Answers what went wrong before anything was answered; nothing, if the client is gone. */
async function answerFault(peer: Peer, error: unknown): Promise<Handled> {
  const fault = error instanceof BadMessage
    ? { status: error.status, rule: "bad-request" }
    : error instanceof UpstreamError
    ? { status: error.status, rule: error.status === 403 ? "next-proxy" : "upstream" }
    : { status: 0, rule: error instanceof Truncated ? "client-gone" : "connection" };
  const base = { verdict: "fault" as const, bytesUp: 0, ...fault };
  if (fault.status === 0) return { ...base, then: "cut" };
  const what = error instanceof Error ? error.message : String(error);
  try {
    await peer.answer({ ...faultOf(fault.status, fault.rule, what), close: true });
    return { ...base, then: "close" };
  } catch {
    return { ...base, status: 0, then: "cut" };
  }
}
