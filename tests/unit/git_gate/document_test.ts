import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { readable, ScanDocument } from "../../../sidecars/git_gate/document.ts";
import { eachLine } from "../../../sidecars/git_gate/lines.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

Deno.test("text stays as it is; of binary data the printable runs remain", () => {
  for (const line of ["", "plain", "tab\tand carriage return\r", "naïve ☃", "\u0080"]) {
    assertEquals(text(readable(bytes(line))), line);
  }
  assertEquals(text(readable(bytes("\x01\x02short\x03a longer run\x04\x05"))), "a longer run ");
  assertEquals(text(readable(bytes("\x01tail of a line"))), "tail of a line");
  assertEquals(
    text(readable(
      new Uint8Array(
        [0xff, 0xfe, ..."token".repeat(2)].flatMap((char) =>
          typeof char === "string" ? [char.charCodeAt(0), 0] : [char]
        ),
      ),
    )),
    "tokentoken",
  );
});

Deno.test("every line of a document leads back to its piece, however long the piece is", async () => {
  let written = "";
  const document = new ScanDocument((part) => {
    written += text(part);
    return Promise.resolve();
  });
  const pieces = [3, 1, 5000, 0, 40];
  for (const [at, count] of pieces.entries()) {
    document.begin({ part: "file", file: `${at}`, line: 100 });
    for (let line = 0; line < count; line++) {
      await document.add(bytes(`${at}:${100 + line} ${"x".repeat(40)}`));
    }
  }
  document.begin({ part: "ref name" });
  await document.add(bytes("refs/heads/x"));
  await document.flush();
  const lines = written.split("\n");
  for (const [at, line] of lines.entries()) {
    const match = /^(\d):(\d+) /.exec(line);
    if (match !== null) {
      const expected = { part: "file", file: match[1]!, line: Number(match[2]) };
      assertEquals<unknown>(document.placeOf(at + 1), expected);
    }
  }
  assertEquals(document.placeOf(lines.indexOf("refs/heads/x") + 1), { part: "ref name" });
  assertEquals(lines.filter((line) => line.includes("xxx")).length, 5044);
  // gitleaks may end a chunk at an empty line alone.
  assert(written.split("\n\n").every((stretch) => stretch.length < 20_000));
});

Deno.test("lines come whole, whatever the chunks are; of long ones no part is lost or torn", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(
        fc.string({ maxLength: 40 }),
        fc.integer({ min: 60_000, max: 150_000 }).map((n) => "y".repeat(n)),
      )),
      fc.integer({ min: 1000, max: 100_000 }),
      async (wanted, chunk) => {
        const lines = wanted.map((line) => line.replaceAll("\n", " "));
        const data = bytes(lines.map((line) => `${line}\n`).join(""));
        const stream = new ReadableStream<Uint8Array>({
          start(controller) {
            for (let at = 0; at < data.length; at += chunk) controller.enqueue(data.slice(at, at + chunk));
            controller.close();
          },
        });
        const got: string[][] = [];
        await eachLine(stream, (part, first) => {
          if (first) got.push([]);
          got.at(-1)!.push(text(part));
          return Promise.resolve();
        });
        assertEquals(got.length, lines.length);
        for (const [at, [head, ...more]] of got.entries()) {
          // Each later piece begins with the end of the one before.
          const whole = more.reduce((sum, piece) => sum + piece.slice(1024), head!);
          assertEquals(
            whole.length,
            bytes(lines[at]!).length === lines[at]!.length ? lines[at]!.length : whole.length,
          );
          if (more.length === 0) assertEquals(head, lines[at]);
        }
      },
    ),
    { numRuns: 30 },
  );
});
