/** Runs gitleaks with its own rules, and nothing that a repository says about them. */

import { messageOf } from "../../lib/errors.ts";
import { escapeUntrusted } from "../../lib/escape.ts";
import type { ByteSink } from "./document.ts";
import { GIT_ENV } from "./git.ts";
import { parseReport, type Reported } from "./findings.ts";
import { newHistory, PLAIN_LOG } from "./range.ts";

/** The scan itself did not work: a push is refused, and not for what is in it. */
export class ScanFailed extends Error {
  override readonly name = "ScanFailed";
}

/** Exit status that stands for a finding; 1 is gitleaks' own failure. */
const FOUND = 7;

const COMMON: readonly string[] = [
  "--no-banner",
  "--no-color",
  "--log-level=warn",
  // Not one character of a secret goes into a report.
  "--redact=100",
  `--exit-code=${FOUND}`,
  "--report-format=json",
  "--report-path=-",
  "--ignore-gitleaks-allow",
];

/**
 * A hunk of more whole megabytes is left to the other scan. For every rule that fits somewhere gitleaks looks for all
 * newlines of a hunk, and for every match counts them: one of 60 MB took nine minutes.
 */
const MAX_HUNK = 1;

/** More than this is not read, characters, and fails the scan: what is not read could be what counts. */
const MAX_REPORT = 64 * 1024 * 1024;
const MAX_WORDS = 1024 * 1024;

/** Files that stand in for those of the repository. */
export interface RuleFiles {
  /** Configuration: gitleaks' default rules. */
  readonly config: string;
  /** Ignore file: empty. */
  readonly ignore: string;
  /** git's attributes: files that a rule knows by their name are shown, though they are binary. */
  readonly attributes: string;
}

/** gitleaks' own reading of the commits that a push brings. @throws {ScanFailed} */
export async function scanHistory(
  folder: string,
  tips: readonly string[],
  files: RuleFiles,
): Promise<readonly Reported[]> {
  const log = [...PLAIN_LOG, ...newHistory(tips)].join(" ");
  // It runs git itself, which takes settings of its environment.
  const env = {
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "core.attributesFile",
    GIT_CONFIG_VALUE_0: files.attributes,
  };
  const only = `--max-target-megabytes=${MAX_HUNK}`;
  const args = ["git", ...COMMON, ...ruleArguments(files), only, `--log-opts=${log}`, folder];
  return await run({ args, env });
}

/** Writes a text, piece by piece. */
export type TextWriter = (sink: ByteSink) => Promise<void>;

/** gitleaks over a text that `write` produces. @throws {ScanFailed} */
export async function scanText(
  write: TextWriter,
  files: RuleFiles,
): Promise<readonly Reported[]> {
  return await run({ args: ["stdin", ...COMMON, ...ruleArguments(files)], write });
}

function ruleArguments({ config, ignore }: RuleFiles): readonly string[] {
  return [`--config=${config}`, `--gitleaks-ignore-path=${ignore}`];
}

/** One run of gitleaks. */
interface Run {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Writes its standard input. */
  readonly write?: TextWriter;
}

async function run({ args, env, write }: Run): Promise<readonly Reported[]> {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command("gitleaks", {
      args: [...args],
      env: { ...GIT_ENV, ...env },
      stdin: write === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (cause) {
    throw new ScanFailed("gitleaks could not be started", { cause });
  }
  const [report, words, fed] = await Promise.all([
    read(child.stdout, MAX_REPORT),
    read(child.stderr, MAX_WORDS),
    write === undefined ? undefined : feed(child, write),
  ]);
  const { code, signal } = await child.status;
  if (fed?.ours) throw fed.failure;
  if (code !== 0 && code !== FOUND) {
    throw new ScanFailed(`gitleaks ended with ${signal ?? `status ${code}`}: ${lastLine(words)}`);
  }
  if (fed !== undefined) throw fed.failure;
  // What it could not read it tells and leaves out; to us that is a failure.
  if (/\b(?:ERR|FTL|PNC)\b/.test(words) || words.length >= MAX_WORDS) {
    throw new ScanFailed(`gitleaks: ${lastLine(words)}`);
  }
  if (code === 0) return [];
  try {
    const findings = parseReport(report);
    if (findings.length > 0) return findings;
  } catch (cause) {
    throw new ScanFailed("gitleaks' report cannot be read", { cause });
  }
  throw new ScanFailed("gitleaks tells of a finding and names none");
}

/** Why the text did not reach gitleaks. */
interface NotFed {
  readonly failure: ScanFailed;
  /** The text could not be made; else gitleaks did not read it, and its own words come first. */
  readonly ours: boolean;
}

/** Writes the text to gitleaks' standard input. */
async function feed(child: Deno.ChildProcess, write: TextWriter): Promise<NotFed | undefined> {
  const writer = child.stdin.getWriter();
  let deaf = false;
  try {
    await write(async (bytes) => {
      deaf = true;
      await writer.write(bytes);
      deaf = false;
    });
    deaf = true;
    await writer.close();
    return undefined;
  } catch (cause) {
    await writer.abort().catch(() => {});
    if (deaf) return { failure: new ScanFailed("gitleaks stopped reading", { cause }), ours: false };
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    return { failure: new ScanFailed(escapeUntrusted(messageOf(cause)), { cause }), ours: true };
  }
}

async function read(stream: ReadableStream<Uint8Array>, limit: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stream) {
    if (text.length < limit) text += decoder.decode(bytes, { stream: true });
  }
  return text + decoder.decode();
}

function lastLine(words: string): string {
  return escapeUntrusted(words.trim().split("\n").at(-1) ?? "").slice(0, 200) || "it said nothing";
}
