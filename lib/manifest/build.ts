/** Makes the resolved model out of checked declarations: defaults, canonical hosts, absolute paths. */

import { join } from "@std/path";
import { canonicalHost } from "../net/host_name.ts";
import { parseCidr, parseIp } from "../net/ip.ts";
import { DEFAULT_TEMPLATE } from "../providers/templates.ts";
import type {
  AgentDeclaration,
  BottleDeclaration,
  GitRepoDeclaration,
  GitUserDeclaration,
  ProviderDeclaration,
  RouteDeclaration,
} from "./declaration.ts";
import { parseGitUrl } from "./git_url.ts";
import type {
  AgentManifest,
  BottleManifest,
  EnvSource,
  GitRepo,
  GitUser,
  ManifestRoute,
  ProvenValue,
  ProviderSettings,
  RepositoryOrigin,
  ResolvedAgent,
} from "./model.ts";

/** Where a manifest stands and whose home `~` is. */
export interface BuildContext {
  /** Name of the bottle or agent. */
  readonly name: string;
  /** File that declares it. */
  readonly file: string;
  /** Absolute home folder of the operator. */
  readonly home: string;
}

/** A bottle from its declaration, `extends` already resolved. */
export function buildBottle(context: BuildContext, declared: BottleDeclaration): BottleManifest {
  const repos = Object.entries(declared["git-gate"]?.repos ?? {});
  return {
    name: context.name,
    file: context.file,
    env: Object.fromEntries(
      Object.entries(declared.env ?? {}).map(([name, value]) => [name, envSource(value)]),
    ),
    provider: buildProvider(declared.agent_provider ?? {}, context.home),
    routes: (declared.egress?.routes ?? []).map(buildRoute),
    gitUser: buildGitUser(declared["git-gate"]?.user),
    gitRepos: repos.map(([name, repo]) => buildRepo(name, repo, context.home)),
    supervise: declared.supervise ?? false,
  };
}

/** An agent from its declaration and its prompt. @param repository set when a repository declares it */
export function buildAgent(
  context: BuildContext,
  declared: AgentDeclaration,
  prompt: string,
  repository?: RepositoryOrigin,
): AgentManifest {
  return {
    name: context.name,
    file: context.file,
    ...(repository !== undefined && { repository }),
    bottle: declared.bottle,
    skills: declared.skills ?? [],
    gitUser: buildGitUser(declared["git-gate"]?.user),
    prompt: prompt.trim(),
  };
}

/** An agent over its bottle: each field of the git identity is the agent's when it has one. */
export function overlay(agent: AgentManifest, bottle: BottleManifest): ResolvedAgent {
  const proven = (field: "name" | "email"): ProvenValue | undefined => {
    const own = agent.gitUser[field];
    if (own !== undefined) return { value: own, from: "agent" };
    const inherited = bottle.gitUser[field];
    return inherited === undefined ? undefined : { value: inherited, from: "bottle" };
  };
  const name = proven("name");
  const email = proven("email");
  return { agent, bottle, gitIdentity: { ...(name && { name }), ...(email && { email }) } };
}

/** `~` and `~/…` in the operator's home; other paths as they are. */
export function expandHome(path: string, home: string): string {
  return path === "~" ? home : path.startsWith("~/") ? join(home, path.slice(2)) : path;
}

/** Reads a value of `env`: `?text` asks, `${NAME}` is the host's, all else is literal. */
function envSource(value: string): EnvSource {
  if (value.startsWith("?")) return { kind: "prompt", text: value.slice(1).trim() };
  const host = /^\$\{(.*)\}$/s.exec(value);
  return host === null ? { kind: "literal", value } : { kind: "host", name: host[1]! };
}

function buildProvider(declared: ProviderDeclaration, home: string): ProviderSettings {
  const { dockerfile, auth_token: authToken } = declared;
  return {
    template: declared.template ?? DEFAULT_TEMPLATE,
    ...(dockerfile !== undefined && { dockerfile: expandHome(dockerfile, home) }),
    ...(authToken !== undefined && { authToken }),
    forwardHostCredentials: declared.forward_host_credentials ?? false,
  };
}

function buildRoute(declared: RouteDeclaration): ManifestRoute {
  const { methods, git, auth, pipelock } = declared;
  return {
    host: canonicalHost(declared.host)!,
    pathAllowlist: declared.path_allowlist ?? [],
    ...(methods !== undefined && { methods }),
    ...(git !== undefined && { git }),
    ...(auth !== undefined && {
      auth: {
        scheme: auth.scheme,
        tokenRef: auth.token_ref,
        ...(auth.keep_cookies === true && { keepCookies: true }),
      },
    }),
    tlsPassthrough: pipelock?.tls_passthrough ?? false,
    ssrfIpAllowlist: (pipelock?.ssrf_ip_allowlist ?? []).map((text) =>
      (parseIp(text) ?? parseCidr(text))!.text
    ),
  };
}

function buildRepo(name: string, declared: GitRepoDeclaration, home: string): GitRepo {
  const parsed = parseGitUrl(declared.url);
  if (typeof parsed === "string") throw new TypeError("a checked declaration has only valid URLs");
  return {
    name,
    url: declared.url,
    ...parsed,
    identity: expandHome(declared.identity, home),
    ...(declared.host_key !== undefined && { hostKey: declared.host_key }),
    ...(declared.push !== undefined && { push: declared.push }),
    ...(declared.force !== undefined && { force: declared.force }),
  };
}

function buildGitUser(declared: GitUserDeclaration | undefined): GitUser {
  return {
    ...(declared?.name && { name: declared.name }),
    ...(declared?.email && { email: declared.email }),
  };
}
