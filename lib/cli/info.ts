/** `bottle info`: an agent and its bottle as the manifests declare them. */

import { gitGateLine, gitIdentityParts, routeMarks } from "../bottle/preflight.ts";
import { escapedJson } from "../escape.ts";
import { Manifest } from "../manifest/manifest.ts";
import type { EnvSource, ManifestRoute, ResolvedAgent } from "../manifest/model.ts";
import { type CliHost, homeOf } from "./host.ts";
import { renderTable } from "./table.ts";

/** Options of `info` as the command line gives them. */
export interface InfoOptions {
  /** As JSON. */
  readonly json?: true;
}

/** Shows an agent. Literal values of `env` are not shown: operators put keys there. @throws {OperatorError} */
export async function info(host: CliHost, agent: string, options: InfoOptions): Promise<number> {
  const manifest = await Manifest.load({ home: homeOf(host), cwd: host.cwd() });
  for (const warning of manifest.warnings(agent)) host.output.warn(warning);
  const resolved = manifest.resolve(agent);
  host.output.print(options.json ? escapedJson(record(resolved)) + "\n" : text(resolved));
  return 0;
}

function text(resolved: ResolvedAgent): string {
  const { agent, bottle } = resolved;
  const env = Object.entries(bottle.env).sort(([a], [b]) => a < b ? -1 : 1);
  const fields: readonly [string, readonly string[]][] = [
    ["agent", [agent.name, agent.file]],
    ["bottle", [bottle.name, bottle.file]],
    ["provider", [bottle.provider.template]],
    ["dockerfile", optional(bottle.provider.dockerfile)],
    ["login", login(resolved)],
    ["env", env.map(([name, source]) => `${name} (${envOrigin(source)})`)],
    ["skills", agent.skills],
    ["git identity", gitIdentityParts(resolved)],
    ["git gate", bottle.gitRepos.map(gitGateLine)],
    ["egress", bottle.routes.map(routeLine)],
    ["supervise", bottle.supervise ? ["on"] : []],
    ["prompt", agent.prompt === "" ? [] : [`${agent.prompt.length} characters`]],
  ];
  return renderTable(
    fields.flatMap(([label, values]) => values.map((value, index) => [index === 0 ? label : "", value])),
  );
}

function login({ bottle }: ResolvedAgent): readonly string[] {
  const { authToken, forwardHostCredentials } = bottle.provider;
  return [
    ...optional(authToken).map((name) => `token from the host's ${name}`),
    ...(forwardHostCredentials ? ["the host's own login"] : []),
  ];
}

function envOrigin(source: EnvSource): string {
  if (source.kind === "literal") return "literal";
  return source.kind === "host" ? `from the host's ${source.name}` : `asks: ?${source.text}`;
}

function routeLine(route: ManifestRoute): string {
  const token = route.auth === undefined ? "" : ` from ${route.auth.tokenRef}`;
  return [route.host + routeMarks(route) + token, ...route.pathAllowlist].join(" ");
}

function optional(value: string | undefined): readonly string[] {
  return value === undefined ? [] : [value];
}

function record(resolved: ResolvedAgent): Record<string, unknown> {
  const { agent, bottle, gitIdentity } = resolved;
  const env = Object.entries(bottle.env).map(([name, source]) => [
    name,
    source.kind === "literal" ? { kind: "literal" } : source,
  ]);
  return {
    agent: { name: agent.name, file: agent.file, skills: agent.skills, prompt: agent.prompt },
    bottle: {
      name: bottle.name,
      file: bottle.file,
      provider: bottle.provider,
      env: Object.fromEntries(env),
      routes: bottle.routes,
      git_repos: bottle.gitRepos,
      supervise: bottle.supervise,
    },
    git_identity: gitIdentity,
  };
}
