import { assertEquals, assertThrows } from "@std/assert";
import { newHistory, parseUpdates, tips } from "../../../sidecars/git_gate/range.ts";
import { PktReader, pktSection } from "../../../sidecars/git_gate/pkt_line.ts";

const [A, B, ZERO] = ["a".repeat(40), "b".repeat(40), "0".repeat(40)];

Deno.test("what a push brings: its new tips, each once, without what the mirror has", () => {
  const updates = parseUpdates(
    `${ZERO} ${A} refs/heads/x\n${B} ${A} refs/heads/y z\n${B} ${ZERO} refs/heads/gone\n`,
  );
  assertEquals(updates.map((update) => update.ref), ["refs/heads/x", "refs/heads/y z", "refs/heads/gone"]);
  assertEquals(tips(updates), [A]);
  assertEquals(newHistory([A, B]), ["--full-history", A, B, "--not", "--all"]);
  for (const line of [`${A} ${B}`, `${A} HEAD refs/heads/x`, "--output=/etc/x y z"]) {
    assertThrows(() => parseUpdates(line), Error, "OLD NEW REF");
  }
});

Deno.test("pkt-lines are read in any pieces, and written as git reads them", async () => {
  const text = new TextDecoder().decode(pktSection(["version=1", "naïve"]));
  assertEquals(text, "000eversion=1\n000bnaïve\n0000");
  for (const size of [1, 3, 100]) {
    const data = new TextEncoder().encode(text + "0005x0000");
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < data.length; at += size) controller.enqueue(data.slice(at, at + size));
        controller.close();
      },
    });
    const reader = new PktReader(stream);
    assertEquals(await reader.section(), ["version=1", "naïve"]);
    assertEquals(await reader.section(), ["x"]);
  }
});

Deno.test("pkt-lines that are none are an error", async () => {
  for (const text of ["zzzz", "0003", "0010short", ""]) {
    const error = await new PktReader(new Blob([text]).stream()).section().catch((error: Error) =>
      error.message
    );
    assertEquals(typeof error, "string", text);
  }
});
