/** The text for gitleaks: how it is cut, and the way back from a line of it. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { readable, ScanDocument } from "../../../sidecars/git_gate/document.ts";
import type { Place } from "../../../sidecars/git_gate/findings.ts";
import { PIECE } from "../../../sidecars/git_gate/lines.ts";

const encoder = new TextEncoder();
const FILE: Place = { commit: "c", part: "file", file: "f", line: 1 };

async function written(write: (document: ScanDocument) => void | Promise<void>) {
  let text = "";
  const document = new ScanDocument((bytes) => {
    text += new TextDecoder("latin1").decode(bytes);
    return Promise.resolve();
  });
  await write(document);
  await document.flush();
  return { document, text };
}

/** Places of the lines that hold a word. */
function placesOf({ document, text }: { document: ScanDocument; text: string }, word: string) {
  return text.split("\n").flatMap((line, at) => line.includes(word) ? [document.placeOf(at + 1)] : []);
}

/** Longest stretch without an empty line, as gitleaks sees empty lines; what comes before the pieces aside. */
function longestStretch(text: string): number {
  return Math.max(...text.trimStart().split(/\n[ \t\r]*\n/).map((stretch) => stretch.length));
}

Deno.test("the first 100,000 bytes are newlines", async () => {
  const { text } = await written((document) => {
    document.begin({ part: "ref name" });
    document.add(encoder.encode("refs/heads/main"));
  });
  assertEquals(text.slice(0, 100_000), "\n".repeat(100_000));
  assertEquals(text.slice(100_000).trim(), "refs/heads/main");
});

Deno.test("each line is told with its piece and its number", async () => {
  const made = await written((document) => {
    document.begin({ part: "ref name" });
    document.add(encoder.encode("NAME"));
    document.begin({ commit: "c", part: "commit message", line: 1 });
    for (const line of ["one", "", "THREE"]) document.add(encoder.encode(line));
    document.begin({ ...FILE, line: 40 });
    document.add(encoder.encode("FORTY"));
    document.begin({ ...FILE, line: 90 });
    for (const line of ["ninety", "NINETY-ONE"]) document.add(encoder.encode(line));
  });
  assertEquals(placesOf(made, "NAME"), [{ part: "ref name" }]);
  assertEquals(placesOf(made, "THREE"), [{ commit: "c", part: "commit message", line: 3 }]);
  assertEquals(placesOf(made, "FORTY"), [{ ...FILE, line: 40 }]);
  assertEquals(placesOf(made, "NINETY-ONE"), [{ ...FILE, line: 91 }]);
  assertEquals(made.document.placeOf(1), undefined);
});

Deno.test("no stretch is longer than gitleaks looks for its end, and every line is in one with those before it", async () => {
  const line = fc.oneof(
    { weight: 6, arbitrary: fc.stringMatching(/^[a-z \t\r]{0,60}$/) },
    { weight: 2, arbitrary: fc.constantFrom("", " ", "\t", "\r") },
    { weight: 1, arbitrary: fc.integer({ min: 100, max: 5000 }).map((length) => "w".repeat(length)) },
    { weight: 1, arbitrary: fc.integer({ min: 5000, max: PIECE }).map((length) => "l".repeat(length)) },
  );
  const property = fc.asyncProperty(
    fc.array(line, { minLength: 1, maxLength: 400, size: "max" }),
    async (lines) => {
      const made = await written(async (document) => {
        document.begin(FILE);
        for (const [at, text] of lines.entries()) {
          document.add(encoder.encode(`${text}`));
          if (at % 10 === 9) document.add(encoder.encode(`MARK${at}.`));
          await document.drain();
        }
      });
      assert(longestStretch(made.text) < 25_000);
      let line = 0;
      for (const at of lines.keys()) {
        line++;
        if (at % 10 !== 9) continue;
        line++;
        // More than once where it stands again: always with the same number.
        const places = placesOf(made, `MARK${at}.`);
        assert(places.length > 0);
        for (const place of places) assertEquals(place, { ...FILE, line });
      }
    },
  );
  await fc.assert(property, { seed: 20_261_126, numRuns: 60 });
});

Deno.test("what is at the end of a stretch stands again in the next", async () => {
  const { text } = await written((document) => {
    document.begin(FILE);
    for (let at = 0; at < 3000; at++) document.add(encoder.encode(`line ${at} of thirty characters`));
  });
  const stretches = text.trimStart().split("\n\n");
  assert(stretches.length > 3);
  for (const [at, stretch] of stretches.slice(1).entries()) {
    assertEquals(stretch.slice(0, 4096), stretches[at]!.slice(-4096));
  }
});

Deno.test("another piece begins with nothing of the one before", async () => {
  const { text } = await written((document) => {
    document.begin(FILE);
    document.add(encoder.encode("one"));
    document.begin({ ...FILE, file: "g" });
    document.add(encoder.encode("two"));
  });
  assertEquals(text.trimStart().split("\n\n"), ["one", "two"]);
});

Deno.test("parts of a long line count as one", async () => {
  const made = await written((document) => {
    document.begin(FILE);
    for (let at = 0; at < 20; at++) document.add(new Uint8Array(PIECE).fill(0x61), at === 0);
    document.add(encoder.encode("SECOND"));
  });
  assertEquals(placesOf(made, "SECOND"), [{ ...FILE, line: 2 }]);
  assertThrows(() => made.document.add(new Uint8Array(PIECE + 1)), RangeError);
});

for (
  const [what, line, kept] of [
    ["text is kept as it is", "a\tb ünï \r", "a\tb ünï \r"],
    ["zero bytes are left out", "s\0e\0c\0r\0e\0t\0s\0!\0", "secrets!"],
    ["short runs of binary data are left out", "\x01short\x02longer run\x03", "longer run "],
    ["a run at the end is kept", "\x01longer run", "longer run"],
    ["colours part words", "\x1b[31mlonger run\x1b[0m", "[31mlonger run "],
    ["nothing of it is text", "\x01\x02\x03", ""],
    ["nothing at all", "", ""],
  ] as const
) {
  Deno.test(`readable: ${what}`, () => {
    assertEquals(new TextDecoder().decode(readable(encoder.encode(line))), kept);
  });
}
