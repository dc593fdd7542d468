/** Finds the line of a key in YAML text, for error messages only: a miss costs a line number, never a decision. */

/** A key path: names of mappings and positions in lists. */
export type KeyPath = readonly (string | number)[];

interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * The line of the deepest part of a key path that block-style YAML text shows; inside flow style (`{…}`, `[…]`) that
 * is the line of the key which holds it.
 *
 * @returns an index from 0, or undefined when not even the first part is found
 */
export function locateKey(text: string, path: KeyPath): number | undefined {
  const lines = text.split(/\r\n|\r|\n/);
  let range: Range = { start: 0, end: lines.length };
  let found: number | undefined;
  for (const part of path) {
    const inner = typeof part === "number" ? itemRange(lines, range, part) : keyRange(lines, range, part);
    if (inner === undefined) break;
    found = inner.start;
    range = inner.body;
  }
  return found;
}

interface Found {
  readonly start: number;
  readonly body: Range;
}

function keyRange(lines: readonly string[], range: Range, key: string): Found | undefined {
  const indent = firstIndent(lines, range);
  if (indent === undefined) return undefined;
  for (let at = range.start; at < range.end; at++) {
    const line = lines[at]!;
    if (indentOf(line) !== indent || keyOf(line) !== key) continue;
    // A list may stand at its key's own indent.
    const next = nextLine(
      lines,
      at + 1,
      range.end,
      (other) => indentOf(other) < indent || (indentOf(other) === indent && !/^\s*-(?:\s|$)/.test(other)),
    );
    return { start: at, body: { start: at + 1, end: next } };
  }
  return undefined;
}

/** Blanks the item's dash, so that what follows it reads as the first line of a mapping. */
function itemRange(lines: string[], range: Range, index: number): Found | undefined {
  const indent = firstIndent(lines, range);
  if (indent === undefined) return undefined;
  const dashes: number[] = [];
  for (let at = range.start; at < range.end; at++) {
    if (indentOf(lines[at]!) === indent && /^\s*-(?:\s|$)/.test(lines[at]!)) dashes.push(at);
  }
  const start = dashes[index];
  if (start === undefined) return undefined;
  lines[start] = lines[start]!.replace("-", " ");
  return { start, body: { start, end: dashes[index + 1] ?? range.end } };
}

function firstIndent(lines: readonly string[], range: Range): number | undefined {
  const first = nextLine(lines, range.start, range.end, () => true);
  return first < range.end ? indentOf(lines[first]!) : undefined;
}

function nextLine(
  lines: readonly string[],
  from: number,
  end: number,
  match: (line: string) => boolean,
): number {
  for (let at = from; at < end; at++) {
    const line = lines[at]!;
    if (line.trim() !== "" && !line.trimStart().startsWith("#") && match(line)) return at;
  }
  return end;
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

/** The key that a line of block-style YAML begins with. Linear in the line's length, which an attacker chooses. */
export function keyOf(line: string): string | undefined {
  const match = /^\s*(?:"([^"]*)"\s*|'([^']*)'\s*|([^\s"'#{[:][^:]*)):(?:\s|$)/.exec(line);
  return match?.[1] ?? match?.[2] ?? match?.[3]?.trimEnd();
}
