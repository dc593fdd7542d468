/** Which header lines pass, in which form. */

import { parseAuthority } from "../../../lib/net/authority.ts";
import { authority } from "../../../lib/net/host_name.ts";
import type { Mask } from "./mask.ts";
import { BadMessage, type Field, listOf, type RequestHead, type ResponseHead, valuesOf } from "./head.ts";

// Names that carry credentials beside those that say so in their last word.
const CREDENTIAL_FIELDS: ReadonlySet<string> = new Set([
  "authorization",
  "proxy-authorization",
  "x-authorization",
  "x-ms-authorization-auxiliary",
  "authentication",
  "cookie",
  "cookie2",
  "x-auth-key",
  "x-auth-email",
  "x-functions-key",
  "x-master-key",
  "x-parse-master-key",
  "x-jfrog-art-api",
  "x-jwt-assertion",
  "dd-application-key",
  "fastly-key",
]);

const CREDENTIAL_WORD =
  /(?:^|[-.])(?:access-key|api-?key|app-?key|auth|credentials?|jwt|pass(?:wd|word)|secret|secret-key|session-key|subscription-key|token)$/;

/** Whether a header carries credentials, by its name in lower case; `_` is read as `-`, as CGI and some servers do. */
export function isCredentialField(name: string): boolean {
  const plain = name.replaceAll("_", "-");
  return CREDENTIAL_FIELDS.has(plain) || CREDENTIAL_WORD.test(plain);
}

// From these some servers take the path instead of the request line: past a path allowlist.
const PATH_OVERRIDES: ReadonlySet<string> = new Set([
  "x-original-url",
  "x-original-uri",
  "x-rewrite-url",
  "x-override-url",
  "x-forwarded-uri",
  "x-forwarded-path",
  "x-forwarded-prefix",
]);

// From these some frameworks take the method instead of the request line: past a route's `methods`.
const METHOD_OVERRIDES: ReadonlySet<string> = new Set([
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
]);

const FRAMING_AND_ROUTING: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "content-encoding",
  "content-type",
  "content-range",
  "connection",
  "upgrade",
  "te",
  "trailer",
  "expect",
  "set-cookie",
]);

/** Whether a trailer of that name (lower case) must not be: framing, routing and credentials. */
export function isForbiddenTrailer(name: string): boolean {
  const plain = name.replaceAll("_", "-");
  return FRAMING_AND_ROUTING.has(plain) || PATH_OVERRIDES.has(plain) || METHOD_OVERRIDES.has(plain) ||
    isCredentialField(plain);
}

// Connection-level in every HTTP/1.1 proxy; what egress itself needs of them it writes anew.
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "proxy-connection",
  "keep-alive",
  "proxy-authorization",
  "proxy-authenticate",
  "http2-settings",
]);

// Naming one of these in Connection would have the next hop drop what the policy has just put there or relied upon.
const NEVER_NOMINATED: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "content-type",
  "content-encoding",
  "expect",
]);

function mustPass(name: string): boolean {
  const plain = name.replaceAll("_", "-");
  return NEVER_NOMINATED.has(plain) || isCredentialField(plain);
}

const KNOWN_OPTIONS: ReadonlySet<string> = new Set([
  "close",
  "keep-alive",
  "upgrade",
  "te",
  "http2-settings",
  "proxy-connection",
]);

/** What a request asks of its connection. */
export interface ConnectionWishes {
  /** The client keeps the connection open for another request. */
  readonly keepAlive: boolean;
  /** The client asks for WebSocket; no other protocol is let through, since its requests could not be judged. */
  readonly webSocket: boolean;
  /** Field names that end at this hop. */
  readonly nominated: ReadonlySet<string>;
}

/** Reads `Connection` and `Upgrade` of a request. @throws {BadMessage} it names a field that must pass */
export function wishesOf(head: RequestHead): ConnectionWishes {
  const options = new Set(listOf(head.fields, "connection"));
  const proxyOptions = listOf(head.fields, "proxy-connection");
  const nominated = new Set([...options].filter((option) => !KNOWN_OPTIONS.has(option)));
  for (const name of nominated) {
    if (mustPass(name)) throw new BadMessage(`Connection names ${name}`);
  }
  const closes = options.has("close") || proxyOptions.includes("close");
  return {
    keepAlive: head.minor === 1 && !closes,
    webSocket: head.method === "GET" && options.has("upgrade") &&
      listOf(head.fields, "upgrade").join() === "websocket",
    nominated,
  };
}

