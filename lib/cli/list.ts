/** `bottle list`: the bottles that are on the backends now. */

import type { ActiveBottle } from "../bottle/contracts.ts";
import { messageOf } from "../errors.ts";
import { escapedJson } from "../escape.ts";
import { isIdentity } from "../state/identity.ts";
import { type Metadata, readMetadata } from "../state/metadata.ts";
import { type CliHost, homeOf, usableBackends } from "./host.ts";
import { renderTable } from "./table.ts";

/** Options of `list` as the command line gives them. */
export interface ListOptions {
  /** As JSON. */
  readonly json?: true;
}

/** A row of the list. */
interface Row {
  readonly bottle: ActiveBottle;
  readonly metadata: Metadata | undefined;
}

/**
 * Lists the active bottles: by start time, then identity; those without metadata first.
 *
 * @throws {OperatorError} no backend can be used, and why
 */
export async function list(host: CliHost, options: ListOptions): Promise<number> {
  const home = homeOf(host);
  const backends = await usableBackends(host.backends);
  const active = (await Promise.all(backends.map((backend) => backend.enumerateActive()))).flat();
  const rows = await Promise.all(active.map(async (bottle) => ({
    bottle,
    metadata: await metadataOf(host, home, bottle.identity),
  })));
  rows.sort((a, b) => compare(startOf(a), startOf(b)) || compare(a.bottle.identity, b.bottle.identity));
  if (options.json) {
    host.output.print(escapedJson(rows.map(record)) + "\n");
  } else if (rows.length > 0) {
    const head = ["IDENTITY", "AGENT", "BACKEND", "STARTED", "STATE", "FOLDER"];
    host.output.print(renderTable([head, ...rows.map(cells)]));
  } else {
    host.output.say("no active bottles");
  }
  if (rows.some(({ bottle }) => bottle.orphan)) {
    host.output.say("orphans have lost their bottle process; `bottle cleanup` removes them");
  }
  return 0;
}

/** A broken metadata file must not hide the bottle. */
async function metadataOf(host: CliHost, home: string, identity: string): Promise<Metadata | undefined> {
  if (!isIdentity(identity)) return undefined;
  try {
    return await readMetadata(home, identity);
  } catch (error) {
    host.output.warn(messageOf(error));
    return undefined;
  }
}

function startOf({ metadata }: Row): string {
  return metadata?.startedAt ?? "";
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function cells({ bottle, metadata }: Row): readonly string[] {
  const state = bottle.orphan ? "orphan" : "active";
  const folder = metadata?.copyCwd ? metadata.cwd : "";
  const started = (metadata?.startedAt ?? "").replace(/\.\d+Z$/, "Z");
  return [bottle.identity, metadata?.agentName ?? "?", bottle.backend, started || "?", state, folder];
}

/** The names of `metadata.json`; null where nothing is known. */
function record({ bottle, metadata }: Row): Record<string, unknown> {
  return {
    identity: bottle.identity,
    agent_name: metadata?.agentName ?? null,
    backend: bottle.backend,
    cwd: metadata?.cwd ?? null,
    copy_cwd: metadata?.copyCwd ?? null,
    started_at: metadata?.startedAt ?? null,
    orphan: bottle.orphan,
    daemons: bottle.daemons,
  };
}
