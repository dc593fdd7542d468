/** IP addresses and CIDR ranges: strict parsing, one canonical text for each, and what is not the public internet. */

/** An IP address. */
export interface Ip {
  /** IP version. */
  readonly version: 4 | 6;
  /** Network byte order: 4 bytes or 16. */
  readonly bytes: readonly number[];
  /** Canonical text: dotted decimal, or RFC 5952 without brackets. */
  readonly text: string;
}

/** A range of addresses. */
export interface Cidr {
  /** First address of the range: host bits are zero. */
  readonly network: Ip;
  /** Length of the prefix in bits: 0–32 or 0–128. */
  readonly prefix: number;
  /** Canonical text, `10.0.0.0/8`. */
  readonly text: string;
}

const DECIMAL_OCTET = /^(?:0|[1-9][0-9]{0,2})$/;
const V6_TEXT = /^[0-9a-f:.]{2,45}$/i;
const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/**
 * Parses an IP address: IPv4 as four decimal numbers only (octal, hexadecimal and short forms are refused, since
 * programs read them differently), IPv6 with or without brackets, without a zone. An IPv4-mapped IPv6 address is
 * the IPv4 address that it reaches.
 *
 * @returns undefined when the text is not an address
 */
export function parseIp(text: string): Ip | undefined {
  const bracketed = text.startsWith("[") && text.endsWith("]");
  const inner = bracketed ? text.slice(1, -1) : text;
  if (inner.includes(":")) return parseV6(inner);
  return bracketed ? undefined : parseV4(inner);
}

/** Whether the text is an IP address that {@linkcode parseIp} takes. */
export function isIp(text: string): boolean {
  return parseIp(text) !== undefined;
}

/**
 * Parses `address/prefix`. Host bits are cleared: `10.1.2.3/8` is `10.0.0.0/8`. A mapped IPv6 range with a prefix
 * of 96 or more is the IPv4 range.
 *
 * @returns undefined when the text is not a range; a bare address is not one
 */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf("/");
  if (slash < 0 || text.startsWith("[")) return undefined;
  const prefixText = text.slice(slash + 1);
  if (!DECIMAL_OCTET.test(prefixText)) return undefined;
  const written = text.slice(0, slash);
  const ip = parseIp(written);
  if (ip === undefined) return undefined;
  const mapped = ip.version === 4 && written.includes(":");
  const prefix = mapped ? Number(prefixText) - 96 : Number(prefixText);
  if (prefix < 0 || prefix > ip.bytes.length * 8) return undefined;
  const network = fromBytes(ip.bytes.map((byte, index) => byte & maskByte(prefix, index)));
  return { network, prefix, text: `${network.text}/${prefix}` };
}

/** Whether the range holds the address. */
export function cidrContains(range: Cidr, ip: Ip): boolean {
  return range.network.version === ip.version &&
    ip.bytes.every((byte, index) => (byte & maskByte(range.prefix, index)) === range.network.bytes[index]);
}

// IANA special-purpose registries (RFC 6890 and its updates): what is not globally reachable.
const SPECIAL = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "::/96", // unspecified, loopback and IPv4-compatible
  "64:ff9b:1::/48",
  "100::/64",
  "2001::/23", // Teredo, benchmarking, ORCHID
  "2001:db8::/32",
  "3fff::/20",
  "5f00::/16",
  "fc00::/7",
  "fe80::/10",
  "fec0::/10",
  "ff00::/8",
].map((text) => parseCidr(text)!);

const NAT64 = parseCidr("64:ff9b::/96")!;
const SIX_TO_FOUR = parseCidr("2002::/16")!;

/**
 * Whether the text is an IP address that is not on the public internet: loopback, private, link-local, shared,
 * multicast, reserved, or an IPv6 form (NAT64, 6to4) that carries such an IPv4 address.
 *
 * @returns false when the text is not an address
 */
export function isPrivateIp(text: string): boolean {
  const ip = parseIp(text);
  if (ip === undefined) return false;
  if (SPECIAL.some((range) => cidrContains(range, ip))) return true;
  if (cidrContains(NAT64, ip)) return isPrivateIp(ip.bytes.slice(12).join("."));
  if (cidrContains(SIX_TO_FOUR, ip)) return isPrivateIp(ip.bytes.slice(2, 6).join("."));
  return false;
}

function maskByte(prefix: number, index: number): number {
  const bits = Math.min(8, Math.max(0, prefix - index * 8));
  return (0xff << (8 - bits)) & 0xff;
}

function parseV4(text: string): Ip | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => DECIMAL_OCTET.test(part) && Number(part) < 256)) {
    return undefined;
  }
  return fromBytes(parts.map(Number));
}

function parseV6(text: string): Ip | undefined {
  if (!V6_TEXT.test(text)) return undefined;
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = groups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? groups(halves[1]!, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  const bytes = [...head, ...Array<number>(missing).fill(0), ...tail];
  const mapped = MAPPED_PREFIX.every((byte, index) => bytes[index] === byte);
  return fromBytes(mapped ? bytes.slice(12) : bytes);
}

/** Bytes of colon-separated groups; the last one of the whole address may be dotted IPv4. */
function groups(text: string, last: boolean): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    if (last && index === parts.length - 1 && part.includes(".")) {
      const v4 = parseV4(part);
      if (v4 === undefined) return undefined;
      bytes.push(...v4.bytes);
      continue;
    }
    if (!/^[0-9a-f]{1,4}$/i.test(part)) return undefined;
    const value = parseInt(part, 16);
    bytes.push(value >> 8, value & 0xff);
  }
  return bytes;
}

function fromBytes(bytes: readonly number[]): Ip {
  if (bytes.length === 4) return { version: 4, bytes, text: bytes.join(".") };
  return { version: 6, bytes, text: formatV6(bytes) };
}

/** RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups is `::`. */
function formatV6(bytes: readonly number[]): string {
  const words = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (words[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const hex = words.map((word) => word.toString(16));
  if (best.start < 0) return hex.join(":");
  return `${hex.slice(0, best.start).join(":")}::${hex.slice(best.start + best.length).join(":")}`;
}
