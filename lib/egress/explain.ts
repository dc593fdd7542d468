/** What egress would answer to a request, worked out from the plan without an egress: the same table, the same `decide`. */

import { OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import { parseAuthority } from "../net/authority.ts";
import {
  decide,
  decideHost,
  DEFAULT_PORT,
  type DenyRule,
  type EgressRequest,
  type Verdict,
} from "./decide.ts";
import { denialOf, faultOf } from "./denial.ts";
import { isNeverForwarded } from "./methods.ts";
import type { EgressPlan, EgressRoute } from "./model.ts";
import { isMethod, LOCAL_HOST, splitUrl, targetFault } from "./url.ts";
import { parseRoutes, renderRoutes } from "./wire.ts";

const KEYS: Readonly<Partial<Record<DenyRule, Explanation["key"]>>> = {
  "auth-needs-tls": "auth",
  path: "path_allowlist",
  "git-fetch": "git",
  "git-only": "git",
  method: "methods",
};

/** What comes of a request, and what the agent reads when it does not pass. */
export type Outcome =
  | { readonly verdict: "forward"; readonly rule: "route" }
  | { readonly verdict: "deny"; readonly rule: DenyRule; readonly status: number; readonly answer: string }
  /** Not a request that egress judges: malformed, or with a method that never passes. */
  | {
    readonly verdict: "refuse";
    readonly rule: "bad-request";
    readonly status: number;
    readonly answer: string;
  }
  /** A page of egress itself. */
  | { readonly verdict: "local"; readonly rule: "local" };

/** An explained request. */
export interface Explanation {
  /** What comes of it. */
  readonly outcome: Outcome;
  /** The request as egress reads it; absent when it cannot be read. */
  readonly request?: EgressRequest;
  /** The route of its host, whether or not it lets the request pass; absent: there is none. */
  readonly route?: EgressRoute;
  /** Key of the route that denies the request; absent: the route as a whole decides, or its absence. */
  readonly key?: "path_allowlist" | "methods" | "git" | "auth";
}

/**
 * Explains a request, `CONNECT host:port` included.
 *
 * @param plan the routes in force
 * @param method request method, compared as it stands
 * @param url `http://` or `https://`; `host:port` for CONNECT
 * @throws {OperatorError} neither a method nor a URL is what the words are: no client sends such a request
 */
export function explainRequest(plan: EgressPlan, method: string, url: string): Explanation {
  if (!isMethod(method)) {
    throw usage(`'${escapeUntrusted(method)}' is not a request method`, "give one such as GET");
  }
  const table = parseRoutes(renderRoutes(plan));
  const { host, port } = (method === "CONNECT" ? parseAuthority(url) : undefined) ?? {};
  if (host !== undefined && port !== undefined) {
    const request: EgressRequest = { scheme: "https", host, port, method, target: "" };
    return judged(plan, request, decideHost(table, request));
  }
  if (!/^https?:\/\//i.test(url)) {
    throw usage(
      `'${escapeUntrusted(url)}' is not a URL that egress serves`,
      "write it in full, such as https://example.com/path, or CONNECT example.com:443",
    );
  }
  const parts = splitUrl(url);
  if (parts === undefined) {
    return refused(
      400,
      /^[^/]*\/\/[^/?]*@/.test(url)
        ? "the URL has a user before its host; clients send that as a header"
        : "the request line is malformed",
    );
  }
  const { scheme, authority, target } = parts;
  const fault = targetFault(target);
  if (fault !== undefined) return refused(400, `${fault}; clients encode such characters or leave them out`);
  if (scheme === "http" && authority.toLowerCase() === LOCAL_HOST) {
    return { outcome: { verdict: "local", rule: "local" } };
  }
  const named = parseAuthority(authority);
  if (named === undefined) {
    return refused(400, "the request target names no host: it is not one exact host name in its plain form");
  }
  const request = { scheme, host: named.host, port: named.port ?? DEFAULT_PORT[scheme], method, target };
  // To https a client connects first, and the connection is judged before there is a method.
  const connection = scheme === "https" ? decideHost(table, request) : undefined;
  if (connection?.kind === "deny") return judged(plan, request, connection);
  if (isNeverForwarded(method)) {
    return {
      ...refused(405, `the method ${method} is not forwarded`),
      request,
      ...routeOf(plan, request.host),
    };
  }
  return judged(plan, request, decide(table, request));
}

function judged(plan: EgressPlan, request: EgressRequest, verdict: Verdict): Explanation {
  const found = { request, ...routeOf(plan, request.host) };
  if (verdict.kind === "forward") return { outcome: { verdict: "forward", rule: "route" }, ...found };
  const { status, body } = denialOf(verdict.rule, request.host, verdict.detail);
  const key = keyOf(verdict.rule, found.route);
  return {
    outcome: { verdict: "deny", rule: verdict.rule, status, answer: body },
    ...found,
    ...key !== undefined && { key },
  };
}

function keyOf(rule: DenyRule, route: EgressRoute | undefined): Explanation["key"] {
  if (rule === "path-ambiguous") return route?.pathAllowlist.length === 0 ? "git" : "path_allowlist";
  return KEYS[rule];
}

function refused(status: number, what: string): Explanation {
  const { body } = faultOf(status, "bad-request", what);
  return { outcome: { verdict: "refuse", rule: "bad-request", status, answer: body } };
}

function routeOf(plan: EgressPlan, host: string): { readonly route?: EgressRoute } {
  const route = plan.routes.find((one) => one.host === host);
  return route === undefined ? {} : { route };
}

function usage(what: string, mend: string): OperatorError {
  return new OperatorError(what, { mend, status: 2 });
}
