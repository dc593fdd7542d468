/**
 * The head of an HTTP/2 request as that of an HTTP/1.1 request, and the other way round for responses (RFC 9113 8).
 *
 * Threat: what is a value in HTTP/2 becomes a line, or another request, in HTTP/1.1.
 *
 * Mechanism: whatever could end a line or stand for framing is refused here, and the text made here goes through the
 * same strict reader as every other request.
 */

import { BadMessage, type Field, type ResponseHead } from "../http/head.ts";

/** How a request's body is passed on. */
export type BodyFraming = "none" | "length" | "chunked";

/** A request head in HTTP/1.1. */
export interface TranslatedHead {
  /** The head, its empty line included. */
  readonly text: string;
  readonly framing: BodyFraming;
  /** For `length`: what the client announced. */
  readonly length: number;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const NOT_A_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
const NOT_A_WORD = /[^\x21-\x7e]/;
// Their meaning ends with an HTTP/1.1 connection: in HTTP/2 they make a message malformed (RFC 9113 8.2.2).
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "proxy-connection",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
]);

/**
 * Translates a request head.
 *
 * @param fields names and values in turn, as they came
 * @param ends the request has no body
 * @throws {BadMessage} what HTTP/1.1 cannot say, or says otherwise
 */
export function toHttp1(fields: readonly string[], ends: boolean): TranslatedHead {
  const pseudo = new Map<string, string>();
  const lines: string[] = [];
  const cookies: string[] = [];
  const lengths: string[] = [];
  const hosts: string[] = [];
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index]!;
    const value = fields[index + 1]!;
    if (NOT_A_VALUE.test(value)) throw new BadMessage("a header value has a control character");
    if (name.startsWith(":")) {
      if (pseudo.has(name) || NOT_A_WORD.test(value)) throw new BadMessage("a pseudo-header is malformed");
      pseudo.set(name, value);
      continue;
    }
    if (!TOKEN.test(name)) throw new BadMessage("a header name is malformed");
    if (CONNECTION_FIELDS.has(name)) throw new BadMessage(`HTTP/2 has no ${name}`);
    if (name === "cookie") cookies.push(value);
    else if (name === "host") hosts.push(value);
    else {
      if (name === "content-length") lengths.push(value);
      lines.push(`${name}: ${value}`);
    }
  }
  // Split for compression only (RFC 9113 8.2.3).
  if (cookies.length > 0) lines.push(`cookie: ${cookies.join("; ")}`);
  const body = bodyFraming(lengths, ends);
  if (body.framing === "chunked") lines.push("transfer-encoding: chunked");
  const text = [requestLine(pseudo), `host: ${hostOf(pseudo, hosts)}`, ...lines].join("\r\n");
  return { text: `${text}\r\n\r\n`, ...body };
}

/** The response head for an HTTP/2 stream: what belongs to an HTTP/1.1 connection is left out. */
export function toHttp2(head: ResponseHead): Record<string, string | string[] | number> {
  const values = new Map<string, string[]>();
  for (const { name, value } of head.fields.filter(belongsToMessage)) {
    values.set(name, [...values.get(name) ?? [], value]);
  }
  const fields = [...values].map(([name, list]) => [name, list.length === 1 ? list[0]! : list] as const);
  return { ":status": head.status, ...Object.fromEntries(fields) };
}

function belongsToMessage({ name }: Field): boolean {
  return !CONNECTION_FIELDS.has(name);
}

function requestLine(pseudo: ReadonlyMap<string, string>): string {
  const method = pseudo.get(":method");
  const path = pseudo.get(":path");
  if (method === undefined || path === undefined || pseudo.has(":protocol")) {
    throw new BadMessage("only plain requests are spoken inside a tunnel", 501);
  }
  if (pseudo.get(":scheme") !== "https") throw new BadMessage("inside a tunnel the scheme is https");
  return `${method} ${path} HTTP/1.1`;
}

function hostOf(pseudo: ReadonlyMap<string, string>, hosts: readonly string[]): string {
  const named = new Set([...pseudo.has(":authority") ? [pseudo.get(":authority")!] : [], ...hosts]);
  const [host, ...others] = named;
  if (host === undefined || others.length > 0 || hosts.length > 1) {
    throw new BadMessage("the request does not name one host");
  }
  return host;
}

function bodyFraming(
  lengths: readonly string[],
  ends: boolean,
): { readonly framing: BodyFraming; readonly length: number } {
  // More than one, or no number: the strict reader of the text says so.
  if (lengths.length > 0) return { framing: "length", length: Number(lengths[0]) };
  return { framing: ends ? "none" : "chunked", length: 0 };
}
