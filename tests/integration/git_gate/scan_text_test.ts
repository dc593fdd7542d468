/** The one text that gitleaks is given, with the real gitleaks: nothing is torn, and every line is where it is said to be. */

import { assertEquals } from "@std/assert";
import { ScanDocument } from "../../../sidecars/git_gate/document.ts";
import { scanText } from "../../../sidecars/git_gate/gitleaks.ts";
import { eachLine } from "../../../sidecars/git_gate/lines.ts";
import { madeUpToken } from "../../support/git_gate.ts";
import { testRules } from "../../support/scan_lab.ts";

const encoder = new TextEncoder();

/** Lines that gitleaks finds something in, by rule, when the text is one file. */
async function found(
  text: string | Uint8Array<ArrayBuffer>,
): Promise<readonly (readonly [string, number])[]> {
  await using files = await testRules();
  let document: ScanDocument;
  const reported = await scanText(async (sink) => {
    document = new ScanDocument(sink);
    document.begin({ commit: "c", part: "file", file: "f", line: 1 });
    await eachLine(
      new Blob([text]).stream(),
      (bytes, first) => document.add(bytes, first),
      () => document.drain(),
    );
    await document.flush();
  }, files);
  const all = reported.map(({ RuleID, StartLine }) => [RuleID, document.placeOf(StartLine)!.line!] as const);
  const once = new Map(all.map((one) => [one.join(), one]));
  return [...once.values()].sort(([, a], [, b]) => a - b);
}

/** The same numbers on every machine. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}

/** A private key of a kind, as openssl writes it, with made-up contents. */
function key(lines: number): string {
  const body = Array.from(
    { length: lines },
    () => (madeUpToken() + madeUpToken()).slice(4, 68).replaceAll("_", "+"),
  );
  return ["-----BEGIN PRIVATE KEY-----", ...body, "-----END PRIVATE KEY-----"].join("\n");
}

Deno.test("tokens on one line after the other, each at another offset", async () => {
  const next = numbers(1);
  const lines: string[] = [];
  const expected: number[] = [];
  for (let at = 1; at <= 6000; at++) {
    if (at % 3 === 0) expected.push(at);
    lines.push("x".repeat(next(700)) + (at % 3 === 0 ? ` ${madeUpToken()} ` : ""));
  }
  assertEquals((await found(lines.join("\n"))).map(([, line]) => line), expected);
});

for (const middle of [8 * 1024, 15 * 1024, 16 * 1024, 20_000, 24_000, 25_000, 64 * 1024, 100_000, 125_000]) {
  Deno.test(`a token at every offset around ${middle}, of a text and of one line`, async () => {
    for (const filler of ["short words\n", "one line "]) {
      const parts: string[] = [];
      let count = 0;
      for (let at = middle - 56; at <= middle + 56; at += 4) {
        // What stands between is as long as the offset, so that each token is there for a reader that begins anew.
        parts.push(filler.repeat(middle / filler.length + 1).slice(0, at), madeUpToken(), "\n\n");
        count++;
      }
      const lines = (await found(parts.join(""))).length;
      assertEquals(lines, count, JSON.stringify(filler));
    }
  });
}

Deno.test("a token at every offset from the start of the text", async () => {
  for (const size of [1000, 16 * 1024, 24_000, 65_536, 100_000]) {
    for (let at = -40; at <= 8; at += 3) {
      const text = `${"ab cd ".repeat(size / 6 + 1).slice(0, size + at)} ${madeUpToken()}${
        " xy".repeat(1000)
      }`;
      assertEquals(await found(text), [["github-pat", 1]], `${size}${at}`);
    }
  }
});

Deno.test("keys of many lines, with and without empty lines in them, anywhere in a long text", async () => {
  const next = numbers(2);
  const lines: string[] = [];
  const expected: number[] = [];
  for (let count = 0; count < 120; count++) {
    for (let filler = next(900); filler > 0; filler--) lines.push("some text".slice(0, next(10)));
    expected.push(lines.length + 1);
    const empty = ["", "\n", "\n\r\n", "\n \n\t\n"][count % 4]!;
    lines.push(...key(20 + next(25)).replace("-----\n", `-----\n${empty}`).split("\n"));
  }
  assertEquals((await found(lines.join("\n"))).map(([, line]) => line), expected);
});

Deno.test("a key on one line of a file without others, as service accounts have them", async () => {
  const value = JSON.stringify({ private_key: key(50) });
  for (const before of [0, 12_000, 15_000, 16_000, 20_000, 23_000, 90_000]) {
    const text = `${"a=1;".repeat(before / 4)}${value}${"b=2;".repeat(10_000)}\nsecond ${madeUpToken()}\n`;
    assertEquals(await found(text), [["private-key", 1], ["github-pat", 2]], `${before}`);
  }
});

Deno.test("what an archive begins with makes no text an archive", async () => {
  const marks: readonly (readonly [number, string])[] = [
    ...[0, 1, 2].map((at) => [at, "PK\x03\x04"] as const),
    ...[0, 1, 2].map((at) => [at, "%PDF"] as const),
    ...[255, 256, 257].map((at) => [at, "ustar"] as const),
    ...[126, 127, 128].map((at) => [at, "DICM"] as const),
    ...[32_767, 32_768, 32_769].map((at) => [at, "CD001"] as const),
  ];
  for (const [at, mark] of marks) {
    const text = `${"x".repeat(at)}${mark}\n${madeUpToken()}\n`;
    assertEquals(await found(text), [["github-pat", 2]], `${mark} at ${at}`);
  }
});

Deno.test("a text of random bytes with a token in it now and then", async () => {
  const next = numbers(3);
  const bytes = new Uint8Array(3_000_000).map(() => next(256));
  for (let at = 10_000; at < bytes.length; at += 10_007) bytes.set(encoder.encode(` ${madeUpToken()} `), at);
  assertEquals((await found(bytes)).length, Math.ceil((bytes.length - 10_000) / 10_007));
});
