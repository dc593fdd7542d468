/** A plan for tests that need one and do not care what is in it. */

import type { BottlePlan, BottleSpec } from "../../../lib/bottle/plan.ts";
import { effectiveRoutes } from "../../../lib/egress/routes.ts";
import type { BottleManifest, ResolvedAgent } from "../../../lib/manifest/model.ts";
import type { ProviderPlan } from "../../../lib/providers/provider.ts";
import type { Settings } from "../../../lib/state/settings.ts";

/** Identity of {@linkcode makePlan}. */
export const ID = "dev-abc12";

/** Settings when nothing is set. */
export const SETTINGS: Settings = { extraHosts: [], containerHome: "/home/node", guestHome: "/home/node" };

/** A provider plan that needs nothing. */
export const PROVIDER: ProviderPlan = {
  template: "claude",
  command: "claude",
  promptMode: "append-system-prompt-file",
  bypassArgs: [],
  resumeArgs: ["--continue"],
  image: "bot-bottle-claude",
  dockerfile: { kind: "embedded", path: "Dockerfile.claude" },
  env: {},
  hiddenEnvNames: [],
  dirs: [],
  files: [],
  preCopy: [],
  verify: [],
  routes: [],
  provisionedEnv: {},
  skillDirs: [],
  transcriptDir: "/home/node/.claude/projects",
};

/** A resolved agent with some fields of its bottle set. */
export function makeResolved(bottle: Partial<BottleManifest> = {}): ResolvedAgent {
  return {
    agent: { name: "dev", file: "/h/agents/dev.md", bottle: "box", skills: [], gitUser: {}, prompt: "Hi." },
    bottle: {
      name: "box",
      file: "/h/bottles/box.md",
      env: {},
      provider: { template: "claude", forwardHostCredentials: false },
      routes: [],
      gitUser: {},
      gitRepos: [],
      supervise: false,
      ...bottle,
    },
    gitIdentity: {},
  };
}

/** A plan with some fields set. */
export function makePlan(fields: Partial<BottlePlan> = {}): BottlePlan {
  return {
    identity: ID,
    backend: "docker",
    resolved: makeResolved(),
    settings: SETTINGS,
    provider: PROVIDER,
    egress: effectiveRoutes([], []),
    env: {},
    tokens: {},
    gitRepos: [],
    skills: [],
    guestHome: "/home/node",
    workdir: "/home/node",
    cwd: "/src/project",
    copyCwd: false,
    warnings: [],
    ...fields,
  };
}

/** What a fake backend answers a spec with. */
export function planOf(spec: BottleSpec): BottlePlan {
  return makePlan({
    identity: spec.identity ?? ID,
    resolved: spec.resolved,
    settings: spec.settings,
    cwd: spec.cwd,
    copyCwd: spec.copyCwd,
  });
}
