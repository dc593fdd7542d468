/** The URL standard's host parser, in its reference implementation: another one than Deno's own. */

import { parseURL, serializeHost } from "whatwg-url";

// The package ships no types.
interface UrlRecord {
  readonly host: unknown;
  readonly port: number | null;
  readonly username: string;
  readonly password: string;
  readonly path: readonly string[];
  readonly query: string | null;
  readonly fragment: string | null;
}
const parse = parseURL as (text: string) => UrlRecord | null;
const serialize = serializeHost as (host: unknown) => string;

/** The host of a URL with nothing but a host in it; undefined: it is no such URL. */
export function hostOfUrl(url: string): string | undefined {
  const record = parse(url);
  if (record === null || record.host === null) return undefined;
  const bare = record.port === null && record.username === "" && record.password === "" &&
    record.path.join("/") === "" && record.query === null && record.fragment === null;
  return bare ? serialize(record.host) : undefined;
}
