/** What is on the engine and in the lab's state folder, so that a test can compare before and after. */

import { assertEquals } from "@std/assert";
import type { ContainerSummary, Labels } from "../../backends/docker/engine/containers.ts";
import type { ImageSummary } from "../../backends/docker/engine/images.ts";
import type { NetworkInfo } from "../../backends/docker/engine/networks.ts";
import { homeDigest, LABELS } from "../../backends/docker/names.ts";
import { homePaths } from "../../lib/state/paths.ts";
import type { Lab } from "./lab.ts";
import { TEST_LABEL } from "./tiny_image.ts";

/** Everything that a launch could leave behind, each list sorted. */
export interface EngineState {
  readonly containers: readonly string[];
  readonly networks: readonly string[];
  /** Tags of the bottles' images; of builds also the ids of images without a tag. */
  readonly images: readonly string[];
  /** Paths below the lab's state folder. */
  readonly state: readonly string[];
}

/** What {@linkcode engineState} looks at besides. */
export interface EngineStateOptions {
  /** Images without a tag and containers without a name of ours, as builds leave them. @default false */
  readonly ofBuilds?: boolean;
}

/** Looks by name and not only by the lab's label: a leak need not bear it. Other homes' and tests' are left out. */
export async function engineState(lab: Lab, options: EngineStateOptions = {}): Promise<EngineState> {
  const { ofBuilds = false } = options;
  const home = await homeDigest(lab.home);
  const [containers, networks, images] = await Promise.all([
    lab.engine.json<readonly ContainerSummary[]>("GET", "/containers/json", { query: { all: true } }),
    lab.engine.json<readonly NetworkInfo[]>("GET", "/networks"),
    lab.engine.json<readonly ImageSummary[]>("GET", "/images/json", { query: { all: ofBuilds } }),
  ]);
  const named = (name: string, labels: Labels | null) =>
    (ofBuilds || /^\/?bot-bottle-/.test(name)) && isMine(labels ?? {}, home);
  return {
    containers: containers.filter(({ Names, Labels }) => named(Names[0] ?? "", Labels))
      .map(({ Names, Id }) => `${Names[0] ?? ""} ${Id}`).sort(),
    networks: networks.filter(({ Name, Labels }) => named(Name, Labels ?? null))
      .map(({ Name, Id }) => `${Name} ${Id}`).sort(),
    images: images.filter(({ Labels }) => isMine(Labels ?? {}, home)).flatMap(({ Id, RepoTags }) => {
      const tags = (RepoTags ?? []).filter((tag) => tag !== "<none>:<none>");
      if (tags.length === 0) return ofBuilds ? [Id] : [];
      return tags.filter((tag) => tag.startsWith("bot-bottle-"));
    }).sort(),
    state: await pathsBelow(homePaths(lab.home).state),
  };
}

/**
 * Asserts that everything is as it was before. Images may be fewer: whoever else uses the engine may have removed one.
 */
export async function assertNothingLeft(
  lab: Lab,
  before: EngineState,
  options?: EngineStateOptions,
): Promise<void> {
  const after = await engineState(lab, options);
  const images = after.images.filter((image) => !before.images.includes(image));
  assertEquals({ ...after, images }, { ...before, images: [] });
}

function isMine(labels: Labels, home: string): boolean {
  if (labels["bottle.lab"] !== undefined || labels[TEST_LABEL] !== undefined) return false;
  return labels[LABELS.home] === undefined || labels[LABELS.home] === home;
}

async function pathsBelow(folder: string): Promise<string[]> {
  const paths: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) {
      const path = `${folder}/${entry.name}`;
      paths.push(path);
      if (entry.isDirectory) paths.push(...await pathsBelow(path));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return paths.sort();
}
