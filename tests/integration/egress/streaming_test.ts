/** Bodies, streams and switched protocols pass as they come, in any size, both ways. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { createHash } from "node:crypto";
import {
  echoHeads,
  makePki,
  openTunnel,
  type Script,
  startConnectProxy,
  startEgress,
  startUpstream,
  text,
  type Wire,
} from "./support.ts";

const MIB = 1024 * 1024;

async function world(script: Script) {
  const pki = await makePki();
  const upstream = await startUpstream(pki, "a.test", script);
  const proxy = startConnectProxy({ "a.test:443": upstream.port });
  const egress = await startEgress(pki, {
    routes: "routes: [{host: a.test, auth_scheme: Bearer, token_env: EGRESS_TOKEN_0}]",
    proxyPort: proxy.port,
    env: { EGRESS_TOKEN_0: "tok" },
  });
  return {
    pki,
    egress,
    upstream,
    tunnel: () => openTunnel(egress.port, "a.test", pki),
    [Symbol.asyncDispose]: async () => {
      for (const part of [egress, proxy, upstream]) await part.close();
      await Deno.remove(pki.dir, { recursive: true });
    },
  };
}

/** The same bytes for everyone who asks for the same block: no block equals its neighbour. */
function block(index: number, size = MIB): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(size);
  for (let at = 0; at < size; at += 4) {
    new DataView(data.buffer).setUint32(at, (at * 2654435761 + index) >>> 0);
  }
  return data;
}

