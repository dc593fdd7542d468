/**
 * Reads `git log` of the new commits into one document: headers, messages, names of files, and every line that a
 * commit adds, merges included (there, what is in no parent).
 *
 * gitleaks has a reader of its own, but it stops without a word at what it does not understand, leaves out merges and
 * binary files, and skips files by name. This one fails on what it does not understand, and so does the push.
 */

import type { ScanDocument } from "./document.ts";
import type { Place } from "./findings.ts";
import { PLAIN_LOG } from "./range.ts";

/** Arguments of git for the log that {@linkcode HistoryReader} reads, without the range. */
export const HISTORY_LOG: readonly string[] = [
  ...["-c", "core.quotePath=false"],
  ...["log", "--format=raw", "--encoding=none", "-c", "-p", "--text", "-U0", "--full-index"],
  ...PLAIN_LOG,
];

/** git counts parents in the bits of one word; with 64 it shows nothing of a merge. */
const MAX_PARENTS = 32;

/**
 * A file of a merge that is otherwise in every parent. Of these git shows binary ones not at all, and a line of the
 * others up to its first zero byte.
 */
export interface MergedFile {
  readonly commit: string;
  /** Path. */
  readonly file: string;
  /** What the merge has there: zeros for nothing, and a submodule's commit is not in the repository. */
  readonly oid: string;
  /** Whether git showed none of it. */
  readonly binary: boolean;
}

/** What stands between two `@@` and what comes after. */
interface Hunk {
  /** Columns before the text of a line: one a parent. */
  readonly columns: number;
  /** Number of the next line in the new file. */
  line: number;
}

/** Takes the log line by line. */
export class HistoryReader {
  readonly #document: ScanDocument;
  #state: "start" | "header" | "message" | "file" | "hunk" = "start";
  #commit = "";
  #parents = 0;
  #file = "";
  /** The first line about a file, until it is known that the file is not deleted. */
  #named: Uint8Array | undefined;
  #hunk: Hunk = { columns: 1, line: 0 };
  /** Whether lines were left out since the piece began, so that a new one must begin. */
  #broken = false;
  /** What a line's later pieces are; nothing of git's own is so long, but a name can be. */
  #rest: "added" | "ignored" | "unknown" = "unknown";
  readonly #merged: { -readonly [Key in keyof MergedFile]: MergedFile[Key] }[] = [];

  constructor(document: ScanDocument) {
    this.#document = document;
  }

  /** Files of merges, which are to be looked at themselves. */
  get merged(): readonly MergedFile[] {
    return this.#merged;
  }

