/**
 * Reads `git log` of the new commits into one document: headers, messages, names of files, and every line that a
 * commit adds, merges included (there, what is in no parent).
 *
 * gitleaks has a reader of its own, but it stops without a word at what it does not understand, leaves out merges and
 * binary files, and skips files by name. This one fails on what it does not understand, and so does the push.
 */

import type { ScanDocument } from "./document.ts";
import { PLAIN_LOG } from "./range.ts";

/** Arguments of git for the log that {@linkcode HistoryReader} reads, without the range. */
export const HISTORY_LOG: readonly string[] = [
  ...["-c", "core.quotePath=false"],
  ...["log", "--format=raw", "--encoding=none", "-c", "-p", "--text", "-U0"],
  ...PLAIN_LOG,
];

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
  #file = "";
  /** The first line about a file, until it is known that the file is not deleted. */
  #named: Uint8Array | undefined;
  #hunk: Hunk = { columns: 1, line: 0 };
  /** What a line's later pieces are. */
  #rest: "added" | "message" | "ignored" = "ignored";
  /** Merges of which git shows no lines: binary data that every parent had otherwise. */
  readonly opaque: { readonly commit: string; readonly file: string }[] = [];

  constructor(document: ScanDocument) {
    this.#document = document;
  }

  /**
   * Takes a line, or a piece of a long one.
   *
   * @param first whether it is the line's first piece
   * @throws {Error} git wrote what this reader does not know
   */
  async take(bytes: Uint8Array, first: boolean): Promise<void> {
    if (!first) {
      if (this.#rest !== "ignored") await this.#document.add(bytes);
      return;
    }
    this.#rest = "ignored";
    if (this.#state === "hunk" && await this.#content(bytes)) return;
    if (this.#state === "message" && startsWith(bytes, "    ")) {
      this.#rest = "message";
      await this.#document.add(bytes.subarray(4));
      return;
    }
    await this.#structure(bytes, text(bytes));
  }

  /** To be called at the end of the log. */
  async end(): Promise<void> {
    if (this.#state === "header") throw new Error("git log ended in the middle of a commit");
    await this.#name();
  }

  async #structure(bytes: Uint8Array, line: string): Promise<void> {
    if (this.#state === "header") return await this.#header(bytes, line);
    if (this.#state === "file" && await this.#aboutFile(line)) return;
    if (line.startsWith("@@") && (this.#state === "file" || this.#state === "hunk")) {
      return await this.#begin(line);
    }
    if (line.startsWith("diff --") && this.#state !== "start") {
      await this.#name();
      this.#state = "file";
      this.#named = bytes.slice();
      this.#file = pathOf(line);
      return;
    }
    if (line.startsWith("commit ")) {
      await this.#name();
      this.#commit = line.slice("commit ".length).trim();
      this.#state = "header";
      this.#document.begin({ commit: this.#commit, part: "commit header" });
      return;
    }
    if (line === "" && this.#state !== "start") return;
    throw new Error(`git log wrote an unknown line in state ${this.#state}`);
  }

  /** Trees and parents are names of objects, and some rules take those for tokens. */
  async #header(bytes: Uint8Array, line: string): Promise<void> {
    if (line !== "") {
      if (/^(?:tree|parent) [0-9a-f]{40,64}$/.test(line)) return;
      this.#rest = "message";
      return await this.#document.add(bytes);
    }
    this.#state = "message";
    this.#document.begin({ commit: this.#commit, part: "commit message", line: 1 });
  }

  async #aboutFile(line: string): Promise<boolean> {
    if (line.startsWith("deleted file mode ")) this.#named = undefined;
    else if (line.startsWith("+++ ")) {
      const path = unquoted(line.slice("+++ ".length));
      if (path !== "/dev/null") this.#file = path.replace(/^b\//, "");
    } else if (/^Binary files .*differ$/.test(line)) {
      this.opaque.push({ commit: this.#commit, file: this.#file });
    } else if (!/^(?:index |mode |old mode |new mode |new file mode |--- )/.test(line)) return false;
    return await Promise.resolve(true);
  }

  async #begin(line: string): Promise<void> {
    await this.#name();
    const match = /^(@@+) (?:-\d+(?:,\d+)? )+\+(\d+)(?:,\d+)? @@/.exec(line);
    if (match === null) throw new Error("git log wrote an unknown head of a hunk");
    this.#state = "hunk";
    this.#hunk = { columns: match[1]!.length - 1, line: Number(match[2]) };
    this.#document.begin(this.#at());
    this.#broken = false;
  }

  /** Whether lines were left out since the piece began, so that a new one must begin. */
  #broken = false;

  async #content(bytes: Uint8Array): Promise<boolean> {
    const mark = bytes[0];
    if (mark === BACKSLASH) return true;
    if (mark !== PLUS && mark !== MINUS && mark !== SPACE) return false;
    const marks = bytes.subarray(0, this.#hunk.columns);
    if (marks.includes(MINUS)) return true;
    if (marks.every((byte) => byte === PLUS)) {
      if (this.#broken) this.#document.begin(this.#at());
      this.#broken = false;
      this.#rest = "added";
      await this.#document.add(bytes.subarray(this.#hunk.columns));
    } else this.#broken = true;
    this.#hunk.line++;
    return true;
  }

  #at() {
    return { commit: this.#commit, part: "file", file: this.#file, line: this.#hunk.line } as const;
  }

  async #name(): Promise<void> {
    const named = this.#named;
    if (named === undefined) return;
    this.#named = undefined;
    this.#document.begin({ commit: this.#commit, part: "file name", file: this.#file });
    await this.#document.add(named);
  }
}

const [PLUS, MINUS, SPACE, BACKSLASH] = [0x2b, 0x2d, 0x20, 0x5c];
const decoder = new TextDecoder();

function text(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

function startsWith(bytes: Uint8Array, prefix: string): boolean {
  return [...prefix].every((char, at) => bytes[at] === char.charCodeAt(0));
}

/** `diff --git a/NAME b/NAME`, `diff --combined NAME`: the name, for messages; `+++` has it better where it follows. */
function pathOf(line: string): string {
  const names = line.replace(/^diff --\S+ /, "");
  const half = names.length >> 1;
  if (names.startsWith("a/") && names[half] === " ") return names.slice(half + 1).replace(/^b\//, "");
  return unquoted(names);
}

/** Git quotes names with control characters and quotes in them; a tab ends one with blanks in it. */
function unquoted(name: string): string {
  const bare = name.replace(/\t$/, "");
  return bare.startsWith('"') ? bare.slice(1, -1) : bare;
}
