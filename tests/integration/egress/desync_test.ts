/** Bytes that upstream sends beyond its answer are never taken for the answer to another request. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { startWorld, type World } from "./world.ts";

const STRAY = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";

/** An upstream that answers `/N` with the Nth answer, and anything else with `good` and the end. */
function world(answers: readonly string[]): Promise<World> {
  return startWorld({
    hosts: {
      "a.test": async (wire) => {
        for (let head = await wire.head(); head !== ""; head = await wire.head()) {
          const index = /^\S+ \/([0-9]+) /.exec(head)?.[1];
          if (index === undefined) {
            return await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ngood");
          }
          const answer = answers[Number(index)]!;
          if (answer === "") return;
          await wire.send(answer);
        }
      },
    },
  });
}

/** The method, the answer's head, and its body as the client sees it. */
const ROWS: readonly (readonly [name: string, method: string, head: string, body: string])[] = [
  ["a counted body and more", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "ok"],
  ["an empty body and more", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""],
  ["chunks and more", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "2\r\nok\r\n0\r\n\r\n"],
  ["a body after HEAD", "HEAD", `HTTP/1.1 200 OK\r\nContent-Length: ${STRAY.length}\r\n\r\n`, ""],
  ["chunks after HEAD", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ""],
  ["a body after 204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", ""],
  ["a body after 304", "GET", `HTTP/1.1 304 Not Modified\r\nContent-Length: ${STRAY.length}\r\n\r\n`, ""],
];

Deno.test("desync: an upstream connection with bytes left over is not used again", async (t) => {
  await using w = await world(ROWS.map(([, , head, body]) => head + body + STRAY));
  for (const [index, [name, method, head, body]] of ROWS.entries()) {
    await t.step(name, async () => {
      const before = w.connections("a.test");
      const first = `${method} /${index} HTTP/1.1\r\nHost: a.test\r\n\r\n`;
      const second = "GET /next HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
      const answer = await w.inTunnel("a.test", first + second);
      assert(answer.startsWith(`${head}${body}HTTP/1.1 200 OK\r\n`), answer);
      assert(answer.endsWith("\r\n\r\ngood") && !answer.includes("evil"), answer);
      assertEquals(w.connections("a.test"), before + 2);
    });
  }
});

const DOUBTFUL: readonly (readonly [name: string, answer: string])[] = [
  ["both framings", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"],
  ["a folded line", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n"],
  ["bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"],
  ["no status", "HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n"],
  ["204 with a body", "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc"],
  ["an oversized head", `HTTP/1.1 200 OK\r\nX: ${"a".repeat(70_000)}\r\n\r\n`],
  ["nothing but the end", ""],
  ["a coding besides chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"],
  ["an unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"],
  ["a coding in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["a signed length", "HTTP/1.1 200 OK\r\nContent-Length: +4\r\n\r\nevil"],
  ["a list of lengths", "HTTP/1.1 200 OK\r\nContent-Length: 4, 4\r\n\r\nevil"],
  ["a space before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 4\r\n\r\nevil"],
  ["a NUL in a value", "HTTP/1.1 200 OK\r\nX: \0\r\nContent-Length: 4\r\n\r\nevil"],
  ["a status of two digits", "HTTP/1.1 99 Odd\r\nContent-Length: 4\r\n\r\nevil"],
  ["a status of four digits", "HTTP/1.1 2000 OK\r\nContent-Length: 4\r\n\r\nevil"],
  ["HTTP/2 in words", "HTTP/2 200 OK\r\nContent-Length: 4\r\n\r\nevil"],
  ["HTTP/0.9", "evil\r\n\r\n"],
  ["an interim answer with a length", `HTTP/1.1 103 Early Hints\r\nContent-Length: 4\r\n\r\nevil${STRAY}`],
  ["204 with chunks", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["another protocol, unasked", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nevil"],
];

Deno.test("desync: an answer whose framing is doubtful is a 502, and its connection ends", async (t) => {
  await using w = await world(DOUBTFUL.map(([, answer]) => answer));
  for (const [index, [name]] of DOUBTFUL.entries()) {
    await t.step(name, async () => {
      const before = w.connections("a.test");
      const answer = await w.inTunnel("a.test", `GET /${index} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
      assertMatch(answer, /^HTTP\/1.1 502 /);
      assert(!answer.includes("evil"), answer);
      await w.inTunnel("a.test", "GET /next HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
      assertEquals(w.connections("a.test"), before + 2);
    });
  }
});
