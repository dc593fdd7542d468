/**
 * Image builds by the engine's classic builder.
 *
 * The classic builder keeps the layers of finished steps as untagged images, and a cut connection leaves them behind
 * together with the running step's container for a moment. A build that fails or is aborted here takes away what it
 * made: ids are read from the builder's text, and since a step can print such text too, only what did not exist
 * before the build and has no tag is removed. A build that succeeds leaves its layers: they are the cache.
 */

import { messageOf, OperatorError } from "../../../lib/errors.ts";
import { escapeUntrusted } from "../../../lib/escape.ts";
import { type ContainerSummary, type Labels, removeContainer } from "./containers.ts";
import type { Engine } from "./engine.ts";
import { isRefusal } from "./errors.ts";
import { type ImageSummary, inspectImage, removeImage } from "./images.ts";
import { LineCutter, progressMessages } from "./progress.ts";

/** What to build. */
export interface BuildOptions {
  /** `repo:tag` of the result. */
  readonly tag: string;
  /** The build context as a tar stream. */
  readonly context: ReadableStream<Uint8Array>;
  /** Path of the Dockerfile in the context. @default "Dockerfile" */
  readonly dockerfile?: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly labels?: Labels;
  /** Stage to stop at. @default the last */
  readonly target?: string;
  /** Network of the steps. @default the default bridge */
  readonly networkMode?: string;
  /** `name:ip` for the steps' /etc/hosts. */
  readonly extraHosts?: readonly string[];
  /** Do every step again. @default false */
  readonly noCache?: boolean;
  /** Hears each line of the build, safe on a terminal. */
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** A build that failed, with what it said last. */
export class BuildError extends OperatorError {
  /** The last lines of the build, oldest first, safe on a terminal. */
  readonly lastLines: readonly string[];

  /** Makes an error from one line and the build's last ones. */
  constructor(what: string, lastLines: readonly string[]) {
    super(what);
    this.lastLines = lastLines;
  }
}

const LINES_KEPT = 20;

/**
 * Builds an image and gives its id.
 *
 * @throws {BuildError} a step failed, or the Dockerfile is wrong
 * @throws the signal's reason when it was aborted; nothing of the build is left then
 */
export async function buildImage(engine: Engine, options: BuildOptions): Promise<string> {
  const before = await snapshot(engine, options.signal);
  const trail = new BuildTrail();
  const said: string[] = [];
  try {
    return await runBuild(engine, options, (line) => {
      trail.read(line);
      said.push(line);
      if (said.length > LINES_KEPT) said.shift();
      options.onLine?.(line);
    });
  } catch (error) {
    await sweep(engine, trail, before);
    if (error instanceof StepFailure || isRefusal(error, 400, 500)) {
      throw new BuildError(`building image ${options.tag} failed: ${messageOf(error)}`, [...said]);
    }
    throw error;
  }
}

/** The engine reported the build's own failure. */
class StepFailure extends Error {}

async function runBuild(
  engine: Engine,
  options: BuildOptions,
  onLine: (line: string) => void,
): Promise<string> {
  const response = await engine.request("POST", "/build", {
    query: {
      t: options.tag,
      dockerfile: options.dockerfile ?? "Dockerfile",
      buildargs: options.buildArgs,
      labels: options.labels,
      target: options.target,
      networkmode: options.networkMode,
      extrahosts: options.extraHosts?.join(","),
      nocache: options.noCache,
      rm: true,
      forcerm: true,
    },
    headers: { "content-type": "application/x-tar" },
    body: options.context,
    signal: options.signal,
  });
  const cutter = new LineCutter();
  let id: string | undefined;
  for await (const message of progressMessages(response.body ?? new Blob().stream())) {
    if (message.error !== undefined) {
      cutter.flush().forEach(onLine);
      throw new StepFailure(escapeUntrusted(message.error.trim()));
    }
    cutter.push(message.stream ?? statusLine(message.id, message.status)).forEach(onLine);
    id = message.aux?.ID ?? id;
  }
  cutter.flush().forEach(onLine);
  // A build of only cached steps may name no id beside its text.
  id ??= (await inspectImage(engine, options.tag, options.signal))?.Id;
  if (id === undefined) throw new StepFailure("the engine gave no image id");
  return id;
}

/** States of a pull are repeated for each layer and percent: only those of the whole are lines. */
function statusLine(id: string | undefined, status: string | undefined): string {
  return status === undefined || id !== undefined ? "" : `${status}\n`;
}

/** What a build made, read from its text. */
export class BuildTrail {
  /** Short ids of the steps' images, oldest first. */
  readonly images: string[] = [];
  /** Short ids of the steps' containers. */
  readonly containers: string[] = [];
  #known = false;

  /** Reads a line of the builder. */
  read(line: string): void {
    const made = /^ ---> (?:Running in )?([0-9a-f]{12})$/.exec(line)?.[1];
    if (made !== undefined && line.includes("Running in")) this.containers.push(made);
    else if (made !== undefined && !this.#known) this.images.push(made);
    // The id after these two is of an image that was there before.
    this.#known = line === " ---> Using cache" || /^Step \d+\/\d+ : FROM /i.test(line);
  }
}

interface Snapshot {
  readonly images: readonly string[];
  readonly containers: readonly string[];
}

async function snapshot(engine: Engine, signal?: AbortSignal): Promise<Snapshot> {
  const query = { all: true };
  const [images, containers] = await Promise.all([
    engine.json<readonly ImageSummary[]>("GET", "/images/json", { query, signal }),
    engine.json<readonly ContainerSummary[]>("GET", "/containers/json", { query, signal }),
  ]);
  return { images: images.map(({ Id }) => Id), containers: containers.map(({ Id }) => Id) };
}

/** Removes what the build left. It must not hide the build's own error: a refusal leaves the thing to the engine. */
async function sweep(engine: Engine, trail: BuildTrail, before: Snapshot): Promise<void> {
  try {
    for (const short of trail.containers) {
      if (!before.containers.some((id) => id.startsWith(short))) await removeContainer(engine, short);
    }
    for (const short of trail.images.toReversed()) {
      const image = await inspectImage(engine, short);
      if (image === undefined || before.images.includes(image.Id) || image.RepoTags?.length) continue;
      await removeImage(engine, image.Id, { keepParents: true });
    }
  } catch {
    // The engine is gone, or another build stands on these layers by now.
  }
}
