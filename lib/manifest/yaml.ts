/** YAML of the operator's files, with errors of one line: file, line and reason, without an excerpt of the text. */

import { parse } from "@std/yaml";
import { OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import { quote } from "./issues.ts";
import { keyOf } from "./locate.ts";

// std's YAML comes without types; this is the part of it that is used.
const parseCore: (text: string, options: { schema: "core" }) => unknown = parse;

/**
 * Parses YAML 1.2 (core schema: no dates, no merge keys; duplicate keys are errors).
 *
 * @param shown the file for messages, escaped
 * @param firstLine line of the file, from 1, that the text begins on
 * @throws {OperatorError} the text does not parse
 */
export function parseYaml(text: string, shown: string, firstLine: number): unknown {
  try {
    return parseCore(text, { schema: "core" });
  } catch (error) {
    // The parser recurses: nesting without end overflows the stack.
    if (error instanceof RangeError) throw new OperatorError(`${shown}: is nested too deep`);
    if (!(error instanceof SyntaxError)) throw error;
    const line = "line" in error && typeof error.line === "number" ? error.line : undefined;
    const place = line === undefined ? shown : `${shown}:${firstLine + line - 1}`;
    const wrong = line === undefined ? "" : text.split("\n")[line - 1] ?? "";
    throw new OperatorError(`${place}: ${problemOf(error.message, wrong)}`);
  }
}

/** The parser's message without its excerpt of the text, which may hold a literal that is nobody's business. */
function problemOf(message: string, line: string): string {
  if (message.includes("duplicated key")) {
    const key = keyOf(line);
    return key === undefined
      ? "a key stands twice in one mapping"
      : `${quote(key)} stands twice in one mapping`;
  }
  const first = message.split("\n")[0]!.replace(/ at line \d+.*$/, "").replace(/:$/, "");
  return `is not valid YAML: ${escapeUntrusted(first)}`;
}
