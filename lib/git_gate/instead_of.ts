/** How the guest's git is led to the gate: `url.<gate>.insteadOf` for every spelling of an upstream. Pure. */

import { DAEMONS } from "../bundle/daemons.ts";

/** The upstream, as the manifest has it. */
export interface UpstreamUrl {
  /** Name of the mirror. */
  readonly name: string;
  /** Login name. */
  readonly user: string;
  /** Canonical host. */
  readonly host: string;
  /** 22 unless the URL says otherwise. */
  readonly port: number;
  /** With its leading slash. */
  readonly path: string;
}

/** What git writes in place of what. */
export interface InsteadOf {
  /** The repository on the gate. */
  readonly base: string;
  /** Beginnings of URLs that mean it. */
  readonly instead: readonly string[];
}

const SSH_PORT = 22;
const SUFFIX = ".git";

/** Where the gate serves a repository by git's own protocol. @param host name or address of the bundle */
export function gitGateUrl(host: string, name: string): string {
  const { port } = DAEMONS["git-gate"];
  return `git://${host}${port === 9418 ? "" : `:${port}`}/${name}${SUFFIX}`;
}

/** Where the gate serves a repository by smart HTTP. @param host name or address of the bundle */
export function gitHttpUrl(host: string, name: string): string {
  return `http://${host}:${DAEMONS["git-http"].port}/${name}${SUFFIX}`;
}

/**
 * The rules for one repository: its `ssh://` form with and without the default port, and `user@host:path` where the
 * port is the default one, with and without `.git`. git takes the longest rule that fits, so that a repository whose
 * name begins with another's is not mistaken for it.
 */
export function insteadOf(upstream: UpstreamUrl, base: string): InsteadOf {
  const { user, host, port, path } = upstream;
  const atHost = `${user}@${host.includes(":") ? `[${host}]` : host}`;
  const heads = [`ssh://${atHost}:${port}`];
  if (port === SSH_PORT) heads.push(`ssh://${atHost}`, `${atHost}:`);
  const bare = path.endsWith(SUFFIX) ? path.slice(0, -SUFFIX.length) : path;
  const paths = bare === "/" || bare.endsWith("/") ? [path] : [bare + SUFFIX, bare];
  return {
    base,
    instead: heads.flatMap((head) => paths.flatMap((text) => joined(head, text))),
  };
}

/** A path of `user@host:path` counts from the login's home, unless it begins with a slash: hosts mean the same. */
function joined(head: string, path: string): readonly string[] {
  if (!head.endsWith(":")) return [head + path];
  const relative = path.slice(1);
  return [head + relative, head + path];
}
