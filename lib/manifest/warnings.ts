/** What the operator should know about the manifests besides the error that ends a command. */

import { dirname } from "@std/path";
import { OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";

/** Files of one folder and kind that are told one by one; a repository may bring a thousand. */
const SHOWN = 5;

/** Whether a file is passed over or holds a manifest that cannot be used. */
type FileKind = "skipped" | "broken";

interface Warning {
  readonly about: string | OperatorError;
  /** Set for a warning about one file of many. */
  readonly file?: { readonly folder: string; readonly kind: FileKind };
}

/** Collects warnings in the order in which they are found. */
export class Warnings {
  readonly #all: Warning[] = [];

  /** Something to tell in any case. */
  add(about: string | OperatorError): void {
    this.#all.push({ about });
  }

  /** A file that is no manifest. */
  skipped(file: string, text: string): void {
    this.#all.push({ about: text, file: { folder: dirname(file), kind: "skipped" } });
  }

  /** A manifest that cannot be used. An error that stands in the way of several is told once. */
  broken(file: string, error: OperatorError): void {
    if (this.#all.some(({ about }) => about === error)) return;
    this.#all.push({ about: error, file: { folder: dirname(file), kind: "broken" } });
  }

  /**
   * The warnings as lines. Of the files of a folder a few are told, the rest is counted.
   *
   * @param thrown the error that the command ends with: it is not told twice
   */
  lines(thrown?: unknown): string[] {
    const lines: string[] = [];
    const counts = new Map<string, number>();
    for (const { about, file } of this.#all) {
      if (about === thrown) continue;
      const key = file && countedAs(file);
      const count = (key === undefined ? 0 : counts.get(key) ?? 0) + 1;
      if (key !== undefined) counts.set(key, count);
      if (count <= SHOWN) lines.push(about instanceof OperatorError ? about.line : about);
    }
    for (const [key, count] of counts) if (count > SHOWN) lines.push(`and ${count - SHOWN} more ${key}`);
    return lines;
  }
}

function countedAs({ folder, kind }: { readonly folder: string; readonly kind: FileKind }): string {
  const what = kind === "skipped" ? "are skipped" : "cannot be used";
  return `files of ${escapeUntrusted(folder)} ${what}`;
}
