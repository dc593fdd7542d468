/**
 * The one host-name canonicaliser: allowlist, route choice, injection, SNI, log and dial all compare and use what
 * it returns, so that no two of them can disagree about which host is meant.
 */

import { parseIp } from "./ip.ts";

const MAX_NAME = 253;
const MAX_LABEL = 63;
// Underscores are not host names by RFC 952 but are found in real ones. A leading hyphen would be read as an option.
// Encoded twice (UTS 46, validity criterion 4): some URL parsers take it and some do not.
const LABEL = /^(?!xn--xn--)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/;
// What the URL parser would drop, decode or take for the end of the host.
// deno-lint-ignore no-control-regex
const FORBIDDEN = /[\u0000-\u0020\u007f%/\\?#@:*[\]<>^|]/;

/**
 * The canonical form of a host: lower case, ASCII (IDNA by UTS 46, as the WHATWG URL standard has it), without a
 * trailing dot; an IP address in its canonical text, IPv6 without brackets, an IPv4-mapped one as IPv4.
 *
 * @returns undefined for what is not exactly one host: a scheme, port, path, user, wildcard, percent-encoding,
 * control character or space; an empty or too long label; IPv4 that is not four decimal numbers (`0x7f.1`,
 * `2130706433`, `0177.0.0.1`); IPv6 with a zone
 */
export function canonicalHost(text: string): string | undefined {
  // Bounds the work of IDNA on hostile input.
  if (text.length === 0 || text.length > 4 * MAX_NAME) return undefined;
  if (text.startsWith("[") || text.includes(":")) return parseIp(text)?.text;
  if (FORBIDDEN.test(text)) return undefined;
  const name = asciiName(text)?.replace(/\.$/, "");
  if (name === undefined || name.length > MAX_NAME) return undefined;
  if (/^[0-9.]+$/.test(name)) {
    // The URL parser has already read octal and short forms: only what was written plainly is taken.
    return text.replace(/\.$/, "") === name ? parseIp(name)?.text : undefined;
  }
  const plain = name.split(".").every((label) => label.length <= MAX_LABEL && LABEL.test(label));
  return plain ? name : undefined;
}

/** `host:port` for a URL, a Host header or a CONNECT authority: an IPv6 address gets its brackets. */
export function authority(host: string, port?: number): string {
  const bracketed = host.includes(":") ? `[${host}]` : host;
  return port === undefined ? bracketed : `${bracketed}:${port}`;
}

/** The URL parser's view of a host. */
function asciiName(text: string): string | undefined {
  const url = URL.parse(`http://${text}/`);
  return url === null || url.hostname === "" ? undefined : url.hostname;
}
