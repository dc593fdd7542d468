/** The images of a bottle: found by the hash of what they are made from, built when there is none yet. */

import { AGENT_PARTS, BUNDLE_PARTS, partImage, type PartKind, PARTS } from "../../images/parts.ts";
import {
  agentContext,
  type BuildContext,
  bundleContext,
  contextHash,
  extraCaFile,
  FETCH_STAGE_LABEL,
} from "../../images/context.ts";
import type { Progress } from "../../lib/bottle/contracts.ts";
import type { BottlePlan } from "../../lib/bottle/plan.ts";
import { OperatorError } from "../../lib/errors.ts";
import { escapeUntrusted } from "../../lib/escape.ts";
import type { Settings } from "../../lib/state/settings.ts";
import { hostTrustBundle, readTextIfPresent } from "../../lib/tls/host_trust.ts";
import type { DockerContext } from "./context.ts";
import { BuildError, buildImage } from "./engine/build.ts";
import { atEdge } from "./engine/errors.ts";
import { inspectImage, listImages, removeImage } from "./engine/images.ts";
import { packTar } from "./engine/tar.ts";

/** References of the images that a bottle runs on. */
export interface BottleImages {
  readonly agent: string;
  readonly bundle: string;
}

interface Recipe {
  /** What it is, for the operator. */
  readonly what: string;
  /** Repository of the result; its tag is the hash. */
  readonly repo: string;
  readonly parts: readonly PartKind[];
  readonly context: BuildContext;
  /** What to do when its build fails. */
  readonly mend: string;
}

/** Of the Dockerfiles that bottle brings: what fails is a part or a download. */
const MEND_PARTS =
  "see that the part images can be had (`deno task setup`, or the image settings of docs/settings.md) " +
  "and that the network is there, then start again";

/**
 * Makes sure that both images exist. With nothing changed nothing is built and nothing uploaded.
 *
 * @throws {OperatorError} an image is missing, or a build failed (its last lines are part of the error)
 */
export async function ensureImages(
  context: DockerContext,
  plan: BottlePlan,
  progress: Progress,
  signal: AbortSignal,
): Promise<BottleImages> {
  const { provider, settings } = plan;
  // One after the other: they share their first layers, and the builder gains nothing from two at once.
  const bundle = await ensureBundleImage(context, settings, progress, signal);
  if (settings.image !== undefined) {
    await requireImage(context, settings.image);
    return { bundle, agent: settings.image };
  }
  const recipe: Recipe = {
    what: "agent image",
    repo: provider.image,
    parts: AGENT_PARTS,
    context: await agentContext(provider.dockerfile),
    mend: provider.dockerfile.kind === "embedded" ? MEND_PARTS : "mend the Dockerfile, then start again",
  };
  return { bundle, agent: await ensure(context, settings, recipe, progress, signal) };
}

/** Makes sure that the bundle's image exists and gives its reference. @throws {OperatorError} */
export async function ensureBundleImage(
  context: DockerContext,
  settings: Settings,
  progress: Progress,
  signal: AbortSignal,
): Promise<string> {
  const recipe: Recipe = {
    what: "sidecar bundle",
    repo: "bot-bottle-bundle",
    parts: BUNDLE_PARTS,
    context: await bundleContext(),
    mend: MEND_PARTS,
  };
  return await ensure(context, settings, recipe, progress, signal);
}

async function ensure(
  context: DockerContext,
  settings: Settings,
  recipe: Recipe,
  progress: Progress,
  signal: AbortSignal,
): Promise<string> {
  const images = await resolveParts(context, settings, recipe.parts);
  const ids = Object.fromEntries(images.map((image) => [image.argument, image.id]));
  const tag = `${recipe.repo}:${(await contextHash(recipe.context, {}, ids)).slice(0, 16)}`;
  const buildArgs = Object.fromEntries(images.map((image) => [image.argument, image.ref]));
  for (let left = STAGE_RACES;; left--) {
    if (await lookAt(context, tag, signal)) return tag;
    progress.step(`build the ${recipe.what}`);
    try {
      await build(context, settings, { recipe, tag, buildArgs }, progress, signal);
    } catch (error) {
      if (left === 0 || !lostAStage(error)) throw error;
    }
  }
}

/** How often a build may lose a stage to another one. */
const STAGE_RACES = 3;

/** Whether another build ended meanwhile and took a stage away that both stood on (see {@linkcode removeFetchStages}). */
function lostAStage(error: unknown): boolean {
  return error instanceof OperatorError && /building image .*No such image: sha256:/i.test(error.message);
}

async function build(
  context: DockerContext,
  settings: Settings,
  job: { readonly recipe: Recipe; readonly tag: string; readonly buildArgs: Record<string, string> },
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const files = [...job.recipe.context.files, extraCaFile(await downloadTrust(context, settings))];
  try {
    await buildImage(context.engine, {
      tag: job.tag,
      dockerfile: job.recipe.context.dockerfile,
      context: packTar(
        files.map((file) => ({ ...file, type: "file" as const, mode: 0o644, uid: 0, gid: 0 })),
      ),
      buildArgs: job.buildArgs,
      onLine: (line) => progress.detail(line),
      signal,
    });
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    if (!lostAStage(error)) progress.tail(error.lastLines);
    throw new OperatorError(error.message, { mend: job.recipe.mend, cause: error });
  } finally {
    await removeFetchStages(context).catch(() => {
      // Another build may be standing on them; the next one removes them.
    });
  }
}

/** Whom the downloads of a build trust: what this host trusts, and the operator's extra CA. Never the agent. */
async function downloadTrust(context: DockerContext, { extraCa }: Settings): Promise<string> {
  return await hostTrustBundle({
    env: context.hostEnv,
    readText: readTextIfPresent,
    extraCaPem: extraCa === undefined ? undefined : await Deno.readTextFile(extraCa),
  });
}

/** Stages that only download leave a nameless image each. */
async function removeFetchStages({ engine }: DockerContext): Promise<void> {
  const [name, value] = FETCH_STAGE_LABEL.split("=") as [string, string];
  for (const image of await listImages(engine, { [name]: value })) {
    if (!image.RepoTags || image.RepoTags.every((tag) => tag === "<none>:<none>")) {
      await removeImage(engine, image.Id);
    }
  }
}

interface ResolvedPart {
  readonly argument: string;
  readonly ref: string;
  /** Image id; of a registry's part the reference, which names a version. */
  readonly id: string;
}

async function resolveParts(
  context: DockerContext,
  settings: Settings,
  kinds: readonly PartKind[],
): Promise<readonly ResolvedPart[]> {
  return await Promise.all(kinds.map(async (kind) => {
    const local = await lookAt(context, PARTS[kind].local);
    const { ref, source } = partImage(kind, settings, local !== undefined);
    // A registry's part is pulled by the build: its id would be unknown before and known after the first one.
    const id = source === "registry" ? ref : (await lookAt(context, ref))?.Id ?? ref;
    return { argument: PARTS[kind].argument, ref, id };
  }));
}

async function requireImage(context: DockerContext, ref: string): Promise<void> {
  if (await lookAt(context, ref)) return;
  throw new OperatorError(`the engine has no image ${escapeUntrusted(ref)}, which BOT_BOTTLE_IMAGE names`, {
    mend: "build or pull it, or unset BOT_BOTTLE_IMAGE",
  });
}

function lookAt(
  { engine }: DockerContext,
  ref: string,
  signal?: AbortSignal,
): ReturnType<typeof inspectImage> {
  return atEdge(`looking for image ${escapeUntrusted(ref)}`, inspectImage(engine, ref, signal));
}
