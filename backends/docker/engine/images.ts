/** Images of the engine; building them is in build.ts. */

import { OperatorError } from "../../../lib/errors.ts";
import { escapeUntrusted } from "../../../lib/escape.ts";
import { absentAsUndefined, labelFilter, type Labels } from "./containers.ts";
import type { Engine } from "./engine.ts";
import { isRefusal } from "./errors.ts";
import { progressMessages } from "./progress.ts";

/** What `inspect` tells. */
export interface ImageInfo {
  /** `sha256:…` */
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
  /** RFC 3339 time. */
  readonly Created: string;
  readonly Architecture: string;
  /** Bytes. */
  readonly Size: number;
  readonly Config: {
    readonly User: string;
    /** `NAME=value` */
    readonly Env: readonly string[] | null;
    readonly Cmd: readonly string[] | null;
    readonly Entrypoint: readonly string[] | null;
    readonly WorkingDir: string;
    readonly Labels: Labels | null;
  };
}

/** A row of the list. */
export interface ImageSummary {
  /** `sha256:…` */
  readonly Id: string;
  readonly ParentId: string;
  readonly RepoTags: readonly string[] | null;
  /** Seconds since 1970. */
  readonly Created: number;
  /** Bytes. */
  readonly Size: number;
  readonly Labels: Labels | null;
}

/** Facts of an image by tag or id, undefined when there is none. */
export async function inspectImage(
  engine: Engine,
  name: string,
  signal?: AbortSignal,
): Promise<ImageInfo | undefined> {
  return await absentAsUndefined(engine.json<ImageInfo>("GET", `/images/${pathOf(name)}/json`, { signal }));
}

/** Images that carry all these labels. */
export async function listImages(
  engine: Engine,
  labels: Labels,
  signal?: AbortSignal,
): Promise<readonly ImageSummary[]> {
  return await engine.json("GET", "/images/json", {
    query: { filters: { label: labelFilter(labels) } },
    signal,
  });
}

/** Gives an image one more tag, taking it from another image if need be. @throws {EngineError} 404 */
export async function tagImage(
  engine: Engine,
  name: string,
  reference: ImageReference,
  signal?: AbortSignal,
): Promise<void> {
  await engine.send("POST", `/images/${pathOf(name)}/tag`, { query: { ...reference }, signal });
}

/** Where a tag stands. */
export interface ImageReference {
  /** Repository, e.g. `bot-bottle/agent`. */
  readonly repo: string;
  readonly tag: string;
}

/** How an image is removed. */
export interface RemoveImageOptions {
  /** Untag it even if it has other tags, and if stopped containers use it. @default false */
  readonly force?: boolean;
  /** Keep its untagged parents. @default false */
  readonly keepParents?: boolean;
  readonly signal?: AbortSignal;
}

/** Removes a tag, and the image with its last one; an absent one is fine. @throws {EngineError} 409 in use */
export async function removeImage(
  engine: Engine,
  name: string,
  options: RemoveImageOptions = {},
): Promise<void> {
  try {
    await engine.send("DELETE", `/images/${pathOf(name)}`, {
      query: { force: options.force ?? false, noprune: options.keepParents ?? false },
      signal: options.signal,
    });
  } catch (error) {
    if (!isRefusal(error, 404)) throw error;
  }
}

/**
 * Makes an image of one layer from a root file system as a tar stream, and gives its id.
 *
 * @param changes Dockerfile instructions, e.g. `LABEL a=b`, `USER node`
 * @throws {OperatorError} the engine could not unpack it
 * @throws {EngineError}
 */
export async function importImage(
  engine: Engine,
  tar: ReadableStream<Uint8Array>,
  reference: ImageReference,
  changes: readonly string[] = [],
  signal?: AbortSignal,
): Promise<string> {
  const query = new URLSearchParams({ fromSrc: "-", repo: reference.repo, tag: reference.tag });
  for (const change of changes) query.append("changes", change);
  const response = await engine.request("POST", "/images/create", { query, body: tar, signal });
  const name = `${reference.repo}:${reference.tag}`;
  let id: string | undefined;
  for await (const message of progressMessages(response.body ?? new Blob().stream())) {
    if (message.error !== undefined) {
      throw new OperatorError(`importing image ${name} failed: ${escapeUntrusted(message.error)}`);
    }
    if (message.status?.startsWith("sha256:")) id = message.status;
  }
  if (id === undefined) {
    throw new OperatorError(`importing image ${name} failed: the engine gave no image id`);
  }
  return id;
}

/** A reference in a path keeps its slashes. */
function pathOf(name: string): string {
  return name.split("/").map(encodeURIComponent).join("/");
}
