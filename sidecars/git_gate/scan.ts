/**
 * Scans what a push brings for secrets, twice at once: gitleaks reads the history itself, with its rules about paths;
 * and it reads one text of everything that its own reading leaves out or could be led past (`history.ts`).
 */

import { ScanDocument } from "./document.ts";
import { type Finding, merged, ofHistory, type Place, type Reported } from "./findings.ts";
import { git, GIT_ENV } from "./git.ts";
import { type RuleFiles, ScanFailed, scanHistory, scanText } from "./gitleaks.ts";
import { HISTORY_LOG, HistoryReader } from "./history.ts";
import { eachLine } from "./lines.ts";
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
  const encoder = new TextEncoder();
  for (const { ref, new: oid } of updates) {
    if (isZero(oid)) continue;
    document.begin({ part: "ref name" });
    await document.add(encoder.encode(ref));
  }
}

async function addTags(document: ScanDocument, folder: string, tags: readonly string[]): Promise<void> {
  for (const tag of tags) {
    const shown = await git(folder, ["cat-file", "tag", tag]);
    if (shown.code !== 0) throw new ScanFailed("a tag cannot be read");
    const body = shown.stdout.replace(/^object [0-9a-f]+\n/, "");
    document.begin({ commit: tag, part: "tag", line: 2 });
    for (const line of body.split("\n")) await document.add(new TextEncoder().encode(line));
  }
}

async function addHistory(document: ScanDocument, folder: string, tips: readonly string[]): Promise<void> {
  const child = new Deno.Command("git", {
    args: ["-C", folder, ...HISTORY_LOG, ...newHistory(tips)],
    env: { ...GIT_ENV },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const reader = new HistoryReader(document);
  const words = new Response(child.stderr).text();
  try {
    await eachLine(child.stdout, (bytes, first) => reader.take(bytes, first));
    await reader.end();
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  const { code } = await child.status;
  if (code !== 0) throw new ScanFailed(`the new commits cannot be read: ${(await words).trim()}`);
  await words;
  for (const { commit, file } of reader.opaque) await addBlob(document, folder, commit, file);
}

/** A binary file as a merge left it. */
async function addBlob(document: ScanDocument, folder: string, commit: string, file: string): Promise<void> {
  const child = new Deno.Command("git", {
    args: ["-C", folder, "cat-file", "blob", `${commit}:${file}`],
    env: { ...GIT_ENV },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  document.begin({ commit, part: "file", file, line: 1 });
  await eachLine(child.stdout, (bytes) => document.add(bytes));
  if (!(await child.status).success) throw new ScanFailed("a file that a merge brings cannot be read");
}
