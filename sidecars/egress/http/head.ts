/**
 * Heads of HTTP/1.1 messages (RFC 9112), read strictly.
 *
 * Threat: what two parsers frame differently lets one request hide another (request smuggling), past the policy.
 *
 * Mechanism: only what the grammar allows is taken, and what is taken is passed on as it was written: line by line,
 * names in their case, in their order, duplicates too.
 *
 * Rejected: repairing a message (joining folded lines, dropping one of two lengths): the repair is a guess.
 */

/** A message that is not plain HTTP/1.1; the connection must not be used any further. */
export class BadMessage extends Error {
  override readonly name = "BadMessage";
  /** Status to answer with if it was a request. */
  readonly status: number;

  /** Says what is wrong, and the status for it. @default 400 */
  constructor(message: string, status = 400) {
    super(message);
    this.status = status;
  }
}

/** One header line. */
export interface Field {
  /** Name in lower case. */
  readonly name: string;
  /** Value without the white space around it. */
  readonly value: string;
  /** The line as it was written, without its end. */
  readonly line: string;
}

/** Head of a request. */
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  /** Minor version: HTTP/1.0 or HTTP/1.1. */
  readonly minor: 0 | 1;
  readonly fields: readonly Field[];
}

/** Head of a response. */
export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  readonly minor: 0 | 1;
  readonly fields: readonly Field[];
}

/** How long a message's body is. */
export type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly length: number }
  | { readonly kind: "chunked" }
  /** Until the connection ends: responses only. */
  | { readonly kind: "close" };

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}) ([\x21-\x7e]+) HTTP\/1\.([01])$/;
// Some servers leave the space before an empty reason out.
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?$/;
const NOT_TEXT = /[^\t\x20-\x7e\x80-\xff]/;
const LENGTH = /^(?:0|[1-9][0-9]{0,15})$/;
const FRAMING_FIELD = /^(?:transfer-encoding|content-length)$/;
const MAX_FIELDS = 256;

/** Reads a request head from its bytes as Latin-1, the empty line at its end included. */
export function parseRequestHead(text: string): RequestHead {
  const [first, lines] = splitHead(text);
  const match = REQUEST_LINE.exec(first);
  if (match === null) {
    const version = /^[^ ]+ [^ ]+ HTTP\/[0-9]\.[0-9]$/.test(first);
    throw version && !/ HTTP\/1\.[01]$/.test(first)
      ? new BadMessage("only HTTP/1.1 is spoken here", 505)
      : new BadMessage("the request line is malformed");
  }
  // Reserved (RFC 9113, 11.6): a parser that knows HTTP/2 reads no HTTP/1.1 request here.
  if (match[1] === "PRI") throw new BadMessage("PRI is no request: HTTP/2 begins so");
  if (match[2]!.includes("#")) throw new BadMessage("the request target has a fragment");
  return {
    method: match[1]!,
    target: match[2]!,
    minor: match[3] === "1" ? 1 : 0,
    fields: parseFields(lines),
  };
}

/** Reads a response head from its bytes as Latin-1, the empty line at its end included. */
export function parseResponseHead(text: string): ResponseHead {
  const [first, lines] = splitHead(text);
  const match = STATUS_LINE.exec(first);
  if (match === null) throw new BadMessage("the status line is malformed");
  return {
    minor: match[1] === "1" ? 1 : 0,
    status: Number(match[2]),
    reason: match[3] ?? "",
    fields: parseFields(lines),
  };
}

/** Reads header or trailer lines. */
export function parseFields(lines: readonly string[]): Field[] {
  if (lines.length > MAX_FIELDS) throw new BadMessage("there are too many header lines", 431);
  return lines.map(parseField);
}

/** Values of a field, in order. */
export function valuesOf(fields: readonly Field[], name: string): string[] {
  return fields.filter((field) => field.name === name).map((field) => field.value);
}

