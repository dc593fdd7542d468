/** The mend for a name that is not known. */

import { suggest } from "../text/suggest.ts";

/** The nearest known name as a question, or the whole set when nothing is near. */
export function knownNames(written: string, known: readonly string[]): string {
  const near = suggest(written, known);
  if (near !== undefined) return `did you mean ${near}?`;
  return known.length === 0 ? "there are none" : `known: ${known.join(", ")}`;
}
