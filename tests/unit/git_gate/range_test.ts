/** What a push is, from pre-receive's input. */

import { assertEquals, assertThrows } from "@std/assert";
import { isZero, newHistory, parseUpdates, PLAIN_LOG, tips } from "../../../sidecars/git_gate/range.ts";

const [A, B, ZERO] = ["a".repeat(40), "b".repeat(40), "0".repeat(40)];

Deno.test("lines of pre-receive", () => {
  assertEquals(parseUpdates(`${A} ${B} refs/heads/main\n${ZERO} ${A} refs/tags/v1\n`), [
    { old: A, new: B, ref: "refs/heads/main" },
    { old: ZERO, new: A, ref: "refs/tags/v1" },
  ]);
  assertEquals(parseUpdates(""), []);
});

Deno.test("names of refs with characters that are blanks or line ends elsewhere", () => {
  for (
    const ref of ["refs/heads/a\u2028b", "refs/heads/\u00a0", "refs/heads/a\u0085b", "refs/heads/a\u3000"]
  ) {
    assertEquals(parseUpdates(`${A} ${B} ${ref}\n`), [{ old: A, new: B, ref }]);
  }
});

Deno.test("names of objects of SHA-256", () => {
  const [a, b] = ["a".repeat(64), "0".repeat(64)];
  assertEquals(parseUpdates(`${a} ${b} refs/heads/main`), [{ old: a, new: b, ref: "refs/heads/main" }]);
});

Deno.test("lines of anything else fail", () => {
  for (
    const line of [
      "x",
      `${A} ${B}`,
      `${A} ${B} `,
      `${A.slice(1)} ${B} refs/x`,
      `${A.toUpperCase()} ${B} refs/x`,
    ]
  ) {
    assertThrows(() => parseUpdates(line), Error, "OLD NEW REF", line);
  }
});

Deno.test("zeros are no object", () => {
  assertEquals([ZERO, "0".repeat(64), A, `${ZERO.slice(1)}1`].map(isZero), [true, true, false, false]);
});

Deno.test("each tip once, deletions none", () => {
  const update = (oid: string) => ({ old: ZERO, new: oid, ref: "refs/heads/x" });
  assertEquals(tips([update(A), update(ZERO), update(B), update(A)]), [A, B]);
  assertEquals(tips([update(ZERO)]), []);
});

Deno.test("the range is what no ref of the mirror reaches", () => {
  assertEquals(newHistory([A, B]), ["--full-history", A, B, "--not", "--all"]);
});

// gitleaks takes its arguments of `git log` as one text and cuts it at blanks.
Deno.test("no option of git log has a blank", () => {
  assertEquals(PLAIN_LOG.filter((option) => /\s/.test(option)), []);
});
