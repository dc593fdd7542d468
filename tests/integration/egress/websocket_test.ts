/** WebSocket: the handshake is judged like any request, then bytes pass both ways and each end is passed on by itself. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { digestOf, MIB, Pattern } from "./pattern.ts";
import { memoryOf } from "./process_facts.ts";
import { type Script, text, type Wire } from "./support.ts";
import { startWorld } from "./world.ts";

const SWITCH = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
const ASK = "GET /ws HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  "Sec-WebSocket-Key: x\r\nAuthorization: agent\r\n\r\n";

function world(script: Script) {
  return startWorld({
    hosts: { "a.test": script },
    routes: "routes: [{host: a.test, auth_scheme: Bearer, token_env: EGRESS_TOKEN_0}]",
    env: { EGRESS_TOKEN_0: "tok" },
  });
}

async function echo(wire: Wire): Promise<void> {
  for (let part = await wire.some(); part.length > 0; part = await wire.some()) await wire.send(part);
}

Deno.test("WebSocket: the handshake carries the credential; frames of any size come back; the client ends first", async () => {
  let handshake = "";
  let ended = false;
  await using w = await world(async (wire) => {
    handshake = await wire.head();
    // The first frame comes in one piece with the handshake's answer.
    await wire.send(`${SWITCH}first`);
    await echo(wire);
    ended = true;
    await wire.send("last words");
  });
  const wire = await w.tunnel("a.test");
  await wire.send(ASK);
  assertEquals(
    await wire.head(),
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
  );
  assertEquals(text(await wire.take(5)), "first");
  for (const size of [1, 125, 126, 65_535, 65_536, 3 * MIB + 1]) {
    const frame = new Pattern(size, 4 * MIB).block(0).slice(0, size);
    const [, back] = await Promise.all([wire.send(frame), wire.take(frame.length)]);
    assertEquals(back, frame);
  }
  assertEquals(
    handshake,
    "GET /ws HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n" +
      "Authorization: Bearer tok\r\nConnection: Upgrade\r\n\r\n",
  );
  await wire.conn.closeWrite();
  assertEquals(await wire.rest(), "last words");
  assert(ended);
  wire.close();
  await w.egress.record((record) => record.path === "/ws" && record.status === 101);
});

Deno.test("WebSocket: the server ends first, and still hears the client out", async () => {
  const heard = Promise.withResolvers<string>();
  await using w = await world(async (wire) => {
    await wire.head();
    await wire.send(`${SWITCH}bye`);
    await wire.conn.closeWrite();
    heard.resolve(await wire.rest());
  });
  const wire = await w.tunnel("a.test");
  await wire.send(ASK);
  await wire.head();
  assertEquals(await wire.rest(), "bye");
  for (let word = 0; word < 3; word++) {
    await wire.send(`still here ${word};`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await wire.conn.closeWrite();
  assertEquals(await heard.promise, "still here 0;still here 1;still here 2;");
  wire.close();
});

Deno.test("WebSocket: 64 MiB each way at once, each direction whole", async () => {
  const blocks = 64;
  const up = Promise.withResolvers<string>();
  await using w = await world(async (wire) => {
    await wire.head();
    await wire.send(SWITCH);
    const [, digest] = await Promise.all([new Pattern(1).send(wire, blocks), digestOf(wire, blocks * MIB)]);
    up.resolve(digest);
    await wire.rest();
  });
  const wire = await w.tunnel("a.test");
  await wire.send(ASK);
  await wire.head();
  const [, down] = await Promise.all([new Pattern(2).send(wire, blocks), digestOf(wire, blocks * MIB)]);
  assertEquals([down, await up.promise], [new Pattern(1).digest(blocks), new Pattern(2).digest(blocks)]);
  wire.close();
});

Deno.test("WebSocket: a client that does not read stops the server, which goes on when it reads again", async () => {
  const blocks = 128;
  let sent = 0;
  await using w = await world(async (wire) => {
    await wire.head();
    await wire.send(SWITCH);
    const pattern = new Pattern(3);
    for (; sent < blocks; sent++) await wire.send(pattern.block(sent));
    await wire.rest();
  });
  const before = memoryOf(w.egress.pid).now;
  const wire = await w.tunnel("a.test");
  await wire.send(ASK);
  await wire.head();
  await new Promise((resolve) => setTimeout(resolve, 800));
  const held = sent;
  assert(held < 48, `${held} MiB left the server while nobody read`);
  assert(memoryOf(w.egress.pid).now - before < 60, `egress holds ${memoryOf(w.egress.pid).now} MiB`);
  assertEquals(await digestOf(wire, blocks * MIB), new Pattern(3).digest(blocks));
  wire.close();
});

Deno.test("WebSocket: one side breaks off, and the other one learns it", async () => {
  const gone = Promise.withResolvers<void>();
  await using w = await world(async (wire) => {
    const path = (await wire.head()).split(" ")[1];
    await wire.send(SWITCH);
    if (path === "/server-breaks") return;
    await wire.rest();
    gone.resolve();
  });
  const left = await w.tunnel("a.test");
  await left.send(ASK.replace("/ws", "/server-breaks"));
  await left.head();
  assertEquals(await left.rest(), "");
  left.close();
  const right = await w.tunnel("a.test");
  await right.send(ASK);
  await right.head();
  right.close();
  await gone.promise;
});

Deno.test("WebSocket: a switch to anything else is not asked for, and one that was not asked for is a 502", async () => {
  const heads: string[] = [];
  await using w = await world(async (wire) => {
    const head = await wire.head();
    heads.push(head);
    if (head.startsWith("GET /unasked")) await wire.send(SWITCH);
    else await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
  for (
    const upgrade of [
      "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n",
      "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
      "Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n",
      // Not named in Connection: then it is no wish.
      "Upgrade: websocket\r\n",
    ]
  ) {
    const wire = await w.tunnel("a.test");
    await wire.send(`GET / HTTP/1.1\r\nHost: a.test\r\n${upgrade}\r\n`);
    assertMatch(await wire.head(), /^HTTP\/1.1 200 /);
    assertEquals(heads.pop(), "GET / HTTP/1.1\r\nHost: a.test\r\nAuthorization: Bearer tok\r\n\r\n");
    wire.close();
  }
  const answer = await w.inTunnel("a.test", "GET /unasked HTTP/1.1\r\nHost: a.test\r\n\r\n");
  assertMatch(answer, /^HTTP\/1.1 502 /);
});
