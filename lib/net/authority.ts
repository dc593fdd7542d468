/** `host:port`, as a Host header, a CONNECT target or a URL names them. */

import { canonicalHost } from "./host_name.ts";

/** A host and port. */
export interface Authority {
  /** Canonical host. */
  readonly host: string;
  /** Undefined: none named. */
  readonly port: number | undefined;
}

/** Reads `host`, `host:port`, `[v6]` or `[v6]:port`; undefined for anything else. */
export function parseAuthority(text: string): Authority | undefined {
  const match = /^(\[[^\]]*\]|[^:[\]]*)(?::([0-9]{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const host = canonicalHost(match[1]!);
  const port = match[2] === undefined ? undefined : Number(match[2]);
  if (host === undefined || (port !== undefined && (port < 1 || port > 65535))) return undefined;
  return { host, port };
}
