/** The policy of egress: a pure function of the route table and what a request asks for (SPEC 5). */

import { isGitFetch, isGitPush, isPlainGitFetch } from "./git.ts";
import { keepsToMethods } from "./methods.ts";
import { isInside, readPath, splitTarget } from "./path.ts";
import type { RouteEntry, RouteTable } from "./wire.ts";

/** What the policy looks at. */
export interface EgressRequest {
  /** `https` inside a CONNECT tunnel, `http` for an absolute-form request. */
  readonly scheme: "http" | "https";
  /** Canonical host. */
  readonly host: string;
  /** Port that the client names; the scheme's own unless it said otherwise. */
  readonly port: number;
  /** Request method, case as sent. */
  readonly method: string;
  /** Request target in origin form: path and query. */
  readonly target: string;
}

/** Rules that deny a request. */
export type DenyRule =
  | "unknown-host"
  | "port"
  | "auth-needs-tls"
  | "path-ambiguous"
  | "path"
  | "git-push"
  | "git-fetch"
  | "git-only"
  | "method";

/** What is done with a request. */
export type Verdict =
  | { readonly kind: "forward"; readonly route: RouteEntry }
  | {
    readonly kind: "deny";
    readonly rule: DenyRule;
    /** Facts for the denial's text; for `path`: the prefixes, for `path-ambiguous`: why, for `method`: the list. */
    readonly detail: string;
  };

/** Port that a scheme has when none is named; a route allows no other. */
export const DEFAULT_PORT = { http: 80, https: 443 } as const;

/** What a client may open a connection to: the host must be on the table, the port the scheme's own. */
export function decideHost(
  table: RouteTable,
  request: Pick<EgressRequest, "scheme" | "host" | "port">,
): Verdict {
  const route = table.get(request.host);
  if (route === undefined) return deny("unknown-host", "");
  if (request.port !== DEFAULT_PORT[request.scheme]) return deny("port", String(request.port));
  if (request.scheme === "http" && route.inject !== undefined) return deny("auth-needs-tls", "");
  return { kind: "forward", route };
}

/**
 * Decides about one request. The first rule that applies is the one that is named:
 *
 * 1. `unknown-host`, `port`, `auth-needs-tls`: {@linkcode decideHost}. A route with a credential is served over TLS
 *    only: the agent chooses the scheme, and over plain HTTP it could have the credential sent where anyone on the
 *    way reads it.
 * 2. `path-ambiguous`, `path`: on a route with `path_allowlist`; the first also with `git`, whose rules go by path.
 * 3. `git-push`: on every route.
 * 4. `git-fetch`: on a route with `git: none`.
 * 5. On a route with `git: fetch` a clone or fetch over HTTPS is forwarded, whatever `methods` says; where there are
 *    no `methods`, all else is `git-only`.
 * 6. `method`: on a route with `methods`.
 * 7. Else it is forwarded.
 */
export function decide(table: RouteTable, request: EgressRequest): Verdict {
  const verdict = decideHost(table, request);
  if (verdict.kind === "deny") return verdict;
  const { pathAllowlist, methods, git } = verdict.route;
  const { path, query } = splitTarget(request.target);
  const readings = readPath(path);
  const pathMatters = pathAllowlist.length > 0 || git !== undefined;
  if (pathMatters && readings.ambiguity !== undefined) return deny("path-ambiguous", readings.ambiguity);
  if (pathAllowlist.length > 0 && !pathAllowlist.some((prefix) => isInside(readings, prefix))) {
    return deny("path", pathAllowlist.join(" "));
  }
  if (isGitPush(readings, query)) return deny("git-push", "");
  if (git === "none" && isGitFetch(readings, query)) return deny("git-fetch", "");
  if (git === "fetch") {
    if (request.scheme === "https" && isPlainGitFetch(request.method, readings, query)) return verdict;
    if (methods === undefined) return deny("git-only", "");
  }
  if (methods !== undefined && !keepsToMethods(methods, request.method, query)) {
    return deny("method", methods.join(", "));
  }
  return verdict;
}

function deny(rule: DenyRule, detail: string): Verdict {
  return { kind: "deny", rule, detail };
}
