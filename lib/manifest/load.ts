/**
 * What the operator's disk declares.
 *
 * Threat: a repository's agents are written by whoever wrote the repository. One broken file, or too many, could keep
 * the operator's own agents from starting; a broken file that was passed over could make the operator start an agent
 * of the home where the repository has one of that name.
 *
 * Mechanism: a file that cannot be used is a warning and keeps its name, so that the error comes when that agent, or
 * an agent of that bottle, is asked for.
 */

import { join } from "@std/path";
import { OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import type { AgentDeclaration } from "./declaration.ts";
import type { DeclaredBottle } from "./extends.ts";
import { exists, isFolder, type ManifestFile, type Owner, readManifests } from "./files.ts";
import { type MarkdownSource, parseMarkdown } from "./frontmatter.ts";
import { check, operatorErrorOf, quote, type Source } from "./issues.ts";
import type { RepositoryOrigin } from "./model.ts";
import { AGENT_HINTS, agentSchema, bottleSchema } from "./schema.ts";
import { Warnings } from "./warnings.ts";

/** Folder of the home, and of a repository, that manifests stand in. */
export const FOLDER = ".bot-bottle";

const OLD_FILE = "bot-bottle.json";

/** Where manifests are looked for. */
export interface ManifestPlaces {
  /** Operator's home folder, absolute. */
  readonly home: string;
  /** Folder that the command runs in, absolute. */
  readonly cwd: string;
}

/** An agent's checked declaration and where it stands. */
export interface DeclaredAgent {
  /** Where it was read, for errors. */
  readonly source: Source;
  /** What it says. */
  readonly declaration: AgentDeclaration;
  /** Instructions, not trimmed. */
  readonly prompt: string;
  /** Set when a repository declares it. */
  readonly repository?: RepositoryOrigin;
}

/** Bottles and agents by name; an error stands for one that cannot be used. */
export interface Declarations {
  /** The home's bottles. */
  readonly bottles: ReadonlyMap<string, DeclaredBottle | OperatorError>;
  /** The home's agents, the repository's over them. */
  readonly agents: ReadonlyMap<string, DeclaredAgent | OperatorError>;
  /** Why it is not known which agents the repository adds; absent when it is. */
  readonly unread?: OperatorError;
}

/**
 * Reads and checks all manifests.
 *
 * @throws {OperatorError} a folder of the home that cannot be read, or a layout that is no longer read
 */
export async function loadDeclarations(
  { home, cwd }: ManifestPlaces,
  warnings: Warnings,
): Promise<Declarations> {
  const sameFolder = await isSameFolder(home, cwd);
  await refuseOldFile(home, "operator", ["bottles", "agents"]);
  if (!sameFolder) await refuseOldFile(cwd, "repository", ["agents"]);

  const root = join(home, FOLDER);
  const bottles = new Map<string, DeclaredBottle | OperatorError>();
  for (const manifest of await readManifests(root, "bottles", "operator", warnings)) {
    bottles.set(manifest.name, declared(manifest, bottleOf, warnings));
  }
  const agents = new Map<string, DeclaredAgent | OperatorError>();
  for (const manifest of await readManifests(root, "agents", "operator", warnings)) {
    agents.set(manifest.name, declared(manifest, agentOf, warnings));
  }
  const unread = sameFolder ? undefined : await addRepositoryAgents({ home, cwd }, agents, warnings);
  return { bottles, agents, ...(unread !== undefined && { unread }) };
}

function bottleOf(source: MarkdownSource): DeclaredBottle {
  return { source, declaration: check(bottleSchema, source) };
}

function agentOf(source: MarkdownSource): DeclaredAgent {
  return { source, declaration: check(agentSchema, source, AGENT_HINTS), prompt: source.body };
}

function declared<T>(
  { file, text }: ManifestFile,
  read: (source: MarkdownSource) => T,
  warnings: Warnings,
): T | OperatorError {
  try {
    if (text instanceof OperatorError) throw text;
    return read(parseMarkdown(file, text));
  } catch (caught) {
    const error = operatorErrorOf(caught);
    warnings.broken(file, error);
    return error;
  }
}

/**
 * A repository may add agents and override them by name, and nothing else.
 *
 * @returns why its agents are not known, when they are not
 */
async function addRepositoryAgents(
  { home, cwd }: ManifestPlaces,
  agents: Map<string, DeclaredAgent | OperatorError>,
  warnings: Warnings,
): Promise<OperatorError | undefined> {
  const root = join(cwd, FOLDER);
  // First: a link there is not followed, not even for a look at what it leads to.
  if (!await isFolder(root, "repository", warnings)) return undefined;
  if (await exists(join(root, "bottles"))) {
    warnings.add(
      `${escapeUntrusted(join(root, "bottles"))} is ignored: only ~/${FOLDER}/bottles may define bottles`,
    );
  }
  const manifests = await readManifests(root, "agents", "repository", warnings).catch(operatorErrorOf);
  if (manifests instanceof OperatorError) return await refuseAll(root, manifests, agents, warnings);
  for (const manifest of manifests) {
    const { name, file } = manifest;
    const own = agents.get(name);
    const found = declared(manifest, agentOf, warnings);
    if (found instanceof OperatorError) {
      agents.set(name, found);
      continue;
    }
    if (own !== undefined && !(own instanceof OperatorError)) {
      const [from, to] = [own.declaration.bottle, found.declaration.bottle];
      if (from !== to) {
        // Always told: there are no more of these than the operator has agents.
        warnings.add(
          `${escapeUntrusted(file)} moves agent ${name} from bottle ${quote(from)} to bottle ${quote(to)}`,
        );
      }
    }
    const overrides = own === undefined ? undefined : join(home, FOLDER, "agents", `${name}.md`);
    agents.set(name, { ...found, repository: overrides === undefined ? {} : { overrides } });
  }
  return undefined;
}

/**
 * None of the agents of a repository that has too many can be used. Whether it overrides one of the home's is told by
 * a look for that one file; all others of the home stay as they are. Where not even that look is possible the load
 * fails: it is not known then whose agent would start.
 */
async function refuseAll(
  root: string,
  cause: OperatorError,
  agents: Map<string, DeclaredAgent | OperatorError>,
  warnings: Warnings,
): Promise<OperatorError> {
  const error = new OperatorError(cause.message, { mend: "no agent of this folder can be used", cause });
  warnings.add(error);
  for (const name of [...agents.keys()]) {
    if (await exists(join(root, "agents", `${name}.md`))) agents.set(name, error);
  }
  return error;
}

async function refuseOldFile(folder: string, owner: Owner, kinds: readonly string[]): Promise<void> {
  const old = join(folder, OLD_FILE);
  if (!await exists(old)) return;
  const root = join(folder, FOLDER);
  // What is wrong with the folder is told when it is read.
  if (await isFolder(root, owner, new Warnings())) {
    for (const kind of kinds) if (await exists(join(root, kind))) return;
  }
  throw new OperatorError(`${escapeUntrusted(old)} is no longer read`, {
    mend: `write each entry to its own file: ${
      kinds.map((kind) => escapeUntrusted(join(root, kind, "NAME.md"))).join(", ")
    }`,
  });
}

async function isSameFolder(one: string, other: string): Promise<boolean> {
  try {
    return await Deno.realPath(one) === await Deno.realPath(other);
  } catch {
    return one === other;
  }
}
