/** What a bottle is asked to be (spec) and what will be done (plan). Both are readonly plain data. */

import type { EgressPlan } from "../egress/model.ts";
import type { PlannedRepo } from "../git_gate/plan.ts";
import type { ResolvedAgent } from "../manifest/model.ts";
import type { ProviderPlan } from "../providers/provider.ts";
import type { Secret } from "../secret.ts";
import type { Settings } from "../state/settings.ts";

/** What the operator asked for. */
export interface BottleSpec {
  /** Saved identity on `resume`; undefined: a fresh one is minted. */
  readonly identity?: string;
  /** The agent and its bottle. */
  readonly resolved: ResolvedAgent;
  /** The operator's settings. */
  readonly settings: Settings;
  /** Folder on the host that the command ran in. */
  readonly cwd: string;
  /** Copy that folder into the guest's workspace. */
  readonly copyCwd: boolean;
  /** Operator's home folder. */
  readonly hostHome: string;
  /** Environment of the host. */
  readonly hostEnv: Readonly<Record<string, string>>;
}

/** One variable of the agent's environment; its value may be unknown until launch. */
export type PlannedEnv =
  | { readonly kind: "value"; readonly value: Secret }
  | { readonly kind: "prompt"; readonly text: string };

/** A skill folder that is copied in. */
export interface PlannedSkill {
  /** Name of the skill's folder. */
  readonly name: string;
  /** Absolute folder on the host, with a `SKILL.md`. */
  readonly hostDir: string;
}

/** Everything that launch will do. */
export interface BottlePlan {
  /** Identity: `<agent>-<5 of [a-z0-9]>`. */
  readonly identity: string;
  /** Backend that will launch it. */
  readonly backend: string;
  /** The agent and its bottle. */
  readonly resolved: ResolvedAgent;
  /** The operator's settings. */
  readonly settings: Settings;
  /** What the provider decided. */
  readonly provider: ProviderPlan;
  /** Routes and slots in force. */
  readonly egress: EgressPlan;
  /** Manifest `env`, by name. */
  readonly env: Readonly<Record<string, PlannedEnv>>;
  /** Real credentials by slot name: go to the bundle's init over its standard input and nowhere else. */
  readonly tokens: Readonly<Record<string, Secret>>;
  /** Repositories behind the git gate; empty: the bottle has none. */
  readonly gitRepos: readonly PlannedRepo[];
  /** Skills to copy in. */
  readonly skills: readonly PlannedSkill[];
  /** Home folder of the agent in the guest. */
  readonly guestHome: string;
  /** Working directory of the agent in the guest. */
  readonly workdir: string;
  /** Folder on the host that the command ran in. */
  readonly cwd: string;
  /** Copy that folder into the workspace. */
  readonly copyCwd: boolean;
  /** What the preflight warns about. */
  readonly warnings: readonly string[];
}
