/** Upstream connections are kept where upstream keeps them, and no request is lost where it does not. */

import { assertEquals, assertMatch } from "@std/assert";
import { type Script, text } from "./support.ts";
import { startWorld } from "./world.ts";

const world = (script: Script) => startWorld({ hosts: { "a.test": script } });

const POST = (name: string) => `POST /${name} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody`;

Deno.test("a repeatable request survives a pooled connection that was closed at the wrong moment", async () => {
  await using w = await world(async (wire, connection) => {
    await wire.head();
    await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
    // The first connection takes a second request and dies without a word.
    await wire.head();
    if (connection > 0) await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb");
  });
  const wire = await w.tunnel("a.test");
  for (let round = 0; round < 2; round++) {
    await wire.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assertEquals((await wire.response()).body, "a");
  }
  assertEquals(w.connections("a.test"), 2);
  wire.close();
});

// pipelock 2.3.0 does so on hosts whose TLS it opens: a POST that was sent on such a connection was answered with 502.
Deno.test("an upstream that ends each connection behind the answer, without saying so, loses no request", async () => {
  const clients = 16;
  const rounds = 15;
  let received = 0;
  await using w = await world(async (wire) => {
    const path = (await wire.head()).split(" ")[1]!;
    assertEquals(text(await wire.take(4)), "body");
    received++;
    await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`);
    // The end comes at about the time of the next request.
    await new Promise((resolve) => setTimeout(resolve, received % 5));
  });
  await Promise.all(Array.from({ length: clients }, async (_, client) => {
    const wire = await w.tunnel("a.test");
    for (let round = 0; round < rounds; round++) {
      await wire.send(POST(`${client}-${round}`));
      const { head, body } = await wire.response();
      assertMatch(head, /^HTTP\/1.1 200 /);
      assertEquals(body, `/${client}-${round}`);
    }
    wire.close();
  }));
  assertEquals(received, clients * rounds, "a request arrived twice, or never");
});

Deno.test("an upstream that keeps its connections is not dialled for each request", async () => {
  await using w = await world(async (wire) => {
    for (let head = await wire.head(); head !== ""; head = await wire.head()) {
      if (head.startsWith("POST")) await wire.take(4);
      await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  });
  const wire = await w.tunnel("a.test");
  for (let round = 0; round < 30; round++) {
    await wire.send(POST(`${round}`));
    assertMatch((await wire.response()).head, /^HTTP\/1.1 200 /);
    // Until it has shown that it keeps them, by leaving one open for a while.
    if (round === 0) await new Promise((resolve) => setTimeout(resolve, 1200));
  }
  wire.close();
  assertEquals(w.connections("a.test"), 1);
});