Deno.test("50 MiB down and up, counted, byte for byte", async () => {
  const blocks = 50;
  let received = "";
  await using w = await world(async (wire) => {
    // The second request comes over the pooled connection of the first.
    for (let head = await wire.head(); head !== ""; head = await wire.head()) {
      if (head.startsWith("GET")) {
        await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${blocks * MIB}\r\n\r\n`);
        for (let index = 0; index < blocks; index++) await wire.send(block(index));
        continue;
      }
      const hash = createHash("sha256");
      for (let left = blocks * MIB; left > 0;) {
        const part = await wire.some();
        left -= part.length;
        hash.update(part);
      }
      received = hash.digest("hex");
      await wire.send("HTTP/1.1 204 No Content\r\n\r\n");
    }
  });
  const expected = createHash("sha256");
  for (let index = 0; index < blocks; index++) expected.update(block(index));
  const want = expected.digest("hex");

  const down = await w.tunnel();
  await down.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  assertMatch(await down.head(), /^HTTP\/1.1 200 /);
  const hash = createHash("sha256");
  for (let left = blocks * MIB; left > 0;) {
    const part = await down.some();
    assert(part.length > 0, "ended early");
    left -= part.length;
    hash.update(part);
  }
  assertEquals(hash.digest("hex"), want);
  down.close();

  const up = await w.tunnel();
  await up.send(`PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${blocks * MIB}\r\n\r\n`);
  for (let index = 0; index < blocks; index++) await up.send(block(index));
  assertMatch(await up.head(), /^HTTP\/1.1 204 /);
  assertEquals(received, want);
  up.close();
});

Deno.test("a reader that stops reading stops the sender: nothing is held whole", async () => {
  let sent = 0;
  await using w = await world(async (wire) => {
    await wire.head();
    await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${512 * MIB}\r\n\r\n`);
    for (let index = 0; index < 512; index++) {
      await wire.send(block(index));
      sent += MIB;
    }
  });
  const wire = await w.tunnel();
  await wire.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  await wire.head();
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const rss = Number(/VmRSS:\s+([0-9]+)/.exec(await Deno.readTextFile(`/proc/${w.egress.pid}/status`))![1]) /
    1024;
  assert(sent < 64 * MIB, `${sent / MIB} MiB left the upstream while nobody read`);
  assert(rss < 300, `egress holds ${rss} MiB`);
  wire.close();
});

Deno.test("an upstream that stops reading stops the client: nothing is held whole", async () => {
  await using w = await world(async (wire) => {
    await wire.head();
    await new Promise((resolve) => setTimeout(resolve, 2000));
  });
  const wire = await w.tunnel();
  await wire.send(`PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${512 * MIB}\r\n\r\n`);
  let sent = 0;
  const sending = (async () => {
    for (let index = 0; index < 512; index++) {
      await wire.send(block(index));
      sent += MIB;
    }
  })().catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const status = await Deno.readTextFile(`/proc/${w.egress.pid}/status`);
  const rss = Number(/VmRSS:\s+([0-9]+)/.exec(status)![1]) / 1024;
  assert(sent < 64 * MIB, `${sent / MIB} MiB left the client while nobody read`);
  assert(rss < 300, `egress holds ${rss} MiB`);
  wire.close();
  await sending;
});

Deno.test("chunked bodies with trailers pass both ways; a chunk is passed on as it comes", async () => {
  let seen = "";
  await using w = await world(async (wire) => {
    await wire.head();
    while (!seen.endsWith("X-Sum: 1\r\n\r\n")) seen += text(await wire.some());
    await wire.send(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Ok\r\n\r\n" +
        "3;ext=1\r\nabc\r\n00A\r\n0123456789\r\n0\r\nX-Ok: yes\r\nx-ok: 2\r\n\r\n",
    );
    await wire.rest();
  });
  const wire = await w.tunnel();
  await wire.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n");
  // Byte by byte: no boundary of reads may matter.
  for (const char of "5\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 1\r\n\r\n") await wire.send(char);
  assertEquals(
    await wire.head(),
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Ok\r\n\r\n",
  );
  const expected = "3\r\nabc\r\na\r\n0123456789\r\n0\r\nX-Ok: yes\r\nx-ok: 2\r\n\r\n";
  assertEquals(text(await wire.take(expected.length)), expected);
  assertEquals(seen, "5\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 1\r\n\r\n");
  wire.close();
});

Deno.test("SSE: each event arrives before the next is sent", async () => {
  let release = () => {};
  await using w = await world(async (wire) => {
    await wire.head();
    await wire.send(
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    for (let index = 0; index < 5; index++) {
      const event = `data: ${index}\n\n`;
      // A chunk in two pieces, as a server may write it.
      await wire.send(`${event.length.toString(16)}\r\n${event}`);
      await wire.send("\r\n");
      await new Promise<void>((resolve) => release = resolve);
    }
    await wire.send("0\r\n\r\n");
    await wire.rest();
  });
  const wire = await w.tunnel();
  await wire.send("GET /events HTTP/1.1\r\nHost: a.test\r\nAccept: text/event-stream\r\n\r\n");
  await wire.head();
  const delays: number[] = [];
  for (let index = 0; index < 5; index++) {
    const start = performance.now();
    const chunk = text(await wire.take(14));
    assertEquals(chunk, `9\r\ndata: ${index}\n\n\r\n`);
    delays.push(performance.now() - start);
    release();
  }
  assertEquals(text(await wire.take(5)), "0\r\n\r\n");
  // It would hang, not only be late, if an event waited for the next; this bounds a timer-driven flush too.
  assert(Math.max(...delays) < 1000, `${delays}`);
  wire.close();
});

Deno.test("100-continue: the upstream decides, the client hears, the body follows", async () => {
  await using w = await world(async (wire) => {
    const head = await wire.head();
    assertMatch(head, /\r\nExpect: 100-continue\r\n/);
    await wire.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
    const body = text(await wire.take(4));
    await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n${body}`);
    await wire.rest();
  });
  const wire = await w.tunnel();
  await wire.send("POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  assertEquals(await wire.head(), "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  assertEquals(await wire.head(), "HTTP/1.1 100 Continue\r\n\r\n");
  await wire.send("body");
  assertEquals((await wire.response()).body, "body");
  wire.close();
});

Deno.test("an early answer to a body that is still being sent arrives, and the connection ends", async () => {
  await using w = await world(async (wire) => {
    await wire.head();
    await wire.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
    await wire.rest();
  });
  const wire = await w.tunnel();
  await wire.send(`POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${100 * MIB}\r\n\r\n`);
  await wire.send(block(0, 1024));
  const { head, body } = await wire.response();
  assertMatch(head, /^HTTP\/1.1 413 [\s\S]*Connection: close/);
  assertEquals(body, "big");
  assertEquals(await wire.rest(), "");
  wire.close();
});

Deno.test("HEAD, 204 and 304 have no body; the connection goes on", async () => {
  await using w = await world(async (wire) => {
    for (;;) {
      const head = await wire.head();
      if (head === "") return;
      if (head.startsWith("HEAD")) await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
      else if (head.startsWith("GET /204")) await wire.send("HTTP/1.1 204 No Content\r\n\r\n");
      else await wire.send('HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 5\r\n\r\n');
    }
  });
  const wire = await w.tunnel();
  for (let round = 0; round < 2; round++) {
    await wire.send("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assertEquals(await wire.head(), "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    await wire.send("GET /204 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assertEquals(await wire.head(), "HTTP/1.1 204 No Content\r\n\r\n");
    await wire.send("GET /304 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assertEquals(await wire.head(), 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 5\r\n\r\n');
  }
  assertEquals(w.upstream.connections(), 1);
  wire.close();
});

Deno.test("a body that ends with the connection arrives whole, and one cut short is seen to be", async () => {
  await using w = await world(async (wire) => {
    const head = await wire.head();
    if (head.startsWith("GET /close")) await wire.send("HTTP/1.1 200 OK\r\n\r\nuntil the end");
    else if (head.startsWith("GET /short")) {
      await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
    } else await wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n");
  });
  const whole = await w.tunnel();
  await whole.send("GET /close HTTP/1.1\r\nHost: a.test\r\n\r\n");
  assertEquals(await whole.rest(), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end");
  whole.close();
  for (const path of ["/short", "/chunked"]) {
    const wire = await w.tunnel();
    await wire.send(`GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    const got = await wire.rest();
    assert(got.includes("short") && !got.endsWith("0\r\n\r\n"), got);
    await w.egress.record((r) => r.path === path && r.rule === "cut-short");
    wire.close();
  }
});

Deno.test("WebSocket: the handshake carries the credential, then bytes pass both ways and each end is passed on", async () => {
  let handshake = "";
  let ended = false;
  await using w = await world(async (wire) => {
    handshake = await wire.head();
    await wire.send(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst",
    );
    for (;;) {
      const part = await wire.some();
      if (part.length === 0) break;
      await wire.send(part);
    }
    ended = true;
    await wire.send("last words");
  });
  const wire = await w.tunnel();
  await wire.send(
    "GET /ws HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Key: x\r\nAuthorization: agent\r\n\r\n",
  );
  assertMatch(await wire.head(), /^HTTP\/1.1 101 [\s\S]*Upgrade: websocket\r\n/);
  assertEquals(text(await wire.take(5)), "first");
  for (const size of [1, 125, 70_000, 3 * MIB]) {
    const frame = block(size, size + (4 - size % 4) % 4);
    const [, back] = await Promise.all([wire.send(frame), wire.take(frame.length)]);
    assertEquals(back, frame);
  }
  assertMatch(handshake, /\r\nUpgrade: websocket\r\n/);
  assertMatch(handshake, /\r\nConnection: Upgrade\r\n/);
  assertMatch(handshake, /\r\nAuthorization: Bearer tok\r\n/);
  await wire.conn.closeWrite();
  assertEquals(await wire.rest(), "last words");
  assert(ended);
  wire.close();
});

Deno.test("other upgrades are not asked for: their requests could not be judged", async () => {
  await using w = await world(echoHeads);
  const wire = await w.tunnel();
  await wire.send(
    "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n",
  );
  assertEquals(
    (await wire.response()).body,
    "GET / HTTP/1.1\r\nHost: a.test\r\nAuthorization: Bearer tok\r\n\r\n",
  );
  wire.close();
});

Deno.test("a client that half-closes after its request still gets the answer", async () => {
  await using w = await world(async (wire) => {
    await wire.head();
    await new Promise((resolve) => setTimeout(resolve, 200));
    await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate");
    await wire.rest();
  });
  const wire = await w.tunnel();
  await wire.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  await wire.conn.closeWrite();
  assertEquals((await wire.response()).body, "late");
  wire.close();
});

Deno.test("a client that leaves in the middle takes its upstream connection along", async () => {
  let over = () => {};
  const ended = new Promise<void>((resolve) => over = resolve);
  await using w = await world(async (wire) => {
    await wire.head();
    await wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    try {
      for (;;) {
        await wire.send("5\r\nevent\r\n");
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    } catch {
      over();
    }
  });
  const wire = await w.tunnel();
  await wire.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  await wire.head();
  wire.close();
  await ended;
});

Deno.test("gzip passes byte for byte", async () => {
  const plain = new Blob([block(7)]).stream().pipeThrough(new CompressionStream("gzip"));
  const zipped = new Uint8Array(await new Response(plain).arrayBuffer());
  await using w = await world(async (wire) => {
    await wire.head();
    const body = await wire.take(zipped.length);
    await wire.send(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`);
    await wire.send(body);
    await wire.rest();
  });
  const wire = await w.tunnel();
  await wire.send(
    `POST / HTTP/1.1\r\nHost: a.test\r\nContent-Encoding: gzip\r\nContent-Length: ${zipped.length}\r\n\r\n`,
  );
  await wire.send(zipped);
  assertMatch(await wire.head(), /Content-Encoding: gzip/);
  assertEquals(await wire.take(zipped.length), zipped);
  wire.close();
});

Deno.test("a repeatable request survives a pooled connection that was closed at the wrong moment", async () => {
  await using w = await world(async (wire, connection) => {
    await wire.head();
    await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
    // The first connection takes a second request and dies without a word.
    await wire.head();
    if (connection > 0) await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb");
  });
  const wire = await w.tunnel();
  for (let round = 0; round < 2; round++) {
    await wire.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assertEquals((await wire.response()).body, "a");
  }
  assertEquals(w.upstream.connections(), 2);
  wire.close();
});

Deno.test("reload and 40 clients at once: every answer is right, and none is of the wrong table", async () => {
  await using w = await world(echoHeads);
  const routes = (path: string) =>
    `routes: [{host: a.test, path_allowlist: [${path}], auth_scheme: Bearer, token_env: EGRESS_TOKEN_0}]`;
  let stop = false;
  let answered = 0;
  const client = async (name: number) => {
    let wire: Wire | undefined;
    for (let round = 0; !stop; round++) {
      wire ??= await w.tunnel();
      const path = round % 2 === 0 ? "/always/x" : "/never/x";
      await wire.send(`GET ${path}?${name}-${round} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
      const { head, body } = await wire.response();
      if (round % 2 === 0) {
        assertMatch(head, /^HTTP\/1.1 200 /);
        assert(body.startsWith(`GET ${path}?${name}-${round} HTTP/1.1\r\n`), body);
      } else assertMatch(head, /^HTTP\/1.1 403 /);
      answered++;
      if (round % 10 === 9) {
        wire.close();
        wire = undefined;
      }
    }
    wire?.close();
  };
  await w.egress.reload(routes("/always/"));
  const clients = Array.from({ length: 40 }, (_, name) => client(name));
  for (let round = 0; round < 20; round++) {
    const fault = await w.egress.reload(round % 4 === 3 ? "routes: [" : routes(`/always/, /other${round}`));
    assertMatch(fault, round % 4 === 3 ? /stay in force/ : /reloaded 1 routes/);
  }
  stop = true;
  await Promise.all(clients);
  assert(answered > 200, `${answered} answers`);
});
