/** Resolves `extends`: a child's declaration over its parent's, key by key as SPEC 3 has it. */

import type { BottleDeclaration, GitReposDeclaration } from "./declaration.ts";
import { parseGitUrl } from "./git_url.ts";
import { errorAt, namesHint, quote, type Source } from "./issues.ts";

/** A bottle's checked declaration and where it stands. */
export interface DeclaredBottle {
  /** Where it was read, for errors. */
  readonly source: Source;
  /** What it says, `extends` unresolved. */
  readonly declaration: BottleDeclaration;
}

/**
 * Merges every bottle with its ancestors.
 *
 * @returns declarations by name, none of which extends another
 * @throws {OperatorError} a cycle (with its chain), a bottle that extends itself, a parent that is not defined
 */
export function resolveExtends(bottles: ReadonlyMap<string, DeclaredBottle>): Map<string, BottleDeclaration> {
  const resolved = new Map<string, BottleDeclaration>();
  for (const name of bottles.keys()) {
    // From the bottle up to the first ancestor that is resolved or extends nothing, then merged downwards.
    const chain = chainOf(name, bottles, resolved);
    let parent: BottleDeclaration | undefined;
    for (const link of chain.reverse()) {
      const { declaration } = bottles.get(link)!;
      parent = resolved.get(link) ?? (parent === undefined ? declaration : merge(parent, declaration));
      resolved.set(link, parent);
    }
  }
  return resolved;
}

function chainOf(
  name: string,
  bottles: ReadonlyMap<string, DeclaredBottle>,
  resolved: ReadonlyMap<string, BottleDeclaration>,
): string[] {
  const chain = [name];
  for (let at = name; !resolved.has(at);) {
    const { source, declaration } = bottles.get(at)!;
    const parent = declaration.extends;
    if (parent === undefined) break;
    if (parent === at) throw errorAt(source, ["extends"], `bottle ${at} extends itself`, "remove the key");
    if (!bottles.has(parent)) {
      const names = [...bottles.keys()].filter((other) => other !== at);
      const mend = namesHint("other bottle", parent, names);
      throw errorAt(source, ["extends"], `bottle ${quote(parent)} is not defined`, mend);
    }
    const start = chain.indexOf(parent);
    if (start >= 0) {
      const cycle = [...chain.slice(start), parent].join(" -> ");
      throw errorAt(source, ["extends"], `the bottles extend each other in a cycle: ${cycle}`);
    }
    chain.push(parent);
    at = parent;
  }
  return chain;
}

/** The child over its parent; what the child declares of egress, provider and supervise stands alone. */
function merge(parent: BottleDeclaration, child: BottleDeclaration): BottleDeclaration {
  return {
    env: { ...parent.env, ...child.env },
    agent_provider: child.agent_provider ?? parent.agent_provider,
    egress: child.egress ?? parent.egress,
    supervise: child.supervise ?? parent.supervise,
    "git-gate": {
      user: {
        name: child["git-gate"]?.user?.name || parent["git-gate"]?.user?.name,
        email: child["git-gate"]?.user?.email || parent["git-gate"]?.user?.email,
      },
      repos: mergeRepos(parent["git-gate"]?.repos ?? {}, child["git-gate"]?.repos),
    },
  };
}

function mergeRepos(
  parent: GitReposDeclaration,
  child: GitReposDeclaration | undefined,
): GitReposDeclaration {
  if (child === undefined) return parent;
  const childRepos = Object.entries(child);
  if (childRepos.length === 0) return {};
  const hosts = new Set(childRepos.map(([, repo]) => hostOf(repo.url)));
  const surviving = Object.entries(parent).filter(([name, repo]) =>
    !Object.hasOwn(child, name) && !hosts.has(hostOf(repo.url))
  );
  return Object.fromEntries([...surviving, ...childRepos]);
}

function hostOf(url: string): string {
  const parsed = parseGitUrl(url);
  if (typeof parsed === "string") throw new TypeError("a checked declaration has only valid URLs");
  return parsed.host;
}
