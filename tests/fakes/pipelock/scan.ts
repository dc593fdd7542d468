/** What the stand-in looks for, as pure functions: allowlist, private addresses, a few kinds of secret. */

import { Buffer } from "node:buffer";
import net from "node:net";
import type { Config } from "./config.ts";

/** Kinds of secret, a few of the real program's: name, severity, shape. */
const SECRETS: readonly (readonly [name: string, severity: string, shape: RegExp])[] = [
  ["Anthropic API Key", "critical", /sk-ant-[\w-]{10,}/i],
  ["OpenAI API Key", "critical", /sk-proj-[\w-]{10,}/i],
  ["AWS Access ID", "critical", /(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16,}/i],
  ["GitHub Token", "critical", /gh[pousr]_\w{36,}/i],
  ["Private Key Header", "critical", /-----BEGIN\s+(?:[A-Z]+\s+)?PRIVATE\s+KEY-----/i],
  ["JWT Token", "high", /(?:ey[\w\-=]{10,}\.){2}[\w\-=]{10,}/i],
];

const PRIVATE: readonly (readonly [address: string, bits: number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["224.0.0.0", 4],
  ["::1", 128],
  ["fc00::", 7],
  ["fe80::", 10],
  ["ff00::", 8],
];

/** A secret found in a text. */
export interface Finding {
  readonly name: string;
  readonly severity: string;
}

/** The secrets in a text, plain, percent-encoded, in base64 or in hex. */
export function findSecrets(text: string): readonly Finding[] {
  const forms = [text, percentDecoded(text), ...decodedRuns(text)];
  return SECRETS.filter(([, , shape]) => forms.some((form) => shape.test(form)))
    .map(([name, severity]) => ({ name, severity }));
}

/** Whether a host is on the allowlist; `*.name` covers the name and all below it. */
export function isListed(host: string, list: readonly string[]): boolean {
  const name = host.toLowerCase();
  return list.some((entry) => {
    const pattern = entry.toLowerCase();
    if (!pattern.startsWith("*.")) return pattern === name;
    return name === pattern.slice(2) || name.endsWith(pattern.slice(1));
  });
}

/** Whether an address is private and not allowed by `ssrf.ip_allowlist`. */
export function isForbiddenAddress(address: string, config: Config): boolean {
  const family = net.isIPv6(address) ? "ipv6" : "ipv4";
  const privates = new net.BlockList();
  for (const [start, bits] of PRIVATE) privates.addSubnet(start, bits, net.isIPv6(start) ? "ipv6" : "ipv4");
  if (!privates.check(address, family)) return false;
  const allowed = new net.BlockList();
  for (const entry of config.ipAllowlist) {
    const [start, bits] = entry.split("/");
    const kind = net.isIPv6(start!) ? "ipv6" : "ipv4";
    allowed.addSubnet(start!, Number(bits ?? (kind === "ipv6" ? 128 : 32)), kind);
  }
  return !allowed.check(address, family);
}

/** Why a URL is refused before anything is resolved; undefined: it is not. */
export function urlRefusal(url: URL, config: Config): string | undefined {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (!isListed(host, config.allowlist)) return `domain not in allowlist: ${host}`;
  if (net.isIP(host) !== 0 && isForbiddenAddress(host, config)) {
    return `core SSRF: ${host} is a private/internal IP address`;
  }
  const found = findSecrets(url.href)[0];
  return found === undefined ? undefined : `DLP match: ${found.name} (${found.severity})`;
}

/** Whether a header carries a secret: in its name, its value or across both. */
export function headersHoldSecret(rawHeaders: readonly string[], config: Config): boolean {
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    if (config.ignoreHeaders.includes(name.toLowerCase())) continue;
    if (
      [name, rawHeaders[at + 1]!, name + rawHeaders[at + 1]!].some((text) => findSecrets(text).length > 0)
    ) {
      return true;
    }
  }
  return false;
}

/** Why a body is refused; undefined: it is not. */
export function bodyRefusal(
  body: Uint8Array,
  contentType: string,
  contentEncoding: string,
): string | undefined {
  if (contentEncoding !== "" && contentEncoding.toLowerCase() !== "identity") {
    return `request body uses Content-Encoding ${JSON.stringify(contentEncoding)}; ` +
      "compressed bodies cannot be scanned for secrets";
  }
  const text = new TextDecoder().decode(body);
  const texts = [text];
  if (body.length > 0 && /^application\/(?:json|[\w.-]+\+json)\b/i.test(contentType)) {
    try {
      texts.push(...stringsIn(JSON.parse(text)));
    } catch {
      return "invalid JSON body";
    }
  }
  const names = new Set(texts.flatMap((part) => findSecrets(part)).map((found) => found.name));
  return names.size === 0 ? undefined : `request body contains secret: ${[...names].join(", ")}`;
}

function stringsIn(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [key, ...stringsIn(inner)]);
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function decodedRuns(text: string): readonly string[] {
  const base64 = text.match(/[\w+/-]{16,}={0,2}/g) ?? [];
  const hex = text.match(/(?:[0-9a-f]{2}){8,}/gi) ?? [];
  return [
    ...base64.map((run) => Buffer.from(run, "base64").toString("latin1")),
    ...hex.map((run) => Buffer.from(run, "hex").toString("latin1")),
  ];
}
