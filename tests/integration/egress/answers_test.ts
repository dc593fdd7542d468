/** Answers that do not simply follow a request: interim, early, without a body, and while the request still goes on. */

import { assertEquals, assertMatch } from "@std/assert";
import { MIB, Pattern } from "./pattern.ts";
import { type Script, text } from "./support.ts";
import { startWorld } from "./world.ts";

const world = (script: Script) => startWorld({ hosts: { "a.test": script } });

const EXPECTING = "POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";

Deno.test("100-continue: upstream decides, the client hears, the body follows", async () => {
  let head = "";
  await using w = await world(async (wire) => {
    head = await wire.head();
    await wire.send("HTTP/1.1 100 Continue\r\n\r\n");
    await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n${text(await wire.take(4))}`);
    await wire.rest();
  });
  const wire = await w.tunnel("a.test");
  await wire.send(EXPECTING);
  assertEquals(await wire.head(), "HTTP/1.1 100 Continue\r\n\r\n");
  await wire.send("body");
  assertEquals((await wire.response()).body, "body");
  assertEquals(head, EXPECTING);
  wire.close();
});

Deno.test("100-continue: upstream says no, and the body is never asked for", async () => {
  const more = Promise.withResolvers<string>();
  await using w = await world(async (wire) => {
    await wire.head();
    await wire.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
    more.resolve(await wire.rest());
  });
  const wire = await w.tunnel("a.test");
  await wire.send(EXPECTING);
  const { head, body } = await wire.response();
  // The body may or may not come now: the connection cannot tell, so it ends.
  assertMatch(head, /^HTTP\/1.1 401 [\s\S]*\r\nConnection: close\r\n/);
  assertEquals(body, "no");
  assertEquals(await wire.rest(), "");
  wire.close();
  assertEquals(await more.promise, "");
});

Deno.test("100-continue: a client that does not wait, and an upstream that never says it", async () => {
  await using w = await world(async (wire) => {
    await wire.head();
    await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n${text(await wire.take(4))}`);
    await wire.rest();
  });
  const wire = await w.tunnel("a.test");
  await wire.send(`${EXPECTING}body`);
  const { head, body } = await wire.response();
  assertEquals([head, body], ["HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", "body"]);
  wire.close();
});

Deno.test("interim answers pass in order, with their headers, and each as it comes", async () => {
  const interim = [
    "HTTP/1.1 102 Processing\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nlink: </b>\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: </c>\r\n\r\n",
    "HTTP/1.1 199 Odd\r\nX-y: z\r\n\r\n",
  ];
  let release = () => {};
  await using w = await world(async (wire) => {
    await wire.head();
    for (const head of interim) {
      await wire.send(head);
      await new Promise<void>((resolve) => release = resolve);
    }
    await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    await wire.rest();
  });
  const wire = await w.tunnel("a.test");
  await wire.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  for (const head of interim) {
    assertEquals(await wire.head(), head);
    release();
  }
  assertEquals((await wire.response()).body, "ok");
  wire.close();
});

Deno.test("an early answer to a body that is still being sent arrives, and the connection ends", async () => {
  await using w = await world(async (wire) => {
    await wire.head();
    await wire.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
    await wire.rest();
  });
  const wire = await w.tunnel("a.test");
  await wire.send(`POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${100 * MIB}\r\n\r\n`);
  await wire.send(new Pattern(1, 1024).block(0));
  const { head, body } = await wire.response();
  assertMatch(head, /^HTTP\/1.1 413 [\s\S]*Connection: close/);
  assertEquals(body, "big");
  assertEquals(await wire.rest(), "");
  wire.close();
});

Deno.test("an early answer arrives even where upstream ends right behind it while the client keeps sending", async () => {
  await using w = await world(async (wire) => {
    await wire.head();
    await wire.send("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig");
    await wire.conn.closeWrite();
    await new Promise((resolve) => setTimeout(resolve, 100));
  });
  for (let round = 0; round < 5; round++) {
    const wire = await w.tunnel("a.test");
    await wire.send(`POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${100 * MIB}\r\n\r\n`);
    const sending = new Pattern(1, 256 * 1024).send(wire, 2).catch(() => {});
    const { head, body } = await wire.response();
    assertMatch(head, /^HTTP\/1.1 413 /);
    assertEquals(body, "big");
    wire.close();
    await sending;
  }
});

Deno.test("request and answer at the same time: each piece comes back before the next is sent", async () => {
  await using w = await world(async (wire) => {
    await wire.head();
    await wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    let all = "";
    while (!all.endsWith("0\r\n\r\n")) {
      const part = await wire.some();
      all += text(part);
      await wire.send(part);
    }
    await wire.rest();
  });
  const wire = await w.tunnel("a.test");
  await wire.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n");
  assertMatch(await wire.head(), /^HTTP\/1.1 200 /);
  for (const piece of ["3\r\none\r\n", "3\r\ntwo\r\n", "5\r\nthree\r\n", "0\r\n\r\n"]) {
    await wire.send(piece);
    assertEquals(text(await wire.take(piece.length)), piece);
  }
  wire.close();
});

Deno.test("HEAD, 204 and 304 have no body, whatever their heads say; the connection goes on", async () => {
  const answers: Record<string, string> = {
    "/counted": "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
    "/chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "/open": "HTTP/1.1 200 OK\r\nX: y\r\n\r\n",
    "/204": "HTTP/1.1 204 No Content\r\n\r\n",
    "/304": 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 5\r\n\r\n',
    "/304-chunked": "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
  };
  await using w = await world(async (wire) => {
    for (let head = await wire.head(); head !== ""; head = await wire.head()) {
      await wire.send(answers[head.split(" ")[1]!]!);
    }
  });
  const wire = await w.tunnel("a.test");
  for (let round = 0; round < 2; round++) {
    for (const [path, answer] of Object.entries(answers)) {
      const method = path.includes("04") ? "GET" : "HEAD";
      await wire.send(`${method} ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
      assertEquals(await wire.head(), answer);
    }
  }
  assertEquals(w.connections("a.test"), 1);
  wire.close();
});
