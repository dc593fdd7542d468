/** Lines of a stream, however it is cut. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { eachLine, PIECE } from "../../../sidecars/git_gate/lines.ts";

/** A stream of bytes in chunks of these sizes, over and over. */
function cut(bytes: Uint8Array, sizes: readonly number[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (let at = 0, count = 0; at < bytes.length; count++) {
        const size = sizes[count % sizes.length]!;
        controller.enqueue(bytes.slice(at, at + size));
        at += size;
      }
      controller.close();
    },
  });
}

async function taken(bytes: Uint8Array, sizes: readonly number[]) {
  const lines: { readonly text: string; readonly first: boolean }[] = [];
  const decoder = new TextDecoder("latin1");
  await eachLine(cut(bytes, sizes), (line, first) => lines.push({ text: decoder.decode(line), first }));
  return lines;
}

const encoder = new TextEncoder();

Deno.test("short lines are those of split, whatever the chunks", async () => {
  const text = fc.array(fc.stringMatching(/^[a-z\r ]{0,20}$/), { maxLength: 30, size: "max" }).map((lines) =>
    lines.join("\n")
  );
  const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(text, sizes, async (text, sizes) => {
      const lines = await taken(encoder.encode(text), sizes);
      const expected = text.split("\n");
      // What has no newline behind it is a line only when there is something in it.
      if (expected.at(-1) === "") expected.pop();
      assertEquals(lines.map(({ text }) => text), expected);
      assert(lines.every(({ first }) => first));
    }),
    { seed: 20_261_126, numRuns: 300 },
  );
});

Deno.test("pieces of a long line overlap, so that what is short is whole in one of them", async () => {
  const property = fc.asyncProperty(
    fc.integer({ min: 1, max: 5 * PIECE }),
    fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 4 }),
    fc.nat(),
    async (length, sizes, at) => {
      const token = "TOKEN-OF-FORTY-CHARACTERS-IN-ALL-1234567";
      const before = "x".repeat(at % length);
      const line = `${before}${token}${"y".repeat(length - before.length)}`;
      const lines = await taken(encoder.encode(`one\n${line}\nthree\n`), sizes);
      assertEquals(lines[0]!.text, "one");
      assertEquals(lines.at(-1), { text: "three", first: true });
      const pieces = lines.slice(1, -1);
      assertEquals(pieces.map(({ first }) => first), pieces.map((_, at) => at === 0));
      assert(pieces.every(({ text }) => text.length <= PIECE));
      assert(pieces.some(({ text }) => text.includes(token)));
      assertEquals(pieces.map(({ text }, at) => at === 0 ? text : text.slice(1024)).join(""), line);
    },
  );
  await fc.assert(property, { seed: 20_261_126, numRuns: 200 });
});

Deno.test("the drain is waited for before more is taken", async () => {
  let waiting = false;
  await eachLine(
    cut(encoder.encode("a\nb\nc\n"), [2]),
    () => assert(!waiting),
    async () => {
      waiting = true;
      await new Promise((resolve) => setTimeout(resolve, 1));
      waiting = false;
    },
  );
});
