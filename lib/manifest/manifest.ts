/** Bottles and agents: read from Markdown files or one object, checked by one schema, resolved by one function. */

import { join } from "@std/path";
import { OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import { buildAgent, buildBottle, overlay } from "./build.ts";
import type { AgentDeclaration } from "./declaration.ts";
import { type DeclaredBottle, resolveExtends } from "./extends.ts";
import { exists, isFolder, readManifests } from "./files.ts";
import { boundsProblem, parseMarkdown } from "./frontmatter.ts";
import { check, errorAt, namesHint, quote, type Source } from "./issues.ts";
import type { AgentManifest, BottleManifest, ResolvedAgent } from "./model.ts";
import {
  agentObjectSchema,
  agentSchema,
  BOTTLE_KEYS,
  bottleSchema,
  MANIFEST_NAME,
  manifestSchema,
} from "./schema.ts";

/** Where manifests are looked for. */
export interface ManifestPlaces {
  /** Operator's home folder, absolute. */
  readonly home: string;
  /** Folder that the command runs in, absolute. */
  readonly cwd: string;
}

/** What {@linkcode Manifest.fromObject} needs besides the object. */
export interface FromObjectOptions {
  /** What a leading `~` stands for; without it such a path is an error. */
  readonly home?: string;
}

/** An agent's checked declaration and where it stands. */
interface DeclaredAgent {
  readonly source: Source;
  readonly declaration: AgentDeclaration;
  readonly prompt: string;
}

const FOLDER = ".bot-bottle";
const OLD_FILE = "bot-bottle.json";
const OBJECT_FILE = "<object>";

// What an agent's author is most likely after with a key of a bottle.
const BOTTLE_ONLY = new Map(
  BOTTLE_KEYS.map((
    key,
  ) => [key, "it is a key of bottles; an agent cannot change its bottle"]),
);

/** All bottles and agents that the operator has, checked and with `extends` resolved. */
export class Manifest {
  readonly #bottles: ReadonlyMap<string, BottleManifest>;
  readonly #agents: ReadonlyMap<string, AgentManifest>;
  /** What the operator should know: files skipped, folders ignored, agents that a repository moves. */
  readonly warnings: readonly string[];

  private constructor(
    bottles: ReadonlyMap<string, DeclaredBottle>,
    agents: ReadonlyMap<string, DeclaredAgent>,
    home: string,
    warnings: readonly string[],
  ) {
    const bottleNames = [...bottles.keys()];
    this.#bottles = new Map(
      [...resolveExtends(bottles)].map(([name, declaration]) => {
        const { file } = bottles.get(name)!.source;
        return [name, buildBottle({ name, file, home }, declaration)];
      }),
    );
    this.#agents = new Map(
      [...agents].map(([name, { source, declaration, prompt }]) => {
        const { bottle } = declaration;
        if (!bottles.has(bottle)) {
          const mend = namesHint("bottle", bottle, bottleNames);
          throw errorAt(source, ["bottle"], `bottle ${quote(bottle)} is not defined`, mend);
        }
        return [name, buildAgent({ name, file: source.file, home }, declaration, prompt)];
      }),
    );
    this.warnings = warnings;
  }

  /**
   * Reads `~/.bot-bottle/{bottles,agents}/*.md`, then `$CWD/.bot-bottle/agents/*.md`, which override by name. A
   * bottle comes from the home only.
   *
   * @throws {OperatorError} for the first thing that is wrong, with file, line and key path
   */
  static async load({ home, cwd }: ManifestPlaces): Promise<Manifest> {
    const warnings: string[] = [];
    const warn = (text: string) => void warnings.push(text);
    const sameFolder = await isSameFolder(home, cwd);
    await refuseOldFile(home, ["bottles", "agents"]);
    if (!sameFolder) await refuseOldFile(cwd, ["agents"]);

    const bottles = new Map<string, DeclaredBottle>();
    for (const { name, file, text } of await readManifests(join(home, FOLDER), "bottles", "operator", warn)) {
      const source = parseMarkdown(file, text);
      bottles.set(name, { source, declaration: check(bottleSchema, source) });
    }
    const agents = new Map<string, DeclaredAgent>();
    for (const { name, file, text } of await readManifests(join(home, FOLDER), "agents", "operator", warn)) {
      agents.set(name, declareAgent(file, text));
    }
    if (!sameFolder) await addRepositoryAgents(cwd, agents, warn);
    return new Manifest(bottles, agents, home, warnings);
  }

  /**
   * Reads `{ bottles: { NAME: {…} }, agents: { NAME: {…, prompt} } }` with the same checks as {@linkcode load}.
   *
   * @throws {OperatorError} for the first thing that is wrong, with its key path
   */
  static fromObject(value: unknown, { home }: FromObjectOptions = {}): Manifest {
    const source = objectSource([], value);
    const problem = boundsProblem(value);
    if (problem !== undefined) throw errorAt(source, [], `the object ${problem}`);
    const object = check(manifestSchema, source);
    const bottles = new Map<string, DeclaredBottle>();
    for (const [name, data] of Object.entries(object.bottles ?? {})) {
      const entry = objectEntry("bottles", name, data);
      bottles.set(name, { source: entry, declaration: check(bottleSchema, entry) });
    }
    const agents = new Map<string, DeclaredAgent>();
    for (const [name, data] of Object.entries(object.agents ?? {})) {
      const entry = objectEntry("agents", name, data);
      const declaration = check(agentObjectSchema, entry, BOTTLE_ONLY);
      agents.set(name, { source: entry, declaration, prompt: declaration.prompt ?? "" });
    }
    if (home === undefined) refuseHomePaths(bottles);
    return new Manifest(bottles, agents, home ?? "/", []);
  }

  /** Names of all agents, sorted. */
  agentNames(): string[] {
    return [...this.#agents.keys()].sort();
  }

  /** Names of all bottles, sorted. */
  bottleNames(): string[] {
    return [...this.#bottles.keys()].sort();
  }

  /**
   * An agent with its bottle.
   *
   * @throws {OperatorError} no such agent; the message lists the names
   */
  resolve(agentName: string): ResolvedAgent {
    const agent = this.#agents.get(agentName);
    if (agent === undefined) {
      const mend = this.#agents.size === 0
        ? `no agents are defined; write one to ~/${FOLDER}/agents/NAME.md`
        : namesHint("agent", agentName, this.agentNames());
      throw new OperatorError(`no agent is named ${quote(agentName)}`, { mend });
    }
    return overlay(agent, this.#bottles.get(agent.bottle)!);
  }
}

function declareAgent(file: string, text: string): DeclaredAgent {
  const source = parseMarkdown(file, text);
  return { source, declaration: check(agentSchema, source, BOTTLE_ONLY), prompt: source.body };
}

/** A repository may add agents and override them by name, and nothing else. */
async function addRepositoryAgents(
  cwd: string,
  agents: Map<string, DeclaredAgent>,
  warn: (text: string) => void,
): Promise<void> {
  const root = join(cwd, FOLDER);
  // First: a link there is not followed, not even for a look at what it leads to.
  if (!await isFolder(root, "repository", warn)) return;
  if (await exists(join(root, "bottles"))) {
    warn(`${escapeUntrusted(join(root, "bottles"))} is ignored: only ~/${FOLDER}/bottles may define bottles`);
  }
  for (const { name, file, text } of await readManifests(root, "agents", "repository", warn)) {
    const agent = declareAgent(file, text);
    const own = agents.get(name);
    if (own !== undefined && own.declaration.bottle !== agent.declaration.bottle) {
      const [from, to] = [own.declaration.bottle, agent.declaration.bottle].map(quote);
      warn(`${escapeUntrusted(file)} moves agent ${name} from bottle ${from} to bottle ${to}`);
    }
    agents.set(name, agent);
  }
}

async function refuseOldFile(folder: string, kinds: readonly string[]): Promise<void> {
  const old = join(folder, OLD_FILE);
  const folders = kinds.map((kind) => join(folder, FOLDER, kind));
  if (!await exists(old)) return;
  for (const path of folders) if (await exists(path)) return;
  throw new OperatorError(`${escapeUntrusted(old)} is no longer read`, {
    mend: `write each entry to its own file: ${
      kinds.map((kind) => escapeUntrusted(join(folder, FOLDER, kind, "NAME.md"))).join(", ")
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

function objectSource(prefix: readonly string[], data: unknown): Source {
  return { file: OBJECT_FILE, prefix, data, lineOf: () => undefined };
}

function objectEntry(kind: string, name: string, data: unknown): Source {
  const source = objectSource([kind, name], data);
  if (!MANIFEST_NAME.test(name)) throw errorAt(source, [], "a name is [a-z][a-z0-9-]*");
  return source;
}

function refuseHomePaths(bottles: ReadonlyMap<string, DeclaredBottle>): void {
  for (const { source, declaration } of bottles.values()) {
    const mend = "write an absolute path";
    if (declaration.agent_provider?.dockerfile?.startsWith("~")) {
      throw errorAt(
        source,
        ["agent_provider", "dockerfile"],
        "begins with ~, but no home folder is known",
        mend,
      );
    }
    for (const [name, repo] of Object.entries(declaration["git-gate"]?.repos ?? {})) {
      if (!repo.identity.startsWith("~")) continue;
      const path = ["git-gate", "repos", name, "identity"];
      throw errorAt(source, path, "begins with ~, but no home folder is known", mend);
    }
  }
}
