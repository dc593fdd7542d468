/** Upstream URLs of the git gate: `ssh://user@host[:port]/path` and nothing else (SPEC 3). */

import { canonicalHost } from "../net/host_name.ts";

/** The parts of an upstream URL. */
export interface GitUrl {
  /** Login name on the upstream. */
  readonly user: string;
  /** Canonical host. */
  readonly host: string;
  /** 22 unless the URL says otherwise. */
  readonly port: number;
  /** With its leading slash. */
  readonly path: string;
}

const USER = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;
const PATH = /^\/[A-Za-z0-9._~+@%,:=/-]+$/;
const DEFAULT_PORT = 22;

/**
 * Parses an upstream URL.
 *
 * @returns the parts, or as a string what is wrong with it (without quoting it: it may hold a password)
 */
export function parseGitUrl(url: string): GitUrl | string {
  const scheme = /^ssh:\/\//.exec(url);
  if (scheme === null) return "must be an ssh:// URL: ssh://user@host[:port]/path";
  const [authority, path] = splitAt(url.slice(scheme[0].length), "/");
  if (path.length < 2) return "has no path: ssh://user@host[:port]/path";
  const [user, hostPort] = splitLast(authority, "@");
  if (user === undefined || user === "") return "has no user: ssh://user@host[:port]/path";
  if (user.includes(":")) return "holds a password; the gate logs in with `identity`, so leave it out";
  if (!USER.test(user)) return "has a user with characters that are not allowed (A-Z a-z 0-9 . _ -)";
  const target = parseHostPort(hostPort);
  if (typeof target === "string") return target;
  if (!PATH.test(path)) {
    return "has a path with characters that are not allowed (A-Z a-z 0-9 . _ ~ + @ % , : = / -)";
  }
  if (path.split("/").some((part) => part === "." || part === "..")) return "has a path with dot segments";
  return { user, ...target, path };
}

function parseHostPort(text: string): { host: string; port: number } | string {
  const match = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(text);
  const host = match === null ? undefined : canonicalHost(match[1]!);
  if (host === undefined) return "has no valid host: ssh://user@host[:port]/path";
  const portText = match![2];
  if (portText === undefined) return { host, port: DEFAULT_PORT };
  const port = /^[0-9]{1,5}$/.test(portText) ? Number(portText) : 0;
  return port >= 1 && port <= 65535 ? { host, port } : "has a port that is not a number from 1 to 65535";
}

function splitAt(text: string, mark: string): [string, string] {
  const index = text.indexOf(mark);
  return index < 0 ? [text, ""] : [text.slice(0, index), text.slice(index)];
}

function splitLast(text: string, mark: string): [string | undefined, string] {
  const index = text.lastIndexOf(mark);
  return index < 0 ? [undefined, text] : [text.slice(0, index), text.slice(index + 1)];
}
