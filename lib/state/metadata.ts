/** `metadata.json` of a bottle: what `resume`, `list` and attach need to know about a bottle they did not start. */

import { z } from "zod";
import { OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import { stateError, statePaths, writeStateFile } from "./paths.ts";

/** Backend of bottles whose metadata names none: older ones knew no other. */
const FIRST_BACKEND = "docker";

/** Fields that a newer version adds are ignored, so that its bottles can still be listed and removed. */
const schema = z.looseObject({
  identity: z.string().describe("The bottle's identity; the name of its folder."),
  agent_name: z.string().min(1).describe("Agent manifest that runs in it."),
  backend: z.string().optional().describe(`Where it runs; missing or empty means ${FIRST_BACKEND}.`),
  cwd: z.string().default("").describe("Folder on the host that it was started in."),
  copy_cwd: z.boolean().default(false).describe("Whether that folder is copied into the guest."),
  started_at: z.string().default("").describe("Start of the latest launch, ISO 8601 in UTC."),
});

/** What is known about a bottle. */
export interface Metadata {
  /** Name of its state folder. */
  readonly identity: string;
  /** Agent manifest that runs in it. */
  readonly agentName: string;
  /** Where it runs. */
  readonly backend: string;
  /** Absolute folder on the host, or empty when it was not recorded. */
  readonly cwd: string;
  /** Whether that folder is copied into the guest. */
  readonly copyCwd: boolean;
  /** ISO 8601 in UTC, or empty. */
  readonly startedAt: string;
}

/** Writes the metadata of a bottle, whole or not at all. @throws {OperatorError} naming the file */
export async function writeMetadata(home: string, metadata: Metadata): Promise<void> {
  const path = statePaths(home, metadata.identity).metadata;
  const record: z.input<typeof schema> = {
    identity: metadata.identity,
    agent_name: metadata.agentName,
    backend: metadata.backend,
    cwd: metadata.cwd,
    copy_cwd: metadata.copyCwd,
    started_at: metadata.startedAt,
  };
  try {
    await writeStateFile(path, JSON.stringify(record, null, 2) + "\n");
  } catch (cause) {
    throw stateError("cannot write", path, cause);
  }
}

/**
 * Reads the metadata of a bottle.
 *
 * @returns undefined when there is none
 * @throws {OperatorError} naming the file and the field when it is broken
 */
export async function readMetadata(home: string, identity: string): Promise<Metadata | undefined> {
  const path = statePaths(home, identity).metadata;
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw stateError("cannot read", path, cause);
  }
  return parseMetadata(text, path, identity);
}

function parseMetadata(text: string, path: string, identity: string): Metadata {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw broken(path, "it is not JSON", cause);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const key = issue?.path.join(".") ?? "";
    throw broken(path, `${key === "" ? "the top level" : key}: ${issue?.message ?? "invalid"}`, parsed.error);
  }
  const record = parsed.data;
  if (record.identity !== identity) {
    throw broken(path, `identity: it is ${record.identity}, the folder is ${identity}`, undefined);
  }
  return {
    identity: record.identity,
    agentName: record.agent_name,
    backend: record.backend === undefined || record.backend === "" ? FIRST_BACKEND : record.backend,
    cwd: record.cwd,
    copyCwd: record.copy_cwd,
    startedAt: record.started_at,
  };
}

function broken(path: string, reason: string, cause: unknown): OperatorError {
  return new OperatorError(`${escapeUntrusted(path)} is broken: ${escapeUntrusted(reason)}`, {
    mend: "mend the file, or remove the bottle with `bottle cleanup`",
    cause,
  });
}
