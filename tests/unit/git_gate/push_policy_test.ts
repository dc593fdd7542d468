import { assertEquals } from "@std/assert";
import { judgePush, matchesRef, mayForce, patternFault } from "../../../lib/git_gate/push_policy.ts";

Deno.test("which refs a pattern names", () => {
  const yes: readonly [string, string][] = [
    ["main", "refs/heads/main"],
    ["agent/*", "refs/heads/agent/x"],
    ["agent/*", "refs/heads/agent/x/y"],
    ["agent/*", "refs/heads/agent/"],
    ["*", "refs/heads/a/b"],
    ["*-wip", "refs/heads/a-wip"],
    ["a*b*c", "refs/heads/a1b2c"],
    ["refs/tags/agent-*", "refs/tags/agent-1"],
    ["refs/*", "refs/notes/x"],
  ];
  const no: readonly [string, string][] = [
    ["main", "refs/heads/main2"],
    ["main", "refs/heads/x/main"],
    ["main", "refs/tags/main"],
    ["agent/*", "refs/heads/agent"],
    ["agent/*", "refs/heads/Agent/x"],
    ["agent/*", "refs/tags/agent/x"],
    ["*", "refs/tags/x"],
    ["a*ba", "refs/heads/aba".slice(0, -1)],
    ["ab*ba", "refs/heads/aba"],
    ["a.c", "refs/heads/abc"],
  ];
  for (const [pattern, ref] of yes) assertEquals(matchesRef(pattern, ref), true, `${pattern} ${ref}`);
  for (const [pattern, ref] of no) assertEquals(matchesRef(pattern, ref), false, `${pattern} ${ref}`);
});

Deno.test("force is allowed as long as nothing is declared", () => {
  assertEquals(
    [{}, { force: false }, { force: true }, { push: ["x"] }, { push: ["x"], force: true }].map(mayForce),
    [
      true,
      false,
      true,
      false,
      true,
    ],
  );
});

Deno.test("what a push may do to each ref", () => {
  const updates = (["create", "forward", "rewrite", "delete"] as const).flatMap((kind) => [
    { ref: "refs/heads/agent/x", kind },
    { ref: "refs/heads/main", kind },
  ]);
  const keys = (policy: Parameters<typeof judgePush>[0]) =>
    judgePush(policy, updates).map(({ ref, key }) => `${ref.slice(11)} ${key}`);
  assertEquals(keys({}), []);
  assertEquals(keys({ push: ["agent/*"] }), [
    ...["main push", "main push", "agent/x force", "main push", "agent/x force", "main push"],
  ]);
  assertEquals(keys({ push: ["agent/*"], force: true }), Array(4).fill("main push"));
  assertEquals(keys({ force: false }), ["agent/x force", "main force", "agent/x force", "main force"]);
});

Deno.test("patterns that git could not name", () => {
  const bad = [
    "",
    "a..b",
    "/a",
    "a/",
    "a//b",
    "a b",
    "a~",
    "a^",
    "a:b",
    "a?",
    "[a]",
    "a\\b",
    "@{",
    ".a",
    "x/.a",
    "a.",
    "\u0001",
  ];
  for (const pattern of [...bad, "refs/bottle/x"]) {
    assertEquals(typeof patternFault(pattern), "string", pattern);
  }
  for (const pattern of ["main", "agent/*", "*", "refs/tags/*", "naïve"]) {
    assertEquals(patternFault(pattern), undefined);
  }
});
