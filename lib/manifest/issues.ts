/** Turns what the schema refuses into one line for the operator: file, line, key path, allowed set, suggestion. */

import { z } from "zod";
import { OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import { suggest } from "../text/suggest.ts";
import type { KeyPath } from "./locate.ts";

/** A manifest, or a part of one, that has not been checked. */
export interface Source {
  /** File for messages. */
  readonly file: string;
  /** Key path in front of all others, for parts of a greater object. */
  readonly prefix: KeyPath;
  /** The parsed value. */
  readonly data: unknown;
  /** Line of a key path, from 1; undefined when it is not known. */
  lineOf(path: KeyPath): number | undefined;
}

/** What a schema finds wrong; the fields besides the first three depend on the code. */
export interface SchemaIssue {
  /** zod's code, or undefined for one of our own making. */
  readonly code?: string | undefined;
  /** Where, from the top of the checked value. */
  readonly path: readonly PropertyKey[];
  /** What, for issues that the schema words itself. */
  readonly message: string;
  /** Of `unrecognized_keys`. */
  readonly keys?: readonly string[];
  /** Of `invalid_value`: the allowed set. */
  readonly values?: readonly unknown[];
  /** Of `invalid_type`. */
  readonly expected?: string;
}

/** The part of a zod schema that the checks use. */
export interface Schema<T> {
  /** Checks a value and copies it. */
  safeParse(data: unknown):
    | { readonly success: true; readonly data: T }
    | { readonly success: false; readonly error: { readonly issues: readonly SchemaIssue[] } };
}

const MAX_SHOWN = 80;
// A repository may bring a thousand names.
const MAX_NAMES = 20;

/** Text of a key path: `egress.routes[0].host`. */
export function showPath(path: KeyPath): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else text += (text === "" ? "" : ".") + (/^[\w-]+$/.test(part) ? part.slice(0, MAX_SHOWN) : quote(part));
  }
  return text;
}

/** A word of a manifest in quotes, safe to show. */
export function quote(text: string): string {
  const short = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
  return `"${escapeUntrusted(short.replace(/["\\]/g, "\\$&"))}"`;
}

/** An error at a key of a manifest. */
export function errorAt(source: Source, path: KeyPath, problem: string, mend?: string): OperatorError {
  const line = source.lineOf(path);
  const place = escapeUntrusted(source.file) + (line === undefined ? "" : `:${line}`);
  const key = showPath([...source.prefix, ...path]);
  return new OperatorError(
    `${place}: ${key === "" ? "" : `${key}: `}${problem}`,
    mend === undefined ? {} : { mend },
  );
}

/** "did you mean" and the list of names, for a reference to something that is not there. */
export function namesHint(kind: string, wrong: string, names: readonly string[]): string {
  const near = suggest(wrong, names);
  const shown = [...names].sort().slice(0, MAX_NAMES).join(", ");
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : "";
  const list = names.length === 0 ? `no ${kind}s are defined` : `${kind}s: ${shown}${more}`;
  return near === undefined ? list : `did you mean ${near}? ${list}`;
}

/** What was caught, when it is the operator's error. @throws all else, as it is */
export function operatorErrorOf(caught: unknown): OperatorError {
  if (caught instanceof OperatorError) return caught;
  throw caught;
}

/**
 * Checks a source against its schema.
 *
 * @param hints what to say about an unknown key of the top level besides the allowed set
 * @throws {OperatorError} for the first thing that is wrong
 */
export function check<T>(
  schema: Schema<T>,
  source: Source,
  hints: ReadonlyMap<string, string> = new Map(),
): T {
  const result = schema.safeParse(source.data);
  if (result.success) return result.data;
  const { issues } = result.error;
  // A mistyped key is the cause, the key that is then missing is the effect.
  const issue = issues.find((one) => one.code === "unrecognized_keys") ?? issues[0]!;
  const path = issue.path.map((part) => typeof part === "number" ? part : String(part));
  if (issue.code === "unrecognized_keys") {
    const key = issue.keys?.[0] ?? "";
    const hint = path.length === 0 ? hints.get(key) : undefined;
    throw errorAt(source, [...path, key], "unknown key", hint ?? allowedKeys(schema, path, key));
  }
  const parent = path.slice(0, -1);
  if (parent.length > 0 && isEmptyMap(valueAt(source.data, parent))) {
    throw errorAt(source, parent, "is empty", `leave it out or give ${keysAt(schema, parent).join(", ")}`);
  }
  const { problem, mend } = explain(issue, valueAt(source.data, path));
  throw errorAt(source, path, problem, mend);
}

function explain(issue: SchemaIssue, value: unknown): { problem: string; mend?: string } {
  if (issue.code === "invalid_value") {
    const allowed = (issue.values ?? []).map(String);
    if (value === undefined) return { problem: `is required, one of ${allowed.join(", ")}` };
    if (typeof value !== "string") {
      return { problem: `must be one of ${allowed.join(", ")} (found ${kindOf(value)})` };
    }
    const near = suggest(value, allowed);
    const problem = `${quote(value)} is not one of ${allowed.join(", ")}`;
    return near === undefined ? { problem } : { problem, mend: `did you mean ${near}?` };
  }
  if (issue.code !== "invalid_type" || issue.expected === "never") return { problem: issue.message };
  const expected = KINDS[issue.expected ?? ""] ?? "something else";
  if (value === undefined) return { problem: `is required (${expected})` };
  const problem = `must be ${expected} (found ${kindOf(value)})`;
  if (value === null) return { problem, mend: "fill it in or leave the key out" };
  const scalar = typeof value === "number" || typeof value === "boolean";
  return issue.expected === "string" && scalar ? { problem, mend: "put the value in quotes" } : { problem };
}

const KINDS: Readonly<Record<string, string>> = {
  string: "a string",
  boolean: "true or false",
  array: "a list",
  object: "a mapping",
  record: "a mapping",
};

function kindOf(value: unknown): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "a mapping" : `a ${typeof value}`;
}

function isEmptyMap(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    Object.keys(value).length === 0;
}

function allowedKeys(schema: unknown, path: KeyPath, wrong: string): string {
  const keys = keysAt(schema, path);
  const near = suggest(wrong, keys);
  const list = `allowed here: ${keys.join(", ")}`;
  return near === undefined ? list : `did you mean ${near}? ${list}`;
}

/** The keys that the schema has at a path, those that it only knows in order to refuse them aside. */
function keysAt(schema: unknown, path: KeyPath): string[] {
  let at: unknown = schema;
  for (const part of path) {
    at = unwrap(at);
    if (at instanceof z.ZodObject) at = at.shape[part];
    else if (at instanceof z.ZodRecord) at = at.valueType;
    else if (at instanceof z.ZodArray) at = at.element;
  }
  at = unwrap(at);
  if (!(at instanceof z.ZodObject)) return [];
  return Object.entries(at.shape).filter(([, inner]) => !(unwrap(inner) instanceof z.ZodNever)).map(([key]) =>
    key
  );
}

function unwrap(schema: unknown): unknown {
  return schema instanceof z.ZodOptional ? schema.unwrap() : schema;
}

function valueAt(data: unknown, path: KeyPath): unknown {
  let at = data;
  for (const part of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Record<string | number, unknown>)[part];
  }
  return at;
}
