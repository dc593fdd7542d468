/** Bodies pass as they come: a side that does not read holds the other one back, and an end is passed on as what it is. */

import { assert, assertEquals } from "@std/assert";
import { MIB, Pattern } from "./pattern.ts";
import { memoryOf } from "./process_facts.ts";
import type { Script } from "./support.ts";
import { startWorld } from "./world.ts";

const world = (script: Script) => startWorld({ hosts: { "a.test": script } });

const GET = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
/** MiB that buffers on the way may hold: the kernel's, on each of four sockets, and egress's own. */
const HELD = 64;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test("a reader that stops reading stops the sender: nothing is held whole", async () => {
  let sent = 0;
  await using w = await world(async (wire) => {
    await wire.head();
    await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${512 * MIB}\r\n\r\n`);
    const pattern = new Pattern(1);
    for (; sent < 512; sent++) await wire.send(pattern.block(sent));
  });
  const before = memoryOf(w.egress.pid).now;
  const wire = await w.tunnel("a.test");
  await wire.send(GET);
  await wire.head();
  await pause(1500);
  assert(sent < HELD, `${sent} MiB left the upstream while nobody read`);
  assert(memoryOf(w.egress.pid).now - before < HELD, `egress holds ${memoryOf(w.egress.pid).now} MiB`);
  wire.close();
});

Deno.test("an upstream that stops reading stops the client: nothing is held whole", async () => {
  await using w = await world(async (wire) => {
    await wire.head();
    await pause(2000);
  });
  const before = memoryOf(w.egress.pid).now;
  const wire = await w.tunnel("a.test");
  await wire.send(`PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${512 * MIB}\r\n\r\n`);
  let sent = 0;
  const sending = (async () => {
    const pattern = new Pattern(2);
    for (; sent < 512; sent++) await wire.send(pattern.block(sent));
  })().catch(() => {});
  await pause(1500);
  assert(sent < HELD, `${sent} MiB left the client while nobody read`);
  assert(memoryOf(w.egress.pid).now - before < HELD, `egress holds ${memoryOf(w.egress.pid).now} MiB`);
  wire.close();
  await sending;
});

Deno.test("a body that ends with the connection arrives whole, and one cut short is seen to be", async () => {
  await using w = await world(async (wire) => {
    const head = await wire.head();
    if (head.startsWith("GET /close")) await wire.send("HTTP/1.1 200 OK\r\n\r\nuntil the end");
    else if (head.startsWith("GET /short")) {
      await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
    } else await wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n");
  });
  assertEquals(
    await w.inTunnel("a.test", "GET /close HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end",
  );
  for (const path of ["/short", "/chunked"]) {
    const got = await w.inTunnel("a.test", `GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    assert(got.includes("short") && !got.endsWith("0\r\n\r\n"), got);
    await w.egress.record((record) => record.path === path && record.rule === "cut-short");
  }
});

Deno.test("a client that half-closes after its request still gets the answer", async () => {
  await using w = await world(async (wire) => {
    await wire.head();
    await pause(200);
    await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate");
    await wire.rest();
  });
  const wire = await w.tunnel("a.test");
  await wire.send(GET);
  await wire.conn.closeWrite();
  assertEquals((await wire.response()).body, "late");
  wire.close();
});
