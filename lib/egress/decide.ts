/** The policy of egress: a pure function of the route table and what a request asks for (SPEC 5). */

import { decodeFully, isInside, readPath, splitTarget } from "./path.ts";
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
export type DenyRule = "unknown-host" | "port" | "path" | "path-ambiguous" | "git-push" | "auth-needs-tls";

/** What is done with a request. */
export type Verdict =
  | { readonly kind: "forward"; readonly route: RouteEntry }
  | {
    readonly kind: "deny";
    readonly rule: DenyRule;
    /** Facts for the denial's text; for `path`: the prefixes, for `path-ambiguous`: why. */
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
 * Decides about one request, in the order of SPEC 5: host, path, git push, forward.
 *
 * A route with a credential is served over TLS only: the agent chooses the scheme, and over plain HTTP it could
 * have the credential sent where anyone on the way reads it.
 */
export function decide(table: RouteTable, request: EgressRequest): Verdict {
  const verdict = decideHost(table, request);
  if (verdict.kind === "deny") return verdict;
  const { path, query } = splitTarget(request.target);
  const readings = readPath(path);
  const prefixes = verdict.route.pathAllowlist;
  if (prefixes.length > 0) {
    if (readings.ambiguity !== undefined) return deny("path-ambiguous", readings.ambiguity);
    if (!prefixes.some((prefix) => isInside(readings, prefix))) return deny("path", prefixes.join(" "));
  }
  if (isGitPush(readings.texts, query)) return deny("git-push", "");
  return verdict;
}

function deny(rule: DenyRule, detail: string): Verdict {
  return { kind: "deny", rule, detail };
}

/** Both halves of a smart-HTTP push: the ref advertisement asked for by `service`, and the POST to the service. */
function isGitPush(paths: readonly string[], query: string | undefined): boolean {
  if (paths.some((path) => path.toLowerCase().split("/").includes("git-receive-pack"))) return true;
  if (query === undefined) return false;
  return query.split(/[&;?]/).some((pair) => {
    const [name = "", ...value] = decodeFully(pair).toLowerCase().split("=");
    return name.trim() === "service" && value.join("=").includes("git-receive-pack");
  });
}
