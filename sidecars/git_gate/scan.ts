/**
 * Scans what a push brings for secrets, twice at once: gitleaks reads the history itself, with its rules about paths;
 * and it reads one text of everything that its own reading leaves out or could be led past (`history.ts`).
 */

import { ScanDocument } from "./document.ts";
import { type Finding, merged, ofHistory, type Place, type Reported } from "./findings.ts";
import { git, GIT_ENV } from "./git.ts";
import { type RuleFiles, ScanFailed, scanHistory, scanText } from "./gitleaks.ts";
import { HISTORY_LOG, HistoryReader, type MergedFile } from "./history.ts";
import { eachLine, type TakeLine } from "./lines.ts";
import { isSkippedPath } from "./skipped_paths.ts";
import { isZero, newHistory, tips, type Update } from "./range.ts";

/** What is scanned. */
export interface ScanInput {
  /** Bare repository; its quarantine is in the environment. */
  readonly folder: string;
  readonly updates: readonly Update[];
  /** New objects that are tags. */
  readonly tags: readonly string[];
  readonly files: RuleFiles;
}

/** Every secret that a push would bring. @throws {ScanFailed} it cannot be told */
export async function scanPush({ folder, updates, tags, files }: ScanInput): Promise<readonly Finding[]> {
  const wanted = tips(updates);
  let document: ScanDocument | undefined;
  const [history, everything] = await Promise.all([
    wanted.length === 0 ? [] : scanHistory(folder, wanted, files),
    scanText(async (sink) => {
      document = new ScanDocument(sink);
      await addRefNames(document, updates);
      await addTags(document, folder, tags);
      if (wanted.length > 0) await addHistory(document, folder, wanted);
      await document.flush();
    }, files),
  ]);
  return merged(ofHistory(history), everything.flatMap((found) => placed(document!, found)));
}

/**
 * Rules that fit much that is no secret. gitleaks judges a file by them with its path and one piece of it at a time;
 * here many pieces are together, and for paths that gitleaks skips the rules would fit every lock file.
 */
const LOOSE = new Set(["generic-api-key", "sourcegraph-access-token"]);

function placed(document: ScanDocument, found: Reported): readonly Finding[] {
  const place: Place = document.placeOf(found.StartLine) ?? { part: "ref name" };
  const { RuleID: rule } = found;
  if (LOOSE.has(rule) && place.file !== undefined && isSkippedPath(place.file)) return [];
  if (rule === "sourcegraph-access-token" && place.part === "file") return [];
  return [{ ...place, rule }];
}

async function addRefNames(document: ScanDocument, updates: readonly Update[]): Promise<void> {
  for (const { ref, new: oid } of updates) {
    if (isZero(oid)) continue;
    document.begin({ part: "ref name" });
    await eachLine(new Blob([ref]).stream(), (bytes, first) => document.add(bytes, first));
    await document.drain();
  }
}

async function addTags(document: ScanDocument, folder: string, tags: readonly string[]): Promise<void> {
  for (const tag of tags) {
    let line = 0;
    await readGit(document, folder, ["cat-file", "tag", tag], (bytes, first) => {
      if (first) line++;
      // The first line names the object, and some rules take such names for tokens.
      if (line === 2 && first) document.begin({ commit: tag, part: "tag", line });
      if (line >= 2) document.add(bytes, first);
    });
  }
}

async function addHistory(document: ScanDocument, folder: string, tips: readonly string[]): Promise<void> {
  const reader = new HistoryReader(document);
  const log = [...HISTORY_LOG, ...newHistory(tips)];
  await readGit(document, folder, log, (bytes, first) => reader.take(bytes, first));
  reader.end();
  for (const file of await filesOf(folder, reader.merged)) await addMerged(document, folder, file);
}

/** Those that are files: not deleted, and no submodules. */
async function filesOf(folder: string, merged: readonly MergedFile[]): Promise<readonly MergedFile[]> {
  if (merged.length === 0) return [];
  const { code, stdout } = await git(folder, ["cat-file", "--batch-check=%(objecttype)"], {
    input: merged.map(({ oid }) => `${oid}\n`).join(""),
  });
  const types = stdout.split("\n");
  if (code !== 0 || types.length !== merged.length + 1) {
    throw new ScanFailed("the files of merges cannot be told");
  }
  return merged.filter((_, at) => types[at] === "blob");
}

/** Of a merge's file, what git showed nothing of. */
async function addMerged(document: ScanDocument, folder: string, merged: MergedFile): Promise<void> {
  const { commit, file, oid, binary } = merged;
  let line = 0;
  let hidden = false;
  await readGit(document, folder, ["cat-file", "blob", oid], (bytes, first) => {
    if (first) {
      line++;
      hidden = binary;
    }
    const begins = !hidden && bytes.includes(0);
    hidden ||= begins;
    if (begins || line === 1 && first) document.begin({ commit, part: "file", file, line });
    if (hidden) document.add(bytes, first);
  });
}

/** Takes what a run of git writes, line by line. @throws {ScanFailed} git fails */
async function readGit(
  document: ScanDocument,
  folder: string,
  args: readonly string[],
  take: TakeLine,
): Promise<void> {
  const child = new Deno.Command("git", {
    args: ["-C", folder, ...args],
    env: { ...GIT_ENV },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const words = new Response(child.stderr).text();
  await eachLine(child.stdout, take, () => document.drain());
  const { code } = await child.status;
  if (code !== 0) throw new ScanFailed(`what is pushed cannot be read: ${(await words).trim()}`);
  await words;
}
