/**
 * Manifest files on disk.
 *
 * Threat: the folder that bottle runs in is a cloned repository, and its `.bot-bottle/agents` is written by
 * whoever wrote the repository. A symbolic link there could bring a file of the operator's into an agent's prompt; a
 * pipe, a device or a huge file could hang bottle.
 *
 * Mechanism: only regular files of bounded size and number are read; from a repository no link is followed, neither
 * the folders nor the files.
 *
 * Rejected: resolving links and allowing those that stay in the repository; manifests need none. In the operator's
 * own home links are followed, since tools that manage dotfiles make them.
 */

import { join } from "@std/path";
import { messageOf, OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import { operatorErrorOf } from "./issues.ts";
import { MANIFEST_NAME } from "./schema.ts";
import type { Warnings } from "./warnings.ts";

/** A file of more bytes than this is refused. */
export const MAX_FILE = 1024 * 1024;
/** A folder of more entries than this is refused. */
const MAX_ENTRIES = 1000;
/** A folder of whose manifests more bytes than this would be read is refused. */
const MAX_TOTAL = 4 * MAX_FILE;

/** One manifest. */
export interface ManifestFile {
  /** Name of the bottle or agent. */
  readonly name: string;
  /** Absolute path. */
  readonly file: string;
  /** Content of the file, or why there is none: not a plain file, unreadable, too great, not UTF-8. */
  readonly text: string | OperatorError;
}

/** Whose folder it is: links are followed in the operator's own only. */
export type Owner = "operator" | "repository";

/**
 * Reads the manifests of one folder (`bottles` or `agents`) of a `.bot-bottle` folder, in the order of their names.
 *
 * @param warnings told of every entry that no manifest can be
 * @returns an empty list when there is no such folder
 * @throws {OperatorError} the folder cannot be read or is too great
 */
export async function readManifests(
  root: string,
  kind: "bottles" | "agents",
  owner: Owner,
  warnings: Warnings,
): Promise<ManifestFile[]> {
  const folder = join(root, kind);
  for (const path of [root, folder]) {
    if (!await isFolder(path, owner, warnings)) return [];
  }
  const manifests: ManifestFile[] = [];
  const budget = { left: MAX_TOTAL };
  for (const entry of await entriesOf(folder)) {
    const file = join(folder, entry);
    const name = entry.endsWith(".md") ? entry.slice(0, -3) : "";
    if (!MANIFEST_NAME.test(name)) {
      const shown = escapeUntrusted(file);
      warnings.skipped(file, `${shown} is skipped: a manifest's file name is [a-z][a-z0-9-]*.md`);
      continue;
    }
    const text = await readText(file, owner, budget).catch(operatorErrorOf);
    if (budget.left < 0) {
      throw new OperatorError(
        `${escapeUntrusted(folder)} holds more than ${MAX_TOTAL / MAX_FILE} MiB of manifests`,
      );
    }
    manifests.push({ name, file, text });
  }
  return manifests;
}

/** Whether something, of whatever kind, has this path. */
export async function exists(path: string): Promise<boolean> {
  return await infoOf(path, "repository") !== undefined;
}

/** Whether this is a folder that may be read; whatever else has the path is a warning. */
export async function isFolder(path: string, owner: Owner, warnings: Warnings): Promise<boolean> {
  const info = await infoOf(path, owner);
  if (info === undefined) return false;
  if (info.isDirectory) return true;
  const what = info.isSymlink ? "a repository's links are not followed" : "it is not a folder";
  warnings.add(`${escapeUntrusted(path)} is ignored: ${what}`);
  return false;
}

/** Bytes that may still be read of a folder; below zero when it held more. */
interface Budget {
  left: number;
}

async function readText(path: string, owner: Owner, budget: Budget): Promise<string> {
  const info = await infoOf(path, owner);
  if (!info?.isFile) {
    const what = info === undefined
      ? "its link leads nowhere"
      : info.isSymlink
      ? "a repository's links are not followed"
      : "it is not a file";
    throw new OperatorError(`${escapeUntrusted(path)} cannot be used: ${what}`);
  }
  const bytes = await readBounded(path, budget);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new OperatorError(`${escapeUntrusted(path)} is not UTF-8 text`);
  }
}

async function infoOf(path: string, owner: Owner): Promise<Deno.FileInfo | undefined> {
  try {
    return await (owner === "operator" ? Deno.stat(path) : Deno.lstat(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw unreadable(path, error);
  }
}

async function entriesOf(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) {
      names.push(entry.name);
      if (names.length > MAX_ENTRIES) break;
    }
  } catch (error) {
    throw unreadable(folder, error);
  }
  if (names.length > MAX_ENTRIES) {
    throw new OperatorError(`${escapeUntrusted(folder)} holds more than ${MAX_ENTRIES} entries`);
  }
  return names.sort();
}

/** The size that the file system tells is not believed: the file may grow while it is read. */
async function readBounded(path: string, budget: Budget): Promise<Uint8Array> {
  const buffer = new Uint8Array(MAX_FILE + 1);
  let length = 0;
  try {
    using file = await Deno.open(path, { read: true });
    while (length < buffer.length) {
      const count = await file.read(buffer.subarray(length));
      if (count === null) break;
      length += count;
    }
  } catch (error) {
    throw unreadable(path, error);
  }
  budget.left -= length;
  if (length > MAX_FILE) {
    throw new OperatorError(`${escapeUntrusted(path)} is greater than ${MAX_FILE / 1024} KiB`);
  }
  return buffer.subarray(0, length);
}

function unreadable(path: string, cause: unknown): OperatorError {
  return new OperatorError(`${escapeUntrusted(path)} cannot be read: ${escapeUntrusted(messageOf(cause))}`, {
    cause,
  });
}
