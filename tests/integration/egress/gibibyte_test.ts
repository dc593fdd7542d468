/** A gibibyte each way, generated and hashed on both sides, while the memory of egress stays bounded. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { digestOf, MIB, Pattern } from "./pattern.ts";
import { forgetPeak, memoryOf } from "./process_facts.ts";
import type { Script } from "./support.ts";
import { startWorld, type World } from "./world.ts";

const BLOCKS = 1024;
const SIZE = BLOCKS * MIB;
/** MiB that a transfer may add: buffers, and what the collector leaves lying. */
const GROWTH = 150;

/** Serves the gibibyte, or takes one and answers with its hash. */
const bulk: Script = async (wire) => {
  for (let head = await wire.head(); head !== ""; head = await wire.head()) {
    if (head.startsWith("GET")) {
      await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\n\r\n`);
      await new Pattern(7).send(wire, BLOCKS);
      continue;
    }
    const hash = await digestOf(wire, SIZE);
    await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${hash.length}\r\n\r\n${hash}`);
  }
};

Deno.test("1 GiB down and 1 GiB up: hashes are equal, memory is bounded", async (t) => {
  await using w = await startWorld({ hosts: { "a.test": bulk } });
  const want = new Pattern(7).digest(BLOCKS);
  await t.step("down", () =>
    bounded(w, async () => {
      const wire = await w.tunnel("a.test");
      await wire.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
      assertMatch(await wire.head(), /^HTTP\/1.1 200 /);
      assertEquals(await digestOf(wire, SIZE), want);
      wire.close();
    }));
  await t.step("up", () =>
    bounded(w, async () => {
      const wire = await w.tunnel("a.test");
      await wire.send(`PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${SIZE}\r\n\r\n`);
      await new Pattern(7).send(wire, BLOCKS);
      assertEquals((await wire.response()).body, want);
      wire.close();
    }));
  await w.egress.record((record) => record.method === "GET" && Number(record.bytes_down) > SIZE);
  await w.egress.record((record) => record.method === "PUT" && Number(record.bytes_up) > SIZE);
});

async function bounded(w: World, transfer: () => Promise<void>): Promise<void> {
  const { pid } = w.egress;
  forgetPeak(pid);
  const before = memoryOf(pid).now;
  await transfer();
  const { peak } = memoryOf(pid);
  assert(peak - before < GROWTH, `egress grew from ${before} to ${peak} MiB`);
}