/** What happens to the agent's credentials. */
export type Credentials =
  /** All removed, this line's text put in their place; the mask keeps the credential out of the response. */
  | {
    readonly kind: "inject";
    readonly line: string;
    readonly mask?: Mask | undefined;
    /** But for its cookies. @default false */
    readonly keepCookies?: boolean;
  }
  /** `Authorization` removed. */
  | { readonly kind: "none" }
  /** The agent's own pass. */
  | { readonly kind: "agent" };

/** How a request's header lines are rewritten. */
export interface RequestRewrite {
  readonly wishes: ConnectionWishes;
  /** Canonical host, and the port when it is not the scheme's own. */
  readonly hostLine: string;
  readonly credentials: Credentials;
  /** The route allows some paths only: no header may name another one. */
  readonly pathBound: boolean;
  /** The route allows some methods only: no header may name another one. */
  readonly methodBound: boolean;
}

// A compressed response could carry the credential past the mask.
const COMPRESSION: ReadonlySet<string> = new Set(["accept-encoding", "sec-websocket-extensions"]);

/** The header lines that go upstream. */
export function requestLines(head: RequestHead, rewrite: RequestRewrite): string[] {
  const { wishes, credentials } = rewrite;
  const lines: string[] = [];
  let injected = false;
  const inject = () => {
    if (credentials.kind === "inject" && !injected) lines.push(credentials.line);
    injected = true;
  };
  for (const field of head.fields) {
    if (isCredential(field.name, credentials)) {
      inject();
    } else if (credentials.kind === "inject" && COMPRESSION.has(field.name)) {
      if (field.name === "accept-encoding") lines.push("Accept-Encoding: identity");
    } else if (field.name === "host") {
      lines.push(field.value.toLowerCase() === rewrite.hostLine ? field.line : `Host: ${rewrite.hostLine}`);
    } else if (field.name === "upgrade") {
      if (wishes.webSocket) lines.push(field.line);
    } else if (field.name === "te") {
      if (field.value.toLowerCase() === "trailers") lines.push(field.line);
    } else if (rewrite.pathBound && PATH_OVERRIDES.has(field.name.replaceAll("_", "-"))) {
      continue;
    } else if (rewrite.methodBound && METHOD_OVERRIDES.has(field.name.replaceAll("_", "-"))) {
      continue;
    } else if (!HOP_BY_HOP.has(field.name) && !wishes.nominated.has(field.name)) {
      lines.push(field.line);
    }
  }
  inject();
  const options = [
    ...wishes.webSocket ? ["Upgrade"] : [],
    ...valuesOf(head.fields, "te").some((value) => value.toLowerCase() === "trailers") ? ["TE"] : [],
  ];
  if (options.length > 0) lines.push(`Connection: ${options.join(", ")}`);
  return lines;
}

/** The header lines that go to the client. */
export function responseLines(head: ResponseHead, connection: "close" | "upgrade" | undefined): string[] {
  const nominated = new Set(listOf(head.fields, "connection").filter((name) => !KNOWN_OPTIONS.has(name)));
  const passes = ({ name }: Field) =>
    mustPass(name)
      ? name !== "proxy-authorization"
      : !HOP_BY_HOP.has(name) && !nominated.has(name) && (name !== "upgrade" || connection === "upgrade");
  const lines = head.fields.filter(passes).map((field) => field.line);
  if (connection !== undefined) {
    lines.push(connection === "close" ? "Connection: close" : "Connection: Upgrade");
  }
  return lines;
}

/**
 * Checks the one Host header of a request against the host that was judged.
 *
 * @throws {BadMessage} 400: none or two; 421: another host or port
 */
export function checkHost(head: RequestHead, host: string, port: number): void {
  const hosts = valuesOf(head.fields, "host");
  if (hosts.length !== 1) throw new BadMessage(hosts.length === 0 ? "Host is missing" : "Host stands twice");
  // What almost every request has; the host is canonical.
  if (hosts[0] === authority(host)) return;
  const named = parseAuthority(hosts[0]!);
  if (named?.host !== host || (named.port ?? port) !== port) {
    throw new BadMessage(`the Host header does not name ${authority(host)}`, 421);
  }
}

function isCredential(name: string, credentials: Credentials): boolean {
  const plain = name.replaceAll("_", "-");
  if (plain === "proxy-authorization") return true;
  if (credentials.kind === "none") return plain === "authorization";
  if (credentials.kind === "agent") return false;
  return isCredentialField(plain) && !(credentials.keepCookies === true && plain === "cookie");
}