/** The members of a comma-separated list field, in lower case. */
export function listOf(fields: readonly Field[], name: string): string[] {
  return valuesOf(fields, name).flatMap((value) => value.split(","))
    .map((member) => member.trim().toLowerCase()).filter((member) => member !== "");
}

/** How a request's body is framed. */
export function requestFraming(head: RequestHead): Framing {
  const framing = framingOf(head);
  if (framing?.kind === "chunked" && head.minor === 0) {
    throw new BadMessage("HTTP/1.0 has no Transfer-Encoding");
  }
  // The tunnel begins where the head ends (RFC 9110 9.3.6): other parsers look for no body there.
  if (head.method === "CONNECT" && framing !== undefined) {
    if (framing.kind !== "length" || framing.length > 0) throw new BadMessage("CONNECT has a body");
    return { kind: "none" };
  }
  return framing ?? { kind: "none" };
}

/** How the body of a response is framed, which depends on the request's method. */
export function responseFraming(head: ResponseHead, method: string): Framing {
  const framing = framingOf(head);
  if (framing?.kind === "chunked" && head.minor === 0) {
    throw new BadMessage("HTTP/1.0 has no Transfer-Encoding");
  }
  if (head.status < 200 || head.status === 204) {
    const claimsBody = framing !== undefined && !(framing.kind === "length" && framing.length === 0);
    if (claimsBody) throw new BadMessage(`a ${head.status} response claims a body`);
    return { kind: "none" };
  }
  if (method === "HEAD" || head.status === 304) return { kind: "none" };
  return framing ?? { kind: "close" };
}

function framingOf(head: { readonly fields: readonly Field[] }): Framing | undefined {
  const codings = valuesOf(head.fields, "transfer-encoding");
  const lengths = valuesOf(head.fields, "content-length");
  // White space by the grammar, but `chunked` and a tab is another coding to some parsers (llhttp): no body, or all.
  if (head.fields.some(({ name, line }) => FRAMING_FIELD.test(name) && line.includes("\t"))) {
    throw new BadMessage("Transfer-Encoding or Content-Length has a tab");
  }
  if (codings.length > 0 && lengths.length > 0) {
    throw new BadMessage("it has both Transfer-Encoding and Content-Length");
  }
  if (codings.length > 1) throw new BadMessage("Transfer-Encoding stands twice");
  if (lengths.length > 1) throw new BadMessage("Content-Length stands twice");
  const [coding] = codings;
  if (coding !== undefined) {
    if (coding.toLowerCase() !== "chunked") {
      throw new BadMessage("only the chunked Transfer-Encoding is known", 501);
    }
    return { kind: "chunked" };
  }
  const [length] = lengths;
  if (length === undefined) return undefined;
  if (!LENGTH.test(length) || !Number.isSafeInteger(Number(length))) {
    throw new BadMessage("Content-Length is not a number");
  }
  return { kind: "length", length: Number(length) };
}

function splitHead(text: string): [first: string, rest: string[]] {
  const lines = text.slice(0, -4).split("\r\n");
  return [lines[0]!, lines.slice(1)];
}

function parseField(line: string): Field {
  // A bare CR or LF, NUL and all other controls are caught here.
  if (NOT_TEXT.test(line)) throw new BadMessage("a header line has a control character");
  if (line.startsWith(" ") || line.startsWith("\t")) throw new BadMessage("a header line is folded");
  const colon = line.indexOf(":");
  const name = line.slice(0, Math.max(colon, 0));
  if (!TOKEN.test(name)) throw new BadMessage("a header name is malformed");
  return { name: name.toLowerCase(), value: trimmed(line, colon + 1), line };
}

/**
 * The text from there on without the blanks around it. Not `trim()`, which takes a no-break space (0xA0) for white
 * space where other parsers do not; not a pattern, which takes a second for a line of blanks.
 */
function trimmed(line: string, from: number): string {
  let start = from;
  let end = line.length;
  while (start < end && isBlank(line.charCodeAt(start))) start++;
  while (end > start && isBlank(line.charCodeAt(end - 1))) end--;
  return line.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