  /**
   * Takes a line, or a piece of a long one.
   *
   * @param first whether it is the line's first piece
   * @throws {Error} git wrote what this reader does not know
   */
  take(bytes: Uint8Array, first: boolean): void {
    if (!first) {
      if (this.#rest === "unknown") throw new Error("the name of a file is too long");
      if (this.#rest === "added") this.#document.add(bytes, false);
      return;
    }
    this.#rest = "unknown";
    if (this.#state === "header") return this.#header(bytes);
    if (this.#state === "hunk" && this.#content(bytes)) return;
    if (this.#state === "message" && startsWith(bytes, "    ")) return this.#add(bytes.subarray(4));
    this.#structure(bytes, text(bytes));
  }

  /** To be called at the end of the log. */
  end(): void {
    if (this.#state === "header") throw new Error("git log ended in the middle of a commit");
    this.#name();
  }

  #structure(bytes: Uint8Array, line: string): void {
    if (this.#state === "file" && this.#aboutFile(bytes, line)) return;
    if (line.startsWith("@@") && (this.#state === "file" || this.#state === "hunk")) return this.#begin(line);
    if (line.startsWith("diff --") && this.#state !== "start") {
      this.#name();
      this.#state = "file";
      this.#named = unquoted(bytes);
      this.#file = pathOf(text(this.#named));
      return;
    }
    const commit = /^commit ([0-9a-f]{40,64})$/.exec(line)?.[1];
    if (commit !== undefined) {
      this.#name();
      this.#commit = commit;
      this.#parents = 0;
      this.#state = "header";
      this.#document.begin({ commit, part: "commit header" });
      return;
    }
    if (line === "" && this.#state !== "start") return;
    throw new Error(`git log wrote an unknown line in state ${this.#state}`);
  }

  /**
   * All of it but trees and parents: some rules take names of objects for tokens. Of who wrote it the word before is
   * left out: `auth` in it has gitleaks try its slowest rule on the whole chunk, 24 ms in a push of 100 commits.
   */
  #header(bytes: Uint8Array): void {
    if (bytes.length === 0) {
      this.#state = "message";
      this.#document.begin({ commit: this.#commit, part: "commit message", line: 1 });
      return;
    }
    const link = /^(tree|parent) [0-9a-f]{40,64}$/.exec(text(bytes))?.[1];
    if (link === undefined) return this.#add(bytes.subarray(personAt(bytes)));
    if (link === "parent" && ++this.#parents > MAX_PARENTS) {
      throw new Error(`a merge has more than ${MAX_PARENTS} parents`);
    }
  }

  #aboutFile(bytes: Uint8Array, line: string): boolean {
    const oid = /^index [0-9a-f,]+\.\.([0-9a-f]{40,64})(?: [0-7]+)?$/.exec(line)?.[1];
    if (line.startsWith("deleted file mode ")) this.#named = undefined;
    else if (line.startsWith("+++ ")) {
      const path = text(unquoted(bytes)).slice("+++ ".length);
      if (path !== "/dev/null") this.#file = bare(path).replace(/^b\//, "");
    } else if (oid !== undefined) {
      if (this.#parents > 1) {
        this.#merged.push({ commit: this.#commit, file: this.#file, oid, binary: false });
      }
    } else if (line === "Binary files differ" && this.#merged.length > 0) {
      this.#merged.at(-1)!.binary = true;
    } else if (!/^(?:mode |old mode |new mode |new file mode |--- )/.test(line)) return false;
    return true;
  }

  #begin(line: string): void {
    this.#name();
    const match = /^(@@+) (?:-\d+(?:,\d+)? )+\+(\d+)(?:,\d+)? @@/.exec(line);
    if (match === null) throw new Error("git log wrote an unknown head of a hunk");
    this.#state = "hunk";
    this.#rest = "ignored";
    this.#hunk = { columns: match[1]!.length - 1, line: Number(match[2]) };
    this.#broken = true;
  }

  /** A line of a hunk: each begins with a mark for every parent, and nothing else does with one. */
  #content(bytes: Uint8Array): boolean {
    const mark = bytes[0];
    if (mark !== PLUS && mark !== MINUS && mark !== SPACE && mark !== BACKSLASH) return false;
    this.#rest = "ignored";
    if (mark === BACKSLASH) return true;
    const marks = bytes.subarray(0, this.#hunk.columns);
    if (marks.includes(MINUS)) return true;
    if (marks.every((byte) => byte === PLUS)) {
      if (this.#broken) this.#document.begin(this.#here());
      this.#broken = false;
      this.#add(bytes.subarray(this.#hunk.columns));
    } else this.#broken = true;
    this.#hunk.line++;
    return true;
  }

  #here(): Place {
    return { commit: this.#commit, part: "file", file: this.#file, line: this.#hunk.line };
  }

  #add(bytes: Uint8Array): void {
    this.#rest = "added";
    this.#document.add(bytes);
  }

  #name(): void {
    const named = this.#named;
    if (named === undefined) return;
    this.#named = undefined;
    this.#document.begin({ commit: this.#commit, part: "file name", file: this.#file });
    this.#document.add(named);
  }
}

const [PLUS, MINUS, SPACE, BACKSLASH, QUOTE] = [0x2b, 0x2d, 0x20, 0x5c, 0x22];

// A byte order mark is not left out: a line of nothing else is no empty line.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

function text(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

function startsWith(bytes: Uint8Array, prefix: string): boolean {
  return [...prefix].every((char, at) => bytes[at] === char.charCodeAt(0));
}

/** Where the person begins in `author PERSON` and `committer PERSON`; 0 in other lines. */
function personAt(header: Uint8Array): number {
  return ["author ", "committer "].find((word) => startsWith(header, word))?.length ?? 0;
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  t: "\t",
  n: "\n",
  v: "\v",
  f: "\f",
  r: "\r",
};

/** A line with names as they are: git quotes those with control characters, quotes or backslashes (quote.c). */
function unquoted(line: Uint8Array): Uint8Array {
  if (!line.includes(QUOTE)) return line.slice();
  const plain = Array.from(line, (byte) => String.fromCharCode(byte)).join("").replace(
    /\\([0-7]{3}|.)/g,
    (_, code: string) => code.length === 3 ? String.fromCharCode(parseInt(code, 8)) : ESCAPES[code] ?? code,
  );
  return Uint8Array.from(plain, (char) => char.charCodeAt(0));
}

/** `diff --git a/NAME b/NAME`, `diff --combined NAME`: the name; `+++` has it better where it follows. */
function pathOf(line: string): string {
  const names = line.replace(/^diff --\S+ /, "");
  if (!line.startsWith("diff --git ")) return bare(names);
  return bare(names.slice((names.length >> 1) + 1)).replace(/^b\//, "");
}

/** A name without the quotes around it, or the tab behind one with blanks in it. */
function bare(name: string): string {
  return /^"(.*)"$/s.exec(name)?.[1] ?? name.replace(/\t$/, "");
}
