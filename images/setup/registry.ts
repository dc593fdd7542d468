/** Images from a registry. */

import type { Engine } from "../../backends/docker/engine/engine.ts";
import { progressMessages } from "../../backends/docker/engine/progress.ts";
import { OperatorError } from "../../lib/errors.ts";
import { escapeUntrusted } from "../../lib/escape.ts";

const PROBE_SECONDS = 4;

/** A reference taken apart. */
export interface RegistryReference {
  /** Host (and port) of the registry's API. */
  readonly host: string;
  /** Repository as the engine names it, registry included. */
  readonly repo: string;
  readonly tag: string;
}

/** Takes apart a fully named reference, `registry/path:tag`. @throws {TypeError} it is not one */
export function registryReference(ref: string): RegistryReference {
  const match = /^(?<registry>[^/]+\.[^/]+)\/(?<path>.+):(?<tag>[^:/]+)$/.exec(ref);
  if (match?.groups === undefined) throw new TypeError(`not a full image reference: ${ref}`);
  const { registry = "", path = "", tag = "" } = match.groups;
  // Docker Hub's API has another name than its images.
  const host = registry === "docker.io" ? "registry-1.docker.io" : registry;
  return { host, repo: `${registry}/${path}`, tag };
}

/**
 * Whether a registry answers from this host. An engine that is cut off waits long for a registry's name: better to ask
 * first.
 */
export async function inReach(host: string): Promise<boolean> {
  try {
    const response = await fetch(`https://${host}/v2/`, {
      signal: AbortSignal.timeout(PROBE_SECONDS * 1000),
      redirect: "manual",
    });
    await response.body?.cancel();
    return response.status === 200 || response.status === 401;
  } catch {
    return false; // no name, no route, no trust, too slow: all the same here
  }
}

/** Makes the engine pull an image. @throws {OperatorError} it cannot */
export async function pullImage(engine: Engine, ref: string, signal?: AbortSignal): Promise<void> {
  // The engine takes the tag from the reference itself when it is part of `fromImage`, digests included.
  const response = await engine.request("POST", "/images/create", { query: { fromImage: ref }, signal });
  for await (const message of progressMessages(response.body ?? new Blob().stream())) {
    if (message.error !== undefined) {
      throw new OperatorError(`pulling ${escapeUntrusted(ref)} failed: ${escapeUntrusted(message.error)}`);
    }
  }
}
