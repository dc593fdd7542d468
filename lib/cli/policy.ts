/** `bottle policy explain`: what egress would answer to a request, from the manifests alone. */

import { routeMarks } from "../bottle/preflight.ts";
import { DEFAULT_PORT } from "../egress/decide.ts";
import { explainRequest, type Explanation } from "../egress/explain.ts";
import type { EgressRoute } from "../egress/model.ts";
import { effectiveRoutes } from "../egress/routes.ts";
import { escapedJson } from "../escape.ts";
import { Manifest } from "../manifest/manifest.ts";
import type { ResolvedAgent } from "../manifest/model.ts";
import type { Place, RoutePlaces } from "../manifest/places.ts";
import { authority } from "../net/host_name.ts";
import { providerRoutes } from "../providers/mod.ts";
import { type CliHost, homeOf } from "./host.ts";
import { renderTable } from "./table.ts";

/** Options of `policy explain` as the command line gives them. */
export interface ExplainOptions {
  /** As JSON. */
  readonly json?: true;
}

/** What is shown. */
interface Answer extends Explanation {
  readonly resolved: ResolvedAgent;
  /** Who declares the route. */
  readonly owner: string | undefined;
  /** Where what decides is declared. */
  readonly declared: Place | undefined;
  /** A route of the manifest that the provider's own displaces. */
  readonly dropped: Place | undefined;
}

/**
 * Explains a request. No credential is read.
 *
 * @returns 0 when it would be forwarded, or answered by egress itself; 1 when not
 * @throws {OperatorError} for an agent that cannot be used, and for what is no method or URL
 */
export async function explain(
  host: CliHost,
  agent: string,
  method: string,
  url: string,
  options: ExplainOptions,
): Promise<number> {
  const manifest = await Manifest.load({ home: homeOf(host), cwd: host.cwd() });
  for (const warning of manifest.warnings(agent)) host.output.warn(warning);
  const resolved = manifest.resolve(agent);
  const { bottle } = resolved;
  const plan = effectiveRoutes(providerRoutes(bottle.provider), bottle.routes);
  const explanation = explainRequest(plan, method, url);
  if (method !== method.toUpperCase()) {
    host.output.warn(`methods are compared as they stand: ${method} is not ${method.toUpperCase()}`);
  }
  const answer = {
    ...explanation,
    resolved,
    ...origins(explanation, resolved, manifest.routePlaces(bottle)),
  };
  host.output.print(options.json ? escapedJson(record(answer)) + "\n" : text(answer));
  const { verdict } = answer.outcome;
  return verdict === "forward" || verdict === "local" ? 0 : 1;
}

function origins(
  { request, route, key }: Explanation,
  { bottle }: ResolvedAgent,
  places: RoutePlaces,
): Pick<Answer, "owner" | "declared" | "dropped"> {
  if (request === undefined) return { owner: undefined, declared: undefined, dropped: undefined };
  if (route === undefined) return { owner: undefined, declared: places.list(), dropped: undefined };
  return route.owner === "provider"
    ? {
      owner: `provider template ${bottle.provider.template}`,
      declared: undefined,
      dropped: places.route(route.host),
    }
    : { owner: "manifest", declared: places.route(route.host, key), dropped: undefined };
}

function text(answer: Answer): string {
  const { outcome, request, route, resolved: { agent, bottle } } = answer;
  const fields: readonly [string, readonly string[]][] = [
    ["verdict", [
      outcome.verdict + ("status" in outcome ? ` (${outcome.status}, rule ${outcome.rule})` : ""),
    ]],
    ["request", request === undefined ? [] : [requestLine(request)]],
    ["agent", [`${agent.name} (${agent.file})`]],
    ["bottle", [`${bottle.name} (${bottle.file})`]],
    [
      "route",
      route === undefined ? [] : [[route.host + routeMarks(route), ...route.pathAllowlist].join(" ")],
    ],
    ["declared", request === undefined ? [] : [declaredLine(answer)]],
    ["dropped", answer.dropped === undefined ? [] : [placeLine(answer.dropped)]],
    ["credential", forwarded(answer, credentialLine)],
    [
      "pipelock",
      forwarded(answer, (one) => inspects(one, request) ? "inspects it" : "passes it through uninspected"),
    ],
    ["answer", "answer" in outcome ? outcome.answer.trimEnd().split("\n") : localAnswer(outcome.verdict)],
  ];
  return renderTable(
    fields.flatMap(([label, values]) => values.map((value, index) => [index === 0 ? label : "", value])),
  );
}

function requestLine({ method, scheme, host, port, target }: NonNullable<Explanation["request"]>): string {
  if (target === "") return `${method} ${authority(host, port)}`;
  const named = port === DEFAULT_PORT[scheme] ? authority(host) : authority(host, port);
  return `${method} ${scheme}://${named}${target}`;
}

function declaredLine({ owner, declared, route, resolved: { bottle } }: Answer): string {
  if (declared !== undefined) {
    return route === undefined ? `${placeLine(declared)} does not list it` : placeLine(declared);
  }
  return owner === undefined ? `nowhere: ${bottle.file} has no egress.routes` : `${owner}, in no file`;
}

function placeLine({ file, line, key }: Place): string {
  return `${file}${line === undefined ? "" : `:${line}`}: ${key}`;
}

function forwarded({ outcome, route }: Answer, line: (route: EgressRoute) => string): readonly string[] {
  return outcome.verdict === "forward" && route !== undefined ? [line(route)] : [];
}

function credentialLine({ auth, agentAuth }: EgressRoute): string {
  if (auth !== undefined) return `${auth.scheme} from ${auth.tokenRef}, in the place of the agent's own`;
  return agentAuth ? "none; the agent's own passes" : "none; the agent's own Authorization is removed";
}

/** Pass-through is for TLS: plain HTTP is looked at in any case. */
function inspects({ tlsPassthrough }: EgressRoute, request: Explanation["request"]): boolean {
  return !tlsPassthrough || request?.scheme === "http";
}

function localAnswer(verdict: string): readonly string[] {
  return verdict === "local" ? ["a page of egress itself"] : [];
}

function record(answer: Answer): Record<string, unknown> {
  const { outcome, request, route, owner, declared, dropped, resolved: { agent, bottle } } = answer;
  const passes = outcome.verdict === "forward" ? route : undefined;
  return {
    verdict: outcome.verdict,
    rule: outcome.rule,
    status: "status" in outcome ? outcome.status : null,
    answer: "answer" in outcome ? outcome.answer : null,
    request: request ?? null,
    agent: { name: agent.name, file: agent.file },
    bottle: { name: bottle.name, file: bottle.file },
    route: route === undefined ? null : {
      host: route.host,
      path_allowlist: route.pathAllowlist,
      methods: route.methods ?? null,
      git: route.git ?? null,
      owner,
    },
    declared: declared ?? null,
    dropped: dropped ?? null,
    credential: passes?.auth === undefined
      ? null
      : { scheme: passes.auth.scheme, token_ref: passes.auth.tokenRef },
    agent_auth: passes?.agentAuth ?? null,
    pipelock: passes === undefined ? null : inspects(passes, request) ? "inspect" : "passthrough",
  };
}
