/**
 * The one line on init's standard input that carries the real tokens into the bundle (SPEC 10): a create
 * request, a file or the environment of the container would keep them where `inspect` and the disk show them.
 *
 * No error here holds any part of the line.
 */

import { isSlotName, MAX_TOKEN_CHARS } from "../egress/slots.ts";
import { OperatorError } from "../errors.ts";
import { Secret } from "../secret.ts";

/** Longest line that is written or read, in bytes of UTF-8, newline included. */
export const SECRETS_LINE_MAX_BYTES = 256 * 1024;

// A token becomes a header's value: printable ASCII without blanks is all that such a value may hold.
const TOKEN = /^[\x21-\x7e]*$/;

/**
 * Writes the line, newline included, as UTF-8.
 *
 * @param tokens real credentials by slot name
 * @throws {OperatorError} a bad slot name, a token that could not be a header's value, or too much of it
 */
export function renderSecretsLine(tokens: Readonly<Record<string, Secret>>): Uint8Array<ArrayBuffer> {
  const plain: Record<string, string> = {};
  for (const [slot, token] of Object.entries(tokens)) {
    plain[slot] = checkedToken(slot, token.reveal());
  }
  const line = new TextEncoder().encode(JSON.stringify({ tokens: plain }) + "\n");
  if (line.length > SECRETS_LINE_MAX_BYTES) throw tooLong();
  return line;
}

/**
 * Reads the line. An empty one (standard input was closed at once) holds no tokens.
 *
 * @param text the line, with or without its newline
 * @throws {OperatorError} anything but the exact shape that {@linkcode renderSecretsLine} writes
 */
export function parseSecretsLine(text: string): Record<string, Secret> {
  const line = text.endsWith("\n") ? text.slice(0, -1) : text;
  if (line === "") return {};
  if (line.length > SECRETS_LINE_MAX_BYTES) throw tooLong();
  const root = asObject(parseJson(line), "the secrets line");
  const unknown = Object.keys(root).filter((key) => key !== "tokens").length;
  if (unknown > 0) throw new OperatorError("the secrets line has a key other than tokens");
  const tokens: Record<string, Secret> = {};
  for (const [slot, token] of Object.entries(asObject(root.tokens, "tokens"))) {
    if (typeof token !== "string") throw new OperatorError("a token on the secrets line is not a string");
    tokens[slot] = new Secret(checkedToken(slot, token));
  }
  return tokens;
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // The parser's own message quotes the line, so it is neither shown nor kept as a cause.
    throw new OperatorError("the secrets line is not JSON");
  }
}

function asObject(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new OperatorError(`${what} is not a JSON object`);
  }
  return value as Record<string, unknown>;
}

function checkedToken(slot: string, token: string): string {
  // The name is not shown: on a mangled line it could be the token itself.
  if (!isSlotName(slot)) throw new OperatorError("a slot's name is not EGRESS_TOKEN_ and a number");
  if (token.length > MAX_TOKEN_CHARS) {
    throw new OperatorError(`the token of ${slot} is longer than ${MAX_TOKEN_CHARS} characters`);
  }
  if (!TOKEN.test(token)) {
    throw new OperatorError(`the token of ${slot} holds a blank, a control or a non-ASCII character`);
  }
  return token;
}

function tooLong(): OperatorError {
  return new OperatorError(`the secrets line is longer than ${SECRETS_LINE_MAX_BYTES} bytes`);
}
