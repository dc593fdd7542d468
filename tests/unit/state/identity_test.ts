import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { OperatorError } from "../../../lib/errors.ts";
import { checkIdentity, isIdentity, mintIdentity } from "../../../lib/state/identity.ts";

Deno.test("an identity is the agent's name and five letters or digits", () => {
  assertMatch(mintIdentity("code-reviewer"), /^code-reviewer-[a-z0-9]{5}$/);
});

Deno.test("identities differ", () => {
  const minted = new Set(Array.from({ length: 200 }, () => mintIdentity("a")));
  assertEquals(minted.size, 200);
});

Deno.test("bytes that would make some letters likelier are thrown away", () => {
  // 252 and up are beyond the last whole multiple of 36.
  const bytes = [255, 252, 0, 251, 36, 254, 1, 25, 26];
  const identity = mintIdentity("a", (count) => Uint8Array.from(bytes.splice(0, count)));
  assertEquals(identity, "a-a9abz");
});

Deno.test("a name too long to name containers after is refused", () => {
  const error = assertThrows(() => mintIdentity("a".repeat(95)), OperatorError);
  assertMatch((error as OperatorError).line, /too long; use at most 94 characters/);
});

const CASES: readonly [string, boolean][] = [
  ["dev-abc12", true],
  ["a--00000", true],
  ["dev", false],
  ["dev-abc1", false],
  ["dev-ABC12", false],
  ["-abc12", false],
  ["1-abc12", false],
  ["../x-abc12", false],
  ["dev-abc12/..", false],
  ["dev-abc12\n", false],
  ["", false],
];

for (const [text, valid] of CASES) {
  Deno.test(`identity ${JSON.stringify(text)} is ${valid ? "taken" : "refused"}`, () => {
    assertEquals(isIdentity(text), valid);
    if (valid) assertEquals(checkIdentity(text), text);
    else assertThrows(() => checkIdentity(text), OperatorError);
  });
}

Deno.test("a refused identity is shown without its control characters", () => {
  assertThrows(() => checkIdentity("\x1b[31mred"), OperatorError, "'\\u{1b}[31mred'");
});
