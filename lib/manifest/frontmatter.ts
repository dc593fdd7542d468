/**
 * A Markdown file with YAML frontmatter, as untrusted data: bounded in size, depth and expansion, so that a hostile
 * file costs an error and not the machine.
 */

import { parse } from "@std/yaml";
import { OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import { quote, type Source } from "./issues.ts";
import { keyOf, type KeyPath, locateKey } from "./locate.ts";

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

// std's YAML comes without types; this is the part of it that is used.
const parseYaml: (text: string, options: { schema: "core" }) => unknown = parse;

const FENCE = /^---[ \t]*$/;

/**
 * Splits a Markdown file into frontmatter and body and parses the frontmatter as YAML 1.2 (core schema: no dates, no
 * merge keys; duplicate keys are errors).
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
  const data = parseData(shown, yaml);
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

function parseData(shown: string, yaml: string): unknown {
  try {
    // A block with nothing but comments declares nothing.
    return parseYaml(yaml, { schema: "core" }) ?? {};
  } catch (error) {
    // The parser recurses: nesting without end overflows the stack.
    if (error instanceof RangeError) throw new OperatorError(`${shown}: the frontmatter is nested too deep`);
    if (!(error instanceof SyntaxError)) throw error;
    const line = "line" in error && typeof error.line === "number" ? `:${error.line + 1}` : "";
    const text = line === "" ? "" : yaml.split("\n")[Number(line.slice(1)) - 2] ?? "";
    throw new OperatorError(`${shown}${line}: ${yamlProblem(error.message, text)}`);
  }
}

/** The parser's message without its excerpt of the text, which may hold a literal that is nobody's business. */
function yamlProblem(message: string, line: string): string {
  if (message.includes("duplicated key")) {
    const key = keyOf(line);
    return key === undefined
      ? "a key stands twice in one mapping"
      : `${quote(key)} stands twice in one mapping`;
  }
  const first = message.split("\n")[0]!.replace(/ at line \d+.*$/, "").replace(/:$/, "");
  return `is not valid YAML: ${escapeUntrusted(first)}`;
}
