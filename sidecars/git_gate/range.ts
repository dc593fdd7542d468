/** Which commits a push brings, as the one range that every scan of it looks at. Pure. */

/** One line of pre-receive's standard input. */
export interface Update {
  /** Object that the ref names now; zeros: there is no such ref. */
  readonly old: string;
  /** Object that it is to name; zeros: it is to be deleted. */
  readonly new: string;
  /** Full name. */
  readonly ref: string;
}

/** More at once than any person pushes; the range must fit on a command line. */
export const MAX_TIPS = 1000;

const ZERO = /^0+$/;

/** Whether an object name is that of no object. */
export function isZero(oid: string): boolean {
  return ZERO.test(oid);
}

/** Reads pre-receive's standard input. @throws {Error} git broke its own format */
export function parseUpdates(text: string): readonly Update[] {
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const match = /^([0-9a-f]{40,64}) ([0-9a-f]{40,64}) (.+)$/s.exec(line);
    if (match === null) throw new Error("a line of pre-receive's input is not OLD NEW REF");
    return { old: match[1]!, new: match[2]!, ref: match[3]! };
  });
}

/** The objects that refs are to name, each once. A deletion brings nothing. */
export function tips(updates: readonly Update[]): readonly string[] {
  return [...new Set(updates.map((update) => update.new).filter((oid) => !isZero(oid)))];
}

/**
 * Arguments of `git log` for what a push brings: everything that its tips reach and no ref of the mirror does.
 *
 * For an update too: `OLD..NEW` would blame the agent for what is on the upstream already and comes in by a merge.
 * Old history with findings in it stays pushable, a new finding never is.
 */
export function newHistory(tips: readonly string[]): readonly string[] {
  return ["--full-history", ...tips, "--not", "--all"];
}

/** Options of `git log` under which nothing of a pushed repository changes what it prints. */
export const PLAIN_LOG: readonly string[] = [
  "--no-color",
  "--no-decorate",
  "--no-notes",
  "--no-mailmap",
  "--no-show-signature",
  "--no-ext-diff",
  "--no-textconv",
  "--no-renames",
  "--submodule=short",
  "--src-prefix=a/",
  "--dst-prefix=b/",
];
