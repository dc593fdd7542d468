/**
 * The parts that image builds are made from: their pinned versions, where they come from, and which one is used.
 *
 * A part is named by version. A digest would stand here only where it was read from its source.
 */

import type { Settings } from "../lib/state/settings.ts";

/** The four image arguments of the Dockerfiles. */
export type PartKind = "base" | "pipelock" | "gitleaks" | "deno";

/** What is fixed about a part. */
export interface PartFacts {
  /** Version, without a leading `v`. */
  readonly version: string;
  /** Image of a public registry, fully named. */
  readonly registry: string;
  /** Image that set-up makes on a machine where no registry is in reach. */
  readonly local: string;
  /** Build argument of the Dockerfiles. */
  readonly argument: "BASE_IMAGE" | "PIPELOCK_IMAGE" | "GITLEAKS_IMAGE" | "DENO_IMAGE";
  /** Environment variable of the operator setting that replaces it. */
  readonly setting: string;
  /** The same setting in {@linkcode Settings}. */
  readonly settingKey: "baseImage" | "pipelockImage" | "gitleaksImage" | "denoImage";
  /** Files that the Dockerfiles take from it; for the base: programs it must have. Absolute. */
  readonly files: readonly string[];
}

/** Every part. */
export const PARTS: Readonly<Record<PartKind, PartFacts>> = {
  base: {
    version: "22.23.3",
    registry: "docker.io/library/node:22.23.3-bookworm-slim",
    local: "bot-bottle-part/base:22.23.3-bookworm",
    argument: "BASE_IMAGE",
    setting: "BOT_BOTTLE_BASE_IMAGE",
    settingKey: "baseImage",
    files: ["/usr/local/bin/node", "/usr/local/bin/npm"],
  },
  pipelock: {
    version: "2.3.0",
    registry: "ghcr.io/luckypipewrench/pipelock:2.3.0",
    local: "bot-bottle-part/pipelock:2.3.0",
    argument: "PIPELOCK_IMAGE",
    setting: "BOT_BOTTLE_PIPELOCK_IMAGE",
    settingKey: "pipelockImage",
    files: ["/pipelock"],
  },
  gitleaks: {
    version: "8.30.1",
    registry: "docker.io/zricethezav/gitleaks:v8.30.1",
    local: "bot-bottle-part/gitleaks:8.30.1",
    argument: "GITLEAKS_IMAGE",
    setting: "BOT_BOTTLE_GITLEAKS_IMAGE",
    settingKey: "gitleaksImage",
    files: ["/usr/bin/gitleaks"],
  },
  deno: {
    version: "2.8.3",
    registry: "docker.io/denoland/deno:bin-2.8.3",
    local: "bot-bottle-part/deno:2.8.3",
    argument: "DENO_IMAGE",
    setting: "BOT_BOTTLE_DENO_IMAGE",
    settingKey: "denoImage",
    files: ["/deno"],
  },
};

/** Parts in the order in which set-up sees to them. */
export const PART_KINDS: readonly PartKind[] = ["base", "deno", "gitleaks", "pipelock"];

/** Parts that an agent image is built from. */
export const AGENT_PARTS: readonly PartKind[] = ["base"];

/** Parts that the bundle image is built from. */
export const BUNDLE_PARTS: readonly PartKind[] = ["base", "pipelock", "gitleaks", "deno"];

/**
 * Tag of the imitation of pipelock that demo and tests may ask set-up for, where the real one cannot be had.
 *
 * {@linkcode partImage} never gives it: it is used only when the operator's setting names it.
 */
export const STAND_IN_PIPELOCK = "bot-bottle-part/pipelock:stand-in";

/** The image chosen for a part, and why. */
export interface PartImage {
  /** Reference for the engine. */
  readonly ref: string;
  /** What decided. */
  readonly source: "setting" | "local" | "registry";
}

/**
 * Chooses a part's image: the operator's setting, else the local part if the engine has it, else the registry's.
 *
 * @param hasLocal whether the engine has {@linkcode PartFacts.local}
 */
export function partImage(
  kind: PartKind,
  settings: Pick<Settings, PartFacts["settingKey"]>,
  hasLocal: boolean,
): PartImage {
  const facts = PARTS[kind];
  const set = settings[facts.settingKey];
  if (set !== undefined) return { ref: set, source: "setting" };
  return hasLocal ? { ref: facts.local, source: "local" } : { ref: facts.registry, source: "registry" };
}
