/** What the updates of a push are, as far as git must be asked. */

import type { RefUpdate } from "../../lib/git_gate/push_policy.ts";
import { git } from "./git.ts";
import { isZero, tips, type Update } from "./range.ts";

/** How deep tags of tags are followed. */
const MAX_TAG_DEPTH = 16;

/** A branch is overwritten when its old tip is no ancestor of the new one; anything else when it changes at all. */
export async function kindOf(folder: string, update: Update): Promise<RefUpdate["kind"]> {
  if (isZero(update.new)) return "delete";
  if (isZero(update.old)) return "create";
  if (!update.ref.startsWith("refs/heads/")) return "rewrite";
  const { code } = await git(folder, ["merge-base", "--is-ancestor", update.old, update.new]);
  return code === 0 ? "forward" : "rewrite";
}

/** What the tips of a push are. */
export interface TipObjects {
  /** Tag objects, those that tags of tags name included. */
  readonly tags: readonly string[];
  /** Tips that lead to no commit. */
  readonly strange: readonly string[];
}

/** Looks at the tips: a tree or a blob as such is in no history, so no scan would see it. */
export async function lookAtTips(folder: string, updates: readonly Update[]): Promise<TipObjects> {
  const tags: string[] = [];
  const strange: string[] = [];
  let names = tips(updates).map((oid) => ({ oid, tip: oid }));
  for (let depth = 0; names.length > 0; depth++) {
    const checked = await git(folder, ["cat-file", "--batch-check=%(objecttype)"], {
      input: names.map(({ oid }) => `${oid}\n`).join(""),
    });
    const types = checked.stdout.split("\n");
    const next: typeof names = [];
    for (const [at, { oid, tip }] of names.entries()) {
      if (types[at] === "commit") continue;
      const target = types[at] === "tag" && depth < MAX_TAG_DEPTH ? await tagged(folder, oid) : undefined;
      if (target === undefined) strange.push(tip);
      else {
        tags.push(oid);
        next.push({ oid: target, tip });
      }
    }
    names = next;
  }
  return { tags: [...new Set(tags)], strange: [...new Set(strange)] };
}

async function tagged(folder: string, tag: string): Promise<string | undefined> {
  const { code, stdout } = await git(folder, ["cat-file", "tag", tag]);
  return code === 0 ? /^object ([0-9a-f]{40,64})\n/.exec(stdout)?.[1] : undefined;
}
