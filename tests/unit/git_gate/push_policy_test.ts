/** Which refs may be written. */

import { assertEquals, assertMatch } from "@std/assert";
import {
  judgePush,
  matchesRef,
  mayForce,
  patternFault,
  type PushPolicy,
  type RefUpdate,
} from "../../../lib/git_gate/push_policy.ts";

for (
  const [pattern, ref, matches] of [
    ["main", "refs/heads/main", true],
    ["main", "refs/heads/maint", false],
    ["main", "refs/heads/x/main", false],
    ["main", "refs/tags/main", false],
    ["main", "refs/heads/MAIN", false],
    ["agent/*", "refs/heads/agent/x", true],
    ["agent/*", "refs/heads/agent/x/y", true],
    ["agent/*", "refs/heads/agent/", true],
    ["agent/*", "refs/heads/agent", false],
    ["agent/*", "refs/heads/x/agent/y", false],
    ["agent/*", "refs/tags/agent/x", false],
    ["*", "refs/heads/anything", true],
    ["*", "refs/tags/anything", false],
    ["*", "refs/replace/anything", false],
    ["*-wip", "refs/heads/x-wip", true],
    ["*-wip", "refs/heads/x-wipe", false],
    ["a*b*c", "refs/heads/aXbYc", true],
    ["a*b*c", "refs/heads/abc", true],
    ["a*b*c", "refs/heads/acb", false],
    ["a*bc*c", "refs/heads/abc", false],
    ["a*a", "refs/heads/a", false],
    ["a**a", "refs/heads/aa", true],
    ["a.c", "refs/heads/abc", false],
    ["a+", "refs/heads/aa", false],
    ["refs/tags/v*", "refs/tags/v1", true],
    ["refs/tags/v*", "refs/heads/v1", false],
    ["refs/*", "refs/notes/commits", true],
    ["heads/main", "refs/heads/main", false],
  ] as const
) {
  Deno.test(`${pattern} ${matches ? "names" : "does not name"} ${ref}`, () => {
    assertEquals(matchesRef(pattern, ref), matches);
  });
}

Deno.test("many stars are no work", () => {
  const began = performance.now();
  assertEquals(matchesRef("a*".repeat(50) + "b", `refs/heads/${"a".repeat(5000)}`), false);
  assertEquals(performance.now() - began < 1000, true);
});

const update = (ref: string, kind: RefUpdate["kind"] = "forward"): RefUpdate => ({ ref, kind });

Deno.test("without a policy everything may be written, overwritten and deleted", () => {
  const all = (["create", "forward", "rewrite", "delete"] as const).map((kind) =>
    update("refs/heads/main", kind)
  );
  assertEquals(judgePush({}, [...all, update("refs/notes/x", "delete")]), []);
});

Deno.test("with `push` the others may not be written, and nothing overwritten or deleted", () => {
  const policy: PushPolicy = { push: ["agent/*"] };
  const refusals = judgePush(policy, [
    update("refs/heads/agent/x"),
    update("refs/heads/agent/new", "create"),
    update("refs/heads/main"),
    update("refs/heads/agent/y", "rewrite"),
    update("refs/heads/agent/z", "delete"),
    update("refs/heads/main", "delete"),
  ]);
  assertEquals(refusals.map(({ ref, key }) => [ref, key]), [
    ["refs/heads/main", "push"],
    ["refs/heads/agent/y", "force"],
    ["refs/heads/agent/z", "force"],
    ["refs/heads/main", "push"],
  ]);
  assertMatch(refusals[0]!.why, /agent\/\*/);
  assertMatch(refusals[1]!.why, /overwriting/);
  assertMatch(refusals[2]!.why, /deleting/);
});

Deno.test("`force` says otherwise, either way", () => {
  const rewrite = [update("refs/heads/agent/x", "rewrite")];
  assertEquals(judgePush({ push: ["agent/*"], force: true }, rewrite), []);
  assertEquals(judgePush({ force: false }, rewrite).map(({ key }) => key), ["force"]);
  assertEquals(
    judgePush({ force: false }, [update("refs/heads/agent/x"), update("refs/heads/n", "create")]),
    [],
  );
  assertEquals([{}, { push: ["a"] }, { push: ["a"], force: true }, { force: false }].map(mayForce), [
    true,
    false,
    true,
    false,
  ]);
});

Deno.test("an empty list allows nothing", () => {
  assertEquals(judgePush({ push: [] }, [update("refs/heads/main")]).map(({ key }) => key), ["push"]);
});

Deno.test("patterns that no branch can have are faults", () => {
  for (const good of ["main", "agent/*", "*", "refs/tags/v*", "refs/heads/x", "a.b", "a-b_c", "ünï"]) {
    assertEquals(patternFault(good), undefined, good);
  }
  const bad = [
    "",
    "/main",
    "main/",
    "a//b",
    "a..b",
    ".a",
    "a/.b",
    "a.",
    "a b",
    "a~b",
    "a^b",
    "a:b",
    "a?b",
    "a[b]",
    "a\\b",
  ];
  for (const pattern of [...bad, "a@{b", "a\nb", "a\x7f", "refs/bottle/x", "refs/bottle/*"]) {
    assertEquals(typeof patternFault(pattern), "string", JSON.stringify(pattern));
  }
});
