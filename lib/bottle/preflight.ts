/** What the operator reads before saying yes: the plan, and nothing but the plan. The same on every backend. */

import { escapeUntrusted } from "../escape.ts";
import { mayForce } from "../git_gate/push_policy.ts";
import type { AgentManifest, GitRepo, ManifestRoute, ProvenValue, ResolvedAgent } from "../manifest/model.ts";
import type { BottlePlan } from "./plan.ts";

const LABEL_WIDTH = 14;

/**
 * Renders the preflight as lines of text, warnings last, each of them beginning with `warning: `.
 *
 * Names come from files that the operator may not have written: all of them are escaped. No value of the
 * environment is shown, only names; a variable that is asked for is shown with its question.
 */
export function renderPreflight(plan: BottlePlan): string {
  const { agent, bottle } = plan.resolved;
  const lines = [
    ...row("agent", agentParts(agent)),
    ...row("provider", [provider(plan)]),
    ...row("env", envNames(plan)),
    ...row("skills", plan.skills.map((skill) => skill.name)),
    ...row("bottle", [bottle.name]),
    ...row("git identity", gitIdentityParts(plan.resolved)),
    ...row("git gate", bottle.gitRepos.map(gitGateLine)),
    ...row("egress", plan.egress.routes.map((route) => route.host + routeMarks(route))),
    ...row("workspace", plan.copyCwd ? [`${plan.cwd} → ${plan.workdir}`] : []),
    ...plan.warnings.map((warning) => `warning: ${escapeUntrusted(warning)}`),
  ];
  return lines.join("\n");
}

/** What a route adds and narrows, each with a space before it: ` [auth:Bearer] [methods:GET,POST] [git:fetch]`. */
export function routeMarks(
  { auth, methods, git }: Pick<ManifestRoute, "methods" | "git"> & {
    readonly auth?: { readonly scheme: string; readonly keepCookies?: true };
  },
): string {
  const marks = [
    ...auth === undefined ? [] : [`auth:${auth.scheme}`],
    ...auth?.keepCookies === true ? ["cookies:kept"] : [],
    ...methods === undefined ? [] : [`methods:${methods.join(",")}`],
    ...git === undefined ? [] : [`git:${git}`],
  ];
  return marks.map((mark) => ` [${mark}]`).join("");
}

/** `name → host:port` of a repository behind the git gate, and what the agent may write where that is not all. */
export function gitGateLine(repo: GitRepo): string {
  const marks = [
    ...repo.push === undefined ? [] : [`push:${repo.push.join(",")}`],
    ...mayForce(repo) ? [] : ["no force"],
    ...repo.push !== undefined && mayForce(repo) ? ["force"] : [],
  ];
  return `${repo.name} → ${repo.host}:${repo.port}${marks.map((mark) => ` [${mark}]`).join("")}`;
}

/** The git identity, field by field, each with the manifest that it comes from. Empty when there is none. */
export function gitIdentityParts(resolved: ResolvedAgent): readonly string[] {
  const { name, email } = resolved.gitIdentity;
  const part = (key: string, proven: ProvenValue | undefined): readonly string[] =>
    proven === undefined ? [] : [`${key}=${proven.value} (${proven.from})`];
  return [...part("name", name), ...part("email", email)];
}

/** An agent that the operator may not have written says which file it comes from, and whose place it takes. */
function agentParts({ name, file, repository }: AgentManifest): readonly string[] {
  if (repository === undefined) return [name];
  const { overrides } = repository;
  return [`${name} (${file})`, ...(overrides === undefined ? [] : [`overrides ${overrides}`])];
}

/** What the agent image is made of is said when it is not bottle's own. */
function provider(plan: BottlePlan): string {
  const { dockerfile, template } = plan.provider;
  if (plan.settings.image !== undefined) return `${template} (image ${plan.settings.image})`;
  return dockerfile.kind === "operator" ? `${template} (Dockerfile ${dockerfile.path})` : template;
}

/** Names that the agent sees, sorted. A placeholder is hidden, unless the manifest put a value in its place. */
function envNames(plan: BottlePlan): readonly string[] {
  const hidden = new Set(plan.provider.hiddenEnvNames);
  const defaults = Object.keys(plan.provider.env).filter((name) => !hidden.has(name));
  return [...new Set([...defaults, ...Object.keys(plan.env)])].sort().map((name) => {
    const planned = plan.env[name];
    return planned?.kind === "prompt" ? `${name} (asks: ?${planned.text})` : name;
  });
}

/** One value a line, the label on the first; no values, no row. */
function row(label: string, values: readonly string[]): readonly string[] {
  return values.map((value, index) => {
    const head = index === 0 ? label : "";
    return `${head.padEnd(LABEL_WIDTH)}${index === 0 ? ": " : "  "}${escapeUntrusted(value)}`;
  });
}
