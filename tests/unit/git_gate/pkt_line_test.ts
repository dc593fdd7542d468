/** pkt-lines, however the stream is cut. */

import { assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { PktReader, pktSection } from "../../../sidecars/git_gate/pkt_line.ts";

const encoder = new TextEncoder();

function reader(bytes: Uint8Array, size = 1 << 16): PktReader {
  return new PktReader(
    new ReadableStream({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
        controller.close();
      },
    }),
  );
}

Deno.test("a section as git writes it", async () => {
  const pkt = reader(encoder.encode("000eversion=1\n0000" + "0009one\n\n0008four0000"));
  assertEquals(await pkt.section(), ["version=1"]);
  assertEquals(await pkt.section(), ["one\n", "four"]);
});

Deno.test("lengths count bytes, and themselves", () => {
  assertEquals(new TextDecoder().decode(pktSection(["ok", "ü"])), "0007ok\n0007ü\n0000");
  assertEquals(new TextDecoder().decode(pktSection([])), "0000");
});

Deno.test("what is written is read again, in chunks of any size", async () => {
  const lines = fc.array(
    fc.string({ unit: "grapheme", maxLength: 50 }).map((text) => text.replaceAll("\n", "")),
  );
  await fc.assert(
    fc.asyncProperty(lines, lines, fc.integer({ min: 1, max: 20 }), async (one, two, size) => {
      const bytes = new Uint8Array([...pktSection(one), ...pktSection(two)]);
      const pkt = reader(bytes, size);
      assertEquals(await pkt.section(), one);
      assertEquals(await pkt.section(), two);
    }),
    { seed: 20_261_126, numRuns: 300 },
  );
});

for (
  const [what, text] of [
    ["nothing", ""],
    ["a stream that ends in a length", "00"],
    ["a stream that ends in a line", "0009ab"],
    ["a stream that ends before the flush", "0006a\n"],
    ["a length that is none", "zzzzab"],
    ["a length with a sign", "+006a\n"],
    ["a length that does not count itself", "0003"],
    ["a delimiter of another protocol", "00010000"],
  ] as const
) {
  Deno.test(`fails: ${what}`, async () => {
    await assertRejects(() => reader(encoder.encode(text)).section(), Error, "pkt-line");
  });
}
