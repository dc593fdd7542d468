/** The search that the secret tests stand on finds what it should, wherever the chunks are cut. */

import { assertEquals } from "@std/assert";
import { findIn, formsOf, streamOf } from "../support/needles.ts";

const SECRET = "0b9c1d2e-77aa-4c55-9f00-12ab34cd56ef";
const needles = formsOf("secret", SECRET);

Deno.test("a secret is found across every border of two chunks", async () => {
  const bytes = new TextEncoder().encode(`before ${SECRET} after`);
  for (let cut = 0; cut <= bytes.length; cut++) {
    assertEquals(await findIn([bytes.subarray(0, cut), bytes.subarray(cut)], needles), ["secret"]);
  }
});

Deno.test("a secret is found byte by byte", async () => {
  const bytes = new TextEncoder().encode(`before ${SECRET} after`);
  assertEquals(await findIn([...bytes].map((byte) => Uint8Array.of(byte)), needles), ["secret"]);
});

Deno.test("a secret is found in base64 at every alignment", async () => {
  for (const before of ["", "a", "ab", "abc", "Bearer ", "token="]) {
    const text = btoa(`${before}${SECRET}, and more`);
    assertEquals((await findIn(streamOf(text), needles)).length, 1, `after ${JSON.stringify(before)}`);
  }
});

Deno.test("a secret is found in hex and backwards, and not where it is not", async () => {
  const hex = new TextEncoder().encode(SECRET).toHex();
  assertEquals(await findIn(streamOf(hex), needles), ["secret in hex"]);
  assertEquals(await findIn(streamOf([...SECRET].reverse().join("")), needles), ["secret backwards"]);
  assertEquals(await findIn(streamOf(SECRET.slice(0, -1)), needles), []);
});
