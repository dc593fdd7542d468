/**
 * How servers turn a request path into the resource that they serve. Each model is a chain of small steps taken from
 * real ones; the steps can also be chained at random, for servers behind servers.
 */

import { posix } from "node:path";

/** A step from a path to another one. */
export type Step = (path: string) => string;

function decoded(path: string, decoder: (bytes: Uint8Array) => string): string {
  return path.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => decoder(Uint8Array.fromHex(run.replaceAll("%", ""))));
}

const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

/** Two and three bytes for what needs one: what a decoder that trusts the lead byte makes of it. */
function overlong(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const lead = bytes[at]!;
    const more = lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    let code = more === 2 ? lead & 0x0f : more === 1 ? lead & 0x1f : lead;
    for (const byte of bytes.subarray(at + 1, at + 1 + more)) code = (code << 6) | (byte & 0x3f);
    text += String.fromCharCode(code);
    at += 1 + more;
  }
  return text;
}

const eachSegment = (change: Step): Step => (path) => path.split("/").map(change).join("/");

/** RFC 3986 5.2.4: an empty segment is a segment. */
function removeDotSegments(path: string): string {
  const kept: string[] = [];
  const segments = path.split("/");
  for (const [index, segment] of segments.entries()) {
    if (segment === ".." && kept.length > 1) kept.pop();
    if (segment !== "." && segment !== "..") kept.push(segment);
    else if (index === segments.length - 1) kept.push("");
  }
  return kept.join("/");
}

/** Steps by name. */
export const STEPS = {
  /** Percent-decoding as UTF-8, broken sequences replaced. */
  decode: (path) => decoded(path, (bytes) => lenient.decode(bytes)),
  /** Percent-decoding byte by byte. */
  decodeLatin1: (path) => decoded(path, (bytes) => String.fromCharCode(...bytes)),
  /** Percent-decoding by a decoder that takes overlong sequences. */
  decodeOverlong: (path) => decoded(path, overlong),
  /** `%u002e`, as IIS once had it. */
  decodeU: (path) =>
    path.replace(/%u([0-9A-Fa-f]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
  /** Path parameters (servlet containers). */
  dropParameters: (path) => path.replace(/;[^/]*/g, ""),
  /** Everything from the first semicolon. */
  cutParameters: (path) => path.split(";", 1)[0]!,
  /** Backslashes as slashes (Windows, browsers). */
  backslashes: (path) => path.replaceAll("\\", "/"),
  /** nginx's merge_slashes. */
  mergeSlashes: (path) => path.replace(/\/{2,}/g, "/"),
  /** Dots and spaces at the end of a name, which Windows drops. */
  trimNames: eachSegment((name) => /^\.{1,2}$/.test(name) ? name : name.replace(/[. ]+$/, "")),
  /** C strings end at NUL. */
  cutAtNul: (path) => path.split("\0", 1)[0]!,
  /** A query or fragment that was decoded too early. */
  cutAtMark: (path) => path.split(/[?#]/, 1)[0]!,
  /** Compatibility forms, as in full-width letters. */
  foldWidth: (path) => path.normalize("NFKC"),
  /** Tabs and line ends, which the URL standard drops. */
  dropControls: (path) => path.replace(/[\t\n\r]/g, ""),
  /** Dot segments, empty segments merged (node, Go's path.Clean but for the slash at the end). */
  clean: (path) => posix.normalize(path),
  removeDotSegments,
  /** The URL standard's pathname. */
  url: (path) => {
    const url = URL.parse(`http://a.test${path.startsWith("/") ? "" : "/"}${path}`);
    return url === null ? path : url.pathname;
  },
} as const satisfies Record<string, Step>;

/** Name of a step. */
export type StepName = keyof typeof STEPS;

/** Servers by name; each resolves dot segments at some point. */
export const SERVERS: Readonly<Record<string, readonly StepName[]>> = {
  "as it stands": ["clean"],
  "RFC 3986": ["removeDotSegments", "decode"],
  "URL standard": ["url", "decode"],
  "URL standard after decoding": ["decode", "url", "decode"],
  "decoded once": ["decode", "clean"],
  "decoded twice": ["decode", "decode", "clean"],
  "decoded as bytes, twice": ["decodeLatin1", "decodeLatin1", "clean"],
  "resolved, then decoded": ["clean", "decode", "clean"],
  "nginx": ["decodeLatin1", "mergeSlashes", "removeDotSegments"],
  "nginx without merge_slashes": ["decodeLatin1", "removeDotSegments"],
  "nginx before a decoding server": ["decodeLatin1", "mergeSlashes", "removeDotSegments", "decode", "clean"],
  "Tomcat": ["dropParameters", "decode", "backslashes", "mergeSlashes", "removeDotSegments"],
  "parameters after decoding": ["decode", "dropParameters", "clean"],
  "parameters cut": ["cutParameters", "decode", "clean"],
  "IIS": ["decodeU", "decode", "backslashes", "trimNames", "clean"],
  "IIS, double decoding": ["decodeU", "decode", "decodeU", "decode", "backslashes", "trimNames", "clean"],
  "lenient UTF-8": ["decodeOverlong", "backslashes", "clean"],
  "CGI in C": ["decodeLatin1", "cutAtNul", "clean"],
  "normalising file system": ["decode", "foldWidth", "clean"],
  "normalising, then decoding": ["decode", "foldWidth", "decode", "clean"],
  "query found late": ["decode", "cutAtMark", "clean"],
};

/** What a server serves for a path; letters, digits and `-._~` mean the same encoded or not (RFC 3986 6.2.2.2). */
export function resolve(path: string, steps: readonly StepName[]): string {
  return decodeUnreserved(steps.reduce((current, step) => STEPS[step](current), path));
}

function decodeUnreserved(path: string): string {
  return path.replace(
    /%(2[de]|3[0-9]|[46][1-9a-f]|[57][0-9a]|5f|7e)/gi,
    (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
