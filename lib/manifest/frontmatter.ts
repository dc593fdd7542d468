/**
 * A Markdown file with YAML frontmatter, as untrusted data: bounded in size, depth and expansion, so that a hostile
 * file costs an error and not the machine.
 */

import { OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import type { Source } from "./issues.ts";
import { type KeyPath, locateKey } from "./locate.ts";
import { parseYaml } from "./yaml.ts";

/** Frontmatter of more characters than this is refused. */
export const MAX_FRONTMATTER = 64 * 1024;
/** Values after aliases are expanded. */
const MAX_VALUES = 20_000;
const MAX_DEPTH = 32;

/** A Markdown manifest, parsed but not checked. */
export interface MarkdownSource extends Source {
  /** Text below the frontmatter, trimmed. */
  readonly body: string;
}

const FENCE = /^---[ \t]*$/;

/**
 * Splits a Markdown file into frontmatter and body and parses the frontmatter.
 *
 * @throws {OperatorError} no frontmatter, YAML that does not parse (with its line), or YAML that grows too great
 */
export function parseMarkdown(file: string, text: string): MarkdownSource {
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  const shown = escapeUntrusted(file);
  if (!FENCE.test(lines[0]!)) {
    throw new OperatorError(`${shown}:1: has no frontmatter`, {
      mend: "a manifest begins with a line `---`, its YAML keys and another line `---`",
    });
  }
  const end = lines.findIndex((line, index) => index > 0 && FENCE.test(line));
  if (end < 0) {
    throw new OperatorError(`${shown}:1: the frontmatter is not closed`, {
      mend: "end it with a line `---`",
    });
  }
  const yaml = lines.slice(1, end).join("\n");
  if (yaml.length > MAX_FRONTMATTER) {
    throw new OperatorError(`${shown}: the frontmatter is longer than ${MAX_FRONTMATTER / 1024} KiB`);
  }
  // The parser takes a tab for less indentation than it looks like, so that keys would land in another mapping.
  const tab = lines.findIndex((line, index) => index > 0 && index < end && /^ *\t\s*[^\s#]/.test(line));
  if (tab > 0) throw new OperatorError(`${shown}:${tab + 1}: is indented with a tab`, { mend: "use spaces" });
  // A block with nothing but comments declares nothing.
  const data = parseYaml(yaml, shown, 2) ?? {};
  const problem = boundsProblem(data);
  if (problem !== undefined) throw new OperatorError(`${shown}: the frontmatter ${problem}`);
  const lineOf = (path: KeyPath): number | undefined => {
    const index = locateKey(yaml, path);
    return index === undefined ? undefined : index + 2;
  };
  return { file, prefix: [], data, lineOf, body: lines.slice(end + 1).join("\n").trim() };
}

/** What makes data too great or unsafe to check, as the end of a sentence; undefined when nothing does. */
export function boundsProblem(data: unknown): string | undefined {
  let left = MAX_VALUES;
  const visit = (value: unknown, depth: number): string | undefined => {
    if (--left < 0) return `holds more than ${MAX_VALUES} values`;
    if (typeof value !== "object" || value === null) return undefined;
    if (depth === MAX_DEPTH) return `is nested more than ${MAX_DEPTH} levels deep`;
    // JavaScript gives this name a meaning, and a checker may skip it silently.
    if (Object.hasOwn(value, "__proto__")) return "has a key `__proto__`, which is not allowed";
    for (const inner of Object.values(value)) {
      const problem = visit(inner, depth + 1);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
  return visit(data, 0);
}
