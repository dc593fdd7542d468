/**
 * What goes into each image build, and the hash that names the result.
 *
 * Files are read below the folder that holds `images/`: the checkout, or the copy inside the executable
 * (`deno compile --include`).
 */

import type { ProviderPlan } from "../lib/providers/provider.ts";
import { messageOf, OperatorError } from "../lib/errors.ts";
import { escapeUntrusted } from "../lib/escape.ts";

/** Name in every context of the certificates that the build's downloads trust; its content may be empty. */
export const EXTRA_CA_FILE = "extra-ca.pem";

/** Label of build stages that are of no use once the image is made: `LABEL=VALUE`, for the engine's filters. */
export const FETCH_STAGE_LABEL = "bot-bottle.stage=fetch";

/** A file of a build context. */
export interface ContextFile {
  /** Path within the context, with `/`. */
  readonly path: string;
  /** Whole content. */
  readonly content: Uint8Array<ArrayBuffer>;
}

/** What an image is built from. */
export interface BuildContext {
  /** Path of the Dockerfile within the context. */
  readonly dockerfile: string;
  /** Sorted by path; without {@linkcode EXTRA_CA_FILE}. */
  readonly files: readonly ContextFile[];
}

const BUNDLE_DOCKERFILE = "images/Dockerfile.bundle";

/**
 * What the sidecars run on, besides their own folder: files, and folders (ending in `/`) taken whole. A test compares
 * this with the modules that the sidecars import.
 */
export const BUNDLE_LIB: readonly string[] = [
  "lib/bundle/daemons.ts",
  "lib/bundle/secrets_line.ts",
  "lib/egress/",
  "lib/errors.ts",
  "lib/escape.ts",
  "lib/git_gate/files.ts",
  "lib/git_gate/push_policy.ts",
  "lib/git_gate/wire.ts",
  "lib/net/",
  "lib/secret.ts",
  "lib/tls/",
];

/** Everything that the bundle image is built from. */
export const BUNDLE_SOURCES: readonly string[] = [
  BUNDLE_DOCKERFILE,
  "deno.json",
  "deno.lock",
  "sidecars/",
  ...BUNDLE_LIB,
];

/** What `deno compile` must embed so that the executable can build every image. */
export const EMBEDDED_SOURCES: readonly string[] = [
  "images/Dockerfile.claude",
  "images/Dockerfile.codex",
  ...BUNDLE_SOURCES,
];

/** Folder that the sources are below. */
const ROOT = new URL("../", import.meta.url);

/** Paths of the bundle's build context, sorted. */
export async function bundleContextPaths(): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const source of BUNDLE_SOURCES) {
    if (source.endsWith("/")) await walk(source, paths);
    else paths.push(source);
  }
  return paths.sort();
}

/** The bundle image's build context. */
export async function bundleContext(): Promise<BuildContext> {
  const paths = await bundleContextPaths();
  return { dockerfile: BUNDLE_DOCKERFILE, files: await Promise.all(paths.map(readEmbedded)) };
}

/**
 * An agent image's build context: its Dockerfile and nothing else.
 *
 * That holds for the operator's own Dockerfile too: what lies beside it (a home folder, keys) never gets into an
 * image that an untrusted agent reads.
 *
 * @throws {OperatorError} the operator's file cannot be read
 */
export async function agentContext(dockerfile: ProviderPlan["dockerfile"]): Promise<BuildContext> {
  if (dockerfile.kind === "embedded") {
    const path = `images/${dockerfile.path}`;
    return { dockerfile: path, files: [await readEmbedded(path)] };
  }
  try {
    const content = await Deno.readFile(dockerfile.path);
    return { dockerfile: "Dockerfile", files: [{ path: "Dockerfile", content }] };
  } catch (cause) {
    const shown = escapeUntrusted(dockerfile.path);
    throw new OperatorError(`agent_provider.dockerfile ${shown}: ${escapeUntrusted(messageOf(cause))}`, {
      mend: "make it a file that you can read",
      cause,
    });
  }
}

/** The file through which a build's downloads trust more certificates than the base image's. */
export function extraCaFile(pem: string): ContextFile {
  return { path: EXTRA_CA_FILE, content: new TextEncoder().encode(pem) };
}

/**
 * Names what a build gives: SHA-256, lower-case hex. The same name means that nothing need be built or uploaded.
 *
 * {@linkcode EXTRA_CA_FILE} does not count: it says whom the downloads trust, not what is downloaded, and a CA that
 * is renewed must not make every image again.
 *
 * @param buildArgs build arguments that are not images
 * @param imageIds ids (`sha256:…`) of the images built upon, by build argument
 */
export async function contextHash(
  context: BuildContext,
  buildArgs: Readonly<Record<string, string>>,
  imageIds: Readonly<Record<string, string>>,
): Promise<string> {
  const files = context.files.filter((file) => file.path !== EXTRA_CA_FILE).toSorted(byPath);
  const entries = await Promise.all(files.map(async ({ path, content }) => [path, await sha256(content)]));
  const recipe = [context.dockerfile, entries, sortedEntries(buildArgs), sortedEntries(imageIds)];
  return await sha256(new TextEncoder().encode(JSON.stringify(recipe)));
}

async function walk(folder: string, into: string[]): Promise<void> {
  for await (const entry of Deno.readDir(new URL(folder, ROOT))) {
    if (entry.isDirectory) await walk(`${folder}${entry.name}/`, into);
    else if (entry.isFile && entry.name.endsWith(".ts")) into.push(`${folder}${entry.name}`);
  }
}

async function readEmbedded(path: string): Promise<ContextFile> {
  return { path, content: await Deno.readFile(new URL(path, ROOT)) };
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

function sortedEntries(record: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

function byPath(a: ContextFile, b: ContextFile): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}
