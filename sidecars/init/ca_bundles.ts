/**
 * The certificates that egress and pipelock trust upstream.
 *
 * The image alone has the system's bundle and the host alone knows the operator's extra CA, so init puts them
 * together at start. pipelock gets system + extra; egress gets pipelock's own CA too, since pipelock re-signs
 * what it inspects.
 */

import { BUNDLE_PATHS } from "../../lib/bundle/daemons.ts";

const PUBLIC_MODE = 0o644;

/** Paths read and written; the defaults are the bundle's. */
export interface CaPaths {
  readonly systemCa: string;
  readonly pipelockCaCert: string;
  readonly pipelockExtraCa: string;
  readonly pipelockUpstreamCa: string;
  readonly egressUpstreamCa: string;
}

/**
 * Writes both bundles.
 *
 * @returns what is missing and so not trusted, one text each: the system's bundle or pipelock's CA. Both daemons
 * refuse what they cannot verify, so a missing part closes the way out, it never widens it.
 */
export async function writeCaBundles(paths: CaPaths = BUNDLE_PATHS): Promise<readonly string[]> {
  const [system, pipelock, extra] = await Promise.all(
    [paths.systemCa, paths.pipelockCaCert, paths.pipelockExtraCa].map(readIfThere),
  );
  await Promise.all([
    write(paths.pipelockUpstreamCa, [system, extra]),
    write(paths.egressUpstreamCa, [system, extra, pipelock]),
  ]);
  const missing = [];
  if (system === undefined) {
    missing.push(`${paths.systemCa} is missing: no public certificate will be trusted`);
  }
  if (pipelock === undefined) missing.push(`${paths.pipelockCaCert} is missing: egress will refuse pipelock`);
  return missing;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function write(path: string, parts: readonly (string | undefined)[]): Promise<void> {
  const text = parts.filter((part) => part !== undefined).map((part) => part.trimEnd() + "\n").join("");
  await Deno.writeTextFile(path, text, { mode: PUBLIC_MODE });
}
