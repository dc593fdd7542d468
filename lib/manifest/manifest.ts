/** Bottles and agents: read from Markdown files or one object, checked by one schema, resolved by one function. */

import { OperatorError } from "../errors.ts";
import { buildAgent, buildBottle, overlay } from "./build.ts";
import { type DeclaredBottle, resolveExtends } from "./extends.ts";
import { boundsProblem } from "./frontmatter.ts";
import { check, errorAt, namesHint, quote, type Source } from "./issues.ts";
import {
  type Declarations,
  type DeclaredAgent,
  FOLDER,
  loadDeclarations,
  type ManifestPlaces,
} from "./load.ts";
import type { BottleManifest, ResolvedAgent } from "./model.ts";
import { RoutePlaces } from "./places.ts";
import { AGENT_HINTS, agentObjectSchema, bottleSchema, MANIFEST_NAME, manifestSchema } from "./schema.ts";
import { Warnings } from "./warnings.ts";

export type { ManifestPlaces } from "./load.ts";

/** What {@linkcode Manifest.fromObject} needs besides the object. */
export interface FromObjectOptions {
  /** What a leading `~` stands for; without it such a path is an error. */
  readonly home?: string;
}

/** Told of a manifest that turns out to be wrong once the others are known. */
type Report = (file: string, error: OperatorError) => void;

const OBJECT_FILE = "<object>";

/** All bottles and agents that the operator has, checked and with `extends` resolved. */
export class Manifest {
  readonly #bottles: ReadonlyMap<string, BottleManifest | OperatorError>;
  readonly #agents: ReadonlyMap<string, ResolvedAgent | OperatorError>;
  readonly #declared: Declarations["bottles"];
  readonly #unread: OperatorError | undefined;
  readonly #warnings: Warnings;

  private constructor(declarations: Declarations, home: string, warnings: Warnings, report: Report) {
    this.#bottles = bottlesOf(declarations, home, report);
    this.#agents = agentsOf(declarations, this.#bottles, home, report);
    this.#declared = declarations.bottles;
    this.#unread = declarations.unread;
    this.#warnings = warnings;
  }

  /**
   * Reads `~/.bot-bottle/{bottles,agents}/*.md`, then `$CWD/.bot-bottle/agents/*.md`, which override by name. A
   * bottle comes from the home only. A file that cannot be used is a warning until {@linkcode resolve} needs it.
   *
   * @throws {OperatorError} a folder of the home that cannot be read, or a layout that is no longer read
   */
  static async load(places: ManifestPlaces): Promise<Manifest> {
    const warnings = new Warnings();
    const declarations = await loadDeclarations(places, warnings);
    return new Manifest(
      declarations,
      places.home,
      warnings,
      (file, error) => warnings.broken(file, error),
    );
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
      const declaration = check(agentObjectSchema, entry, AGENT_HINTS);
      agents.set(name, { source: entry, declaration, prompt: declaration.prompt ?? "" });
    }
    if (home === undefined) refuseHomePaths(bottles);
    return new Manifest({ bottles, agents }, home ?? "/", new Warnings(), (_file, error) => {
      throw error;
    });
  }

  /** Names of all agents that can be used, sorted. */
  agentNames(): string[] {
    return usable(this.#agents).sort();
  }

  /** Names of all bottles that can be used, sorted. */
  bottleNames(): string[] {
    return usable(this.#bottles).sort();
  }

  /**
   * What the operator should know: files skipped or broken, folders ignored, agents that a repository moves.
   *
   * @param asked the agent that will be resolved: what {@linkcode resolve} throws for it is left out
   */
  warnings(asked?: string): string[] {
    return this.#warnings.lines(asked === undefined ? undefined : this.#agents.get(asked) ?? this.#unread);
  }

  /** Where the routes of an agent's bottle are declared; the bottle is one that {@linkcode resolve} gave. */
  routePlaces(bottle: BottleManifest): RoutePlaces {
    return new RoutePlaces(this.#declared, bottle.name);
  }

  /**
   * An agent with its bottle.
   *
   * @throws {OperatorError} its file or its bottle's cannot be used, with file, line and key path; no such agent, with
   * the names that there are
   */
  resolve(agentName: string): ResolvedAgent {
    const agent = this.#agents.get(agentName);
    if (agent instanceof OperatorError) throw agent;
    if (agent !== undefined) return agent;
    const names = [...this.#agents.keys()];
    const hint = names.length === 0
      ? `no agents are defined; write one to ~/${FOLDER}/agents/NAME.md`
      : namesHint("agent", agentName, names);
    throw new OperatorError(`no agent is named ${quote(agentName)}`, {
      mend: this.#unread === undefined ? hint : `${this.#unread.line}; ${hint}`,
    });
  }
}

function bottlesOf(
  { bottles }: Declarations,
  home: string,
  report: Report,
): Map<string, BottleManifest | OperatorError> {
  const built = new Map<string, BottleManifest | OperatorError>();
  for (const [name, merged] of resolveExtends(bottles)) {
    const own = bottles.get(name)!;
    if (own instanceof OperatorError) {
      built.set(name, own);
      continue;
    }
    const { file } = own.source;
    if (merged instanceof OperatorError) report(file, merged);
    built.set(name, merged instanceof OperatorError ? merged : buildBottle({ name, file, home }, merged));
  }
  return built;
}

function agentsOf(
  { agents }: Declarations,
  bottles: ReadonlyMap<string, BottleManifest | OperatorError>,
  home: string,
  report: Report,
): Map<string, ResolvedAgent | OperatorError> {
  const resolved = new Map<string, ResolvedAgent | OperatorError>();
  for (const [name, agent] of agents) {
    if (agent instanceof OperatorError) {
      resolved.set(name, agent);
      continue;
    }
    const { source, declaration, prompt, repository } = agent;
    const bottle = bottles.get(declaration.bottle) ?? undefinedBottle(agent, [...bottles.keys()]);
    if (bottle instanceof OperatorError) {
      report(source.file, bottle);
      resolved.set(name, bottle);
    } else {
      const context = { name, file: source.file, home };
      resolved.set(name, overlay(buildAgent(context, declaration, prompt, repository), bottle));
    }
  }
  return resolved;
}

function undefinedBottle({ source, declaration: { bottle } }: DeclaredAgent, names: string[]): OperatorError {
  const mend = namesHint("bottle", bottle, names);
  return errorAt(source, ["bottle"], `bottle ${quote(bottle)} is not defined`, mend);
}

function usable(all: ReadonlyMap<string, unknown>): string[] {
  return [...all].filter(([, found]) => !(found instanceof OperatorError)).map(([name]) => name);
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
