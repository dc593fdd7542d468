/** The pages that egress itself serves to the agent: `http://_egress.local/routes` and `/healthz`. */

import { faultOf } from "../../lib/egress/denial.ts";
import { splitTarget } from "../../lib/egress/path.ts";
import { LOCAL_HOST } from "../../lib/egress/url.ts";
import type { RequestHead } from "./http/head.ts";
import type { Policy } from "./policy.ts";

/** Whether a host means egress itself. */
export function isLocalHost(destination: { readonly host: string }): boolean {
  return destination.host.toLowerCase() === LOCAL_HOST;
}

/** The answer to a request for egress itself. */
export function localAnswer(
  policy: Policy,
  head: RequestHead,
  destination: { readonly path: string },
): { status: number; body: string; contentType?: string } {
  if (head.method !== "GET" && head.method !== "HEAD") {
    return faultOf(405, "local", `${LOCAL_HOST} answers GET and HEAD only`);
  }
  const { path } = splitTarget(destination.path);
  if (path === "/healthz") return { status: 200, body: "ok\n" };
  if (path === "/routes") {
    return { status: 200, body: routesPage(policy), contentType: "application/json" };
  }
  return faultOf(404, "local", `${LOCAL_HOST} has /routes and /healthz`);
}

function routesPage(policy: Policy): string {
  const routes = [...policy.table.values()].map((route) => ({
    host: route.host,
    path_allowlist: route.pathAllowlist,
    methods: route.methods ?? null,
    git: route.git ?? null,
    auth: route.inject?.scheme ?? null,
    keep_cookies: route.inject?.keepCookies ?? null,
    agent_auth: route.agentAuth,
  }));
  return `${JSON.stringify({ routes }, undefined, 2)}\n`;
}
