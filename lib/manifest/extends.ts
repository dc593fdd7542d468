/** Resolves `extends`: a child's declaration over its parent's, key by key as SPEC 3 has it. */

import { OperatorError } from "../errors.ts";
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
 * @param bottles by name; an error stands for a bottle that cannot be used
 * @returns declarations by name, none of which extends another, or what is wrong with the bottle or an ancestor: its
 * own error, a cycle (with its chain), a bottle that extends itself, a parent that is not defined. An error that
 * several bottles share is one object.
 */
export function resolveExtends(
  bottles: ReadonlyMap<string, DeclaredBottle | OperatorError>,
): Map<string, BottleDeclaration | OperatorError> {
  const resolved = new Map<string, BottleDeclaration | OperatorError>();
  for (const name of bottles.keys()) {
    if (resolved.has(name)) continue;
    const chain = [name];
    let above = climb(chain, bottles, resolved);
    for (const link of chain.reverse()) {
      const bottle = bottles.get(link)!;
      if (!(above instanceof OperatorError)) {
        above = bottle instanceof OperatorError ? bottle : merge(above, bottle.declaration);
      }
      resolved.set(link, above);
    }
  }
  return resolved;
}

/**
 * Lengthens a chain of bottles upwards as far as each extends one that is not resolved yet.
 *
 * @returns what the last of them extends, undefined when nothing, or why it cannot
 */
function climb(
  chain: string[],
  bottles: ReadonlyMap<string, DeclaredBottle | OperatorError>,
  resolved: ReadonlyMap<string, BottleDeclaration | OperatorError>,
): BottleDeclaration | OperatorError | undefined {
  for (;;) {
    const at = chain.at(-1)!;
    const bottle = bottles.get(at)!;
    if (bottle instanceof OperatorError) return bottle;
    const { source, declaration: { extends: parent } } = bottle;
    if (parent === undefined) return undefined;
    if (parent === at) return errorAt(source, ["extends"], `bottle ${at} extends itself`, "remove the key");
    if (!bottles.has(parent)) {
      const names = [...bottles.keys()].filter((other) => other !== at);
      const mend = namesHint("other bottle", parent, names);
      return errorAt(source, ["extends"], `bottle ${quote(parent)} is not defined`, mend);
    }
    const start = chain.indexOf(parent);
    if (start >= 0) {
      const cycle = [...chain.slice(start), parent].join(" -> ");
      return errorAt(source, ["extends"], `the bottles extend each other in a cycle: ${cycle}`);
    }
    if (resolved.has(parent)) return resolved.get(parent);
    chain.push(parent);
  }
}

/** The child over its parent; what the child declares of egress, provider and supervise stands alone. */
function merge(parent: BottleDeclaration | undefined, child: BottleDeclaration): BottleDeclaration {
  if (parent === undefined) return child;
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
