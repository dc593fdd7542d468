/**
 * What a request path may mean.
 *
 * Threat: servers disagree about percent-encoding, backslashes, path parameters and dot segments, so a path that
 * looks as if it were inside an allowed prefix may name something outside it at the server.
 *
 * Mechanism: all readings of a path are computed (as it stands, and decoded again and again until nothing changes).
 * A path is inside a prefix only if each reading is, and a path that has a dot segment, or cannot be decoded, in any
 * reading is inside none: well-behaved clients resolve dot segments before they send.
 *
 * Rejected: resolving dot segments as one server would; the server at the other end may resolve them otherwise.
 */

// Decoding this often and still finding more to decode is an attack, not a path.
const MAX_DEPTH = 8;
const UNRESERVED = /[A-Za-z0-9._~-]/;
const PERCENT_RUN = /(?:%[0-9A-Fa-f]{2})+/g;
const ESCAPE = /%(?:[0-9A-F]{2}|u[0-9A-F]{4})/i;
const STRICT_UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The readings of a path. */
export interface PathReadings {
  /** Every reading, the path as it stands (unreserved characters decoded) first; no two are equal. */
  readonly texts: readonly string[];
  /** Why the path is inside no prefix: what makes its meaning depend on the server; undefined for a plain path. */
  readonly ambiguity: string | undefined;
}

/** Splits a request target in origin form into its path and its query, `?` in neither; undefined: no query. */
export function splitTarget(target: string): { readonly path: string; readonly query: string | undefined } {
  const mark = target.indexOf("?");
  return mark < 0
    ? { path: target, query: undefined }
    : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

/** Segments of unreserved characters, none empty, none with a dot at its beginning. */
const PLAIN_PATH = /^(?:\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*\/?$/;
const DOT_AT_END = /\.(?:\/|$)/;

/** Computes the readings of a path (without query). */
export function readPath(path: string): PathReadings {
  // What every server reads in one way.
  if (path !== "" && PLAIN_PATH.test(path) && !DOT_AT_END.test(path)) {
    return { texts: [path], ambiguity: undefined };
  }
  const texts = [decodeUnreserved(path)];
  let ambiguity = path.startsWith("/") ? undefined : "it does not begin with a slash";
  // Only as sent: one decoding later a lone percent sign is what `%25` stood for.
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) ambiguity ??= "it has a percent sign that encodes nothing";
  for (let depth = 0;; depth++) {
    const last = texts.at(-1)!;
    ambiguity ??= ambiguityOf(last);
    const next = decodeOnce(last);
    if (next.text === last) {
      // Nothing is left to decode but for servers that fold compatibility forms first: U+FF05 is a percent sign to them.
      if (ESCAPE.test(last.normalize("NFKC"))) ambiguity ??= "it has an escape in compatibility form";
      break;
    }
    if (next.broken) ambiguity ??= "its percent-encoding is not UTF-8";
    if (depth === MAX_DEPTH) {
      ambiguity ??= "it is encoded over and over";
      break;
    }
    texts.push(next.text);
  }
  return { texts: [...new Set(texts.flatMap((text) => [text, ...asSomeServersRead(text)]))], ambiguity };
}

/**
 * Whether a path is inside a prefix, compared by whole segments: `/v1` holds `/v1` and `/v1/x`, not `/v1beta`;
 * `/v1/` holds `/v1/x`, not `/v1`; `/` holds every path whose meaning is plain.
 */
export function isInside(readings: PathReadings, prefix: string): boolean {
  if (readings.ambiguity !== undefined) return false;
  const folder = prefix.endsWith("/") ? prefix : `${prefix}/`;
  return readings.texts.every((text) => text === prefix || text.startsWith(folder));
}

/** Why a text cannot be a path prefix of a route; undefined when it can. */
export function prefixFault(prefix: string): string | undefined {
  if (!prefix.startsWith("/")) return "must begin with a slash";
  if (/[^\x21-\x7e]/.test(prefix)) return "must be printable ASCII";
  if (/[%\\?#;]/.test(prefix)) return "must be a plain path: none of % \\ ? # ;";
  if (prefix.includes("//")) return "must not have an empty segment";
  if (ambiguityOf(prefix) !== undefined) return "must not have a dot segment";
  return /\.(?:\/|$)/.test(prefix) ? "must not have a name that ends in a dot" : undefined;
}

/** Decodes a text until nothing changes, as {@linkcode readPath} does; for finding a word, not for allowing one. */
export function decodeFully(text: string): string {
  let current = text;
  for (let depth = 0; depth <= MAX_DEPTH; depth++) {
    const next = decodeOnce(current).text;
    if (next === current) break;
    current = next;
  }
  return current;
}

function ambiguityOf(text: string): string | undefined {
  // deno-lint-ignore no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(text)) return "it has an encoded control character";
  if (/%u[0-9A-Fa-f]{4}/i.test(text)) return "it has a non-standard escape";
  // Compatibility forms, for servers that normalise: U+2025 and U+FF0E are dots to them, U+FF0F a slash.
  for (const segment of text.normalize("NFKC").split(/[/\\]/)) {
    // `..;x` is `..` to servers with path parameters, `..?x` to those behind a proxy that passes the path on decoded;
    // trailing dots and spaces vanish on some file systems.
    const name = segment.split(/[;?#]/, 1)[0]!.trim();
    if (/^\.{1,2}$/.test(name) || /^\.[. ]+$/.test(name)) return "it has a dot segment";
  }
  return undefined;
}

/**
 * Compatibility forms folded: as it is, and as those read it who drop line ends and tabs (the URL standard) and take a
 * mark or NUL for the end of the path once it is decoded.
 */
function asSomeServersRead(text: string): readonly string[] {
  const folded = text.normalize("NFKC");
  return [folded, folded.replace(/[\t\n\r]/g, "").replace(/[?#\0]/g, "/")].map(plainNames);
}

/** Backslashes as slashes; path parameters, dots and spaces at the end of a name dropped; runs of slashes merged. */
function plainNames(text: string): string {
  const names = text.replaceAll("\\", "/").replace(/;[^/]*/g, "")
    // The look behind keeps the work in line with the length: each run is tried once, from its start.
    .replace(/(?<![. ])[. ]+(?=\/|$)/g, "");
  return names.replace(/\/{2,}/g, "/");
}

function decodeUnreserved(text: string): string {
  return text.replace(/%[0-9A-Fa-f]{2}/g, (triplet) => {
    const char = String.fromCharCode(Number.parseInt(triplet.slice(1), 16));
    return UNRESERVED.test(char) ? char : triplet;
  });
}

function decodeOnce(text: string): { readonly text: string; readonly broken: boolean } {
  let broken = false;
  const decoded = text.replace(PERCENT_RUN, (run) => {
    const bytes = Uint8Array.fromHex(run.replaceAll("%", ""));
    try {
      return STRICT_UTF8.decode(bytes);
    } catch {
      broken = true;
      return String.fromCharCode(...bytes);
    }
  });
  return { text: decoded, broken };
}
