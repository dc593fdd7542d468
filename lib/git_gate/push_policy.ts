/** Which refs an agent may write through the gate: the repository's `push` and `force`. Pure. */

/** What the manifest says of a repository. */
export interface PushPolicy {
  /** Patterns of refs that may be written; absent: every one. */
  readonly push?: readonly string[] | undefined;
  /** May overwrite and delete; absent: as `push` is: refused where `push` is declared, else allowed. */
  readonly force?: boolean | undefined;
}

/** One ref of a push. */
export interface RefUpdate {
  /** Full name, `refs/…`. */
  readonly ref: string;
  /** What becomes of it; `rewrite`: a branch that is not fast-forwarded, a tag that exists. */
  readonly kind: "create" | "forward" | "rewrite" | "delete";
}

/** A ref that may not be written so, and the manifest key that says it. */
export interface Refusal {
  /** Full name. */
  readonly ref: string;
  /** The key that refuses it. */
  readonly key: "push" | "force";
  /** What is wrong, to be said after the name. */
  readonly why: string;
}

const HEADS = "refs/heads/";

/** Whether overwriting and deleting is allowed. */
export function mayForce(policy: PushPolicy): boolean {
  return policy.force ?? policy.push === undefined;
}

/** What of a push the policy refuses; empty: all of it may go on to the scan. */
export function judgePush(policy: PushPolicy, updates: readonly RefUpdate[]): readonly Refusal[] {
  return updates.flatMap(({ ref, kind }): Refusal[] => {
    if (policy.push !== undefined && !policy.push.some((pattern) => matchesRef(pattern, ref))) {
      const open = policy.push.join(", ");
      return [{ ref, key: "push", why: `not among the refs that this bottle may write (${open})` }];
    }
    if (mayForce(policy) || kind === "create" || kind === "forward") return [];
    const what = kind === "delete" ? "deleting it" : "overwriting it (not a fast-forward)";
    return [{ ref, key: "force", why: `${what} is not allowed` }];
  });
}

/**
 * Whether a pattern names a ref. A pattern is the name of a branch, or a full name beginning with `refs/`; `*` stands
 * for any characters, slashes included.
 */
export function matchesRef(pattern: string, ref: string): boolean {
  const full = pattern.startsWith("refs/") ? pattern : HEADS + pattern;
  const [first, ...rest] = full.split("*") as [string, ...string[]];
  const last = rest.pop();
  if (last === undefined) return ref === full;
  if (!ref.startsWith(first) || !ref.endsWith(last)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = ref.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at + last.length <= ref.length;
}

/** What is wrong with a pattern of `push`; undefined: nothing. It must be a name that git allows, with `*` in it. */
export function patternFault(pattern: string): string | undefined {
  if (pattern === "") return "is empty; leave `push` out to allow every branch";
  // git-check-ref-format(1), read for the pattern as it stands: `*` is allowed, as in refspecs.
  // deno-lint-ignore no-control-regex
  if (/[\u0000-\u0020\u007f~^:?[\\]|\.\.|@\{|\/\/|^\/|\/$|\.$|(?:^|\/)\./.test(pattern)) {
    return "is not a branch name or a pattern of one, such as agent/*";
  }
  if (pattern.startsWith("refs/bottle/")) return "names refs that are the gate's own";
  return undefined;
}
