/** What gitleaks found, and how it is told. Pure. No secret is in here: gitleaks is told to redact. */

import { escapeUntrusted } from "../../lib/escape.ts";

/** Where a finding is. */
export interface Place {
  /** Full name of the commit or tag object; absent: the name of a ref itself. */
  readonly commit?: string;
  /** `file`, or the part of the push that is none. */
  readonly part: "file" | "file name" | "commit header" | "commit message" | "tag" | "ref name";
  /** Path in the repository; absent where there is none, or where it holds the secret. */
  readonly file?: string;
  /** Counted from 1; absent where the whole is meant. */
  readonly line?: number;
}

/** One secret, by gitleaks' rule. */
export interface Finding extends Place {
  readonly rule: string;
}

/** The fields of gitleaks' JSON report that are used. */
export interface Reported {
  readonly RuleID: string;
  readonly StartLine: number;
  readonly File: string;
  readonly Commit: string;
}

const MAX_SHOWN = 10;

/** Reads gitleaks' report. @throws {Error} it is not one */
export function parseReport(json: string): readonly Reported[] {
  const value: unknown = JSON.parse(json);
  if (!Array.isArray(value)) throw new Error("gitleaks' report is no list");
  return value as Reported[];
}

/** Findings of `gitleaks git`: it knows commit, file and line itself. */
export function ofHistory(reported: readonly Reported[]): readonly Finding[] {
  return reported.map(({ RuleID, StartLine, File, Commit }) => ({
    rule: RuleID,
    commit: Commit,
    part: "file",
    file: File,
    // A rule about a file's name has no line.
    ...(StartLine > 0 && { line: StartLine }),
  }));
}

/** Each finding once; where the name of a file is one, no file by its name: who writes it how is not to be relied on. */
export function merged(...lists: readonly (readonly Finding[])[]): readonly Finding[] {
  const all = lists.flat();
  const nameless = all.some((finding) => finding.part === "file name");
  const byKey = new Map<string, Finding>();
  for (const finding of all) {
    const { rule, commit, part, file, line } = finding;
    const key = [rule, commit, part, file, line].join("\0");
    const { file: _file, ...rest } = finding;
    if (!byKey.has(key)) byKey.set(key, nameless ? rest : finding);
  }
  return [...byKey.values()];
}

/** The lines that the client reads. */
export function findingLines(findings: readonly Finding[]): readonly string[] {
  const lines = findings.slice(0, MAX_SHOWN).map((finding) => `  ${findingLine(finding)}`);
  const more = findings.length - lines.length;
  return more > 0 ? [...lines, `  and ${more} more`] : lines;
}

function findingLine({ rule, commit, part, file, line }: Finding): string {
  const at = [
    part === "file" && file !== undefined ? `file ${escapeUntrusted(file)}` : part,
    ...(line === undefined ? [] : [`line ${line}`]),
    ...(commit === undefined ? [] : [`${part === "tag" ? "tag object" : "commit"} ${commit.slice(0, 12)}`]),
  ];
  return `${escapeUntrusted(rule)}: ${at.join(", ")}`;
}
