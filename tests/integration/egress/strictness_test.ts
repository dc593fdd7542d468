/** What two parsers could frame differently is refused and the connection closed; what is valid passes as written. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  echoHeads,
  makePki,
  openTunnel,
  rawExchange,
  type Script,
  startConnectProxy,
  startEgress,
  startUpstream,
} from "./support.ts";

async function world(script: Script = echoHeads) {
  const pki = await makePki();
  const upstream = await startUpstream(pki, "a.test", script);
  const proxy = startConnectProxy({ "a.test:443": upstream.port });
  const egress = await startEgress(pki, { routes: "routes: [{host: a.test}]", proxyPort: proxy.port });
  return {
    pki,
    egress,
    proxy,
    upstream,
    /** Sends raw bytes inside a tunnel and reads to the end. */
    inTunnel: async (data: string) => {
      const wire = await openTunnel(egress.port, "a.test", pki);
      try {
        await wire.send(data);
        return await wire.rest();
      } finally {
        wire.close();
      }
    },
    [Symbol.asyncDispose]: async () => {
      for (const part of [egress, proxy, upstream]) await part.close();
      await Deno.remove(pki.dir, { recursive: true });
    },
  };
}

const POST = "POST / HTTP/1.1\r\nHost: a.test\r\n";
const GET = "GET / HTTP/1.1\r\nHost: a.test\r\n";
const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n";

Deno.test("ambiguous requests: refused, closed, never sent on", async (t) => {
  await using w = await world();
  const rows: [name: string, request: string, status: number][] = [
    ["both framings", `${POST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    [
      "both framings, other order",
      `${POST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n`,
      400,
    ],
    ["two lengths", `${POST}Content-Length: 0\r\nContent-Length: 44\r\n\r\n`, 400],
    ["two equal lengths", `${POST}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`, 400],
    ["a list of lengths", `${POST}Content-Length: 1, 1\r\n\r\nx`, 400],
    ["signed length", `${POST}Content-Length: +1\r\n\r\nx`, 400],
    ["negative length", `${POST}Content-Length: -1\r\n\r\nx`, 400],
    ["hexadecimal length", `${POST}Content-Length: 0x1\r\n\r\nx`, 400],
    ["empty length", `${POST}Content-Length:\r\n\r\n`, 400],
    ["length beyond a number", `${POST}Content-Length: 99999999999999999999\r\n\r\nx`, 400],
    ["length with zeros before it", `${POST}Content-Length: 01\r\n\r\nx`, 400],
    ["two codings", `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ["a coding list", `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 501],
    ["an unknown coding", `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, 501],
    ["a hidden coding", `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`, 400],
    ["space before the colon", `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`, 400],
    ["no colon", `${GET}Nonsense\r\n\r\n`, 400],
    ["empty name", `${GET}: x\r\n\r\n`, 400],
    ["folded line", `${GET}X: a\r\n b\r\n\r\n`, 400],
    ["folded first line", `GET / HTTP/1.1\r\n X: a\r\nHost: a.test\r\n\r\n`, 400],
    ["bare LF", `GET / HTTP/1.1\nHost: a.test\n\n`, 400],
    ["bare LF in one line", `${GET}X: a\nY: b\r\n\r\n`, 400],
    ["bare CR", `${GET}X: a\rY: b\r\n\r\n`, 400],
    ["NUL in a value", `${GET}X: a\0b\r\n\r\n`, 400],
    ["control byte in a value", `${GET}X: a\x1bb\r\n\r\n`, 400],
    ["NUL in the target", "GET /\0 HTTP/1.1\r\nHost: a.test\r\n\r\n", 400],
    ["a byte beyond ASCII in the target", "GET /\xff HTTP/1.1\r\nHost: a.test\r\n\r\n", 400],
    ["two spaces", "GET  / HTTP/1.1\r\nHost: a.test\r\n\r\n", 400],
    ["a tab for a space", "GET\t/ HTTP/1.1\r\nHost: a.test\r\n\r\n", 400],
    ["empty lines before the request", `\r\n\r\n${GET}\r\n`, 400],
    ["a fragment", "GET /#x HTTP/1.1\r\nHost: a.test\r\n\r\n", 400],
    ["HTTP/1.0", "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n", 505],
    ["HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505],
    ["half a preface", "PRI / HTTP/1.1\r\nHost: a.test\r\n\r\n", 400],
    ["HTTP/0.9", "GET /\r\n\r\n", 400],
    ["absolute form in a tunnel", "GET https://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", 400],
    ["CONNECT in a tunnel", "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n", 400],
    ["an unknown expectation", `${POST}Expect: 200-ok\r\nContent-Length: 0\r\n\r\n`, 417],
    ["an oversized head", `${GET}X: ${"a".repeat(70_000)}\r\n\r\n`, 431],
    ["too many lines", `${GET}${"X: a\r\n".repeat(300)}\r\n`, 431],
  ];
  for (const [name, request, status] of rows) {
    await t.step(name, async () => {
      const answer = await w.inTunnel(request + SMUGGLED);
      assertMatch(answer, new RegExp(`^HTTP/1.1 ${status} `));
      assertEquals(answer.split(/HTTP\/1.1 [0-9]/).length, 2, "nothing after the refusal is answered");
    });
  }
  assertEquals(w.proxy.seen, []);
});

Deno.test("a malformed chunked body: 400, and the upstream connection is not used again", async (t) => {
  await using w = await world(async (wire) => {
    await wire.head();
    await wire.rest();
  });
  const rows: [name: string, body: string][] = [
    ["no digits", "\r\nx\r\n0\r\n\r\n"],
    ["signed", "+1\r\nx\r\n0\r\n\r\n"],
    ["with 0x", "0x1\r\nx\r\n0\r\n\r\n"],
    ["too big", "fffffffffffffff\r\nx"],
    ["longer than its size", "1\r\nxy\r\n0\r\n\r\n"],
    ["bare LF", "1\nx\n0\n\n"],
    ["an extension beyond the bound", `1;${"e".repeat(2000)}\r\nx\r\n0\r\n\r\n`],
    ["a bare CR in the extension", "1;a\rb\r\nx\r\n0\r\n\r\n"],
    ["a credential in the trailers", "0\r\nAuthorization: x\r\n\r\n"],
    ["framing in the trailers", "0\r\nContent-Length: 5\r\n\r\n"],
    ["a folded trailer", "0\r\nX: a\r\n b\r\n\r\n"],
  ];
  for (const [name, body] of rows) {
    await t.step(name, async () => {
      const before = w.upstream.connections();
      const answer = await w.inTunnel(`${POST}Transfer-Encoding: chunked\r\n\r\n${body}${SMUGGLED}`);
      assertMatch(answer, /^HTTP\/1.1 4(00|31) /);
      assertEquals(answer.split(/HTTP\/1.1 [0-9]/).length, 2);
      assert(w.upstream.connections() <= before + 1);
    });
  }
});

Deno.test("bytes on an idle upstream connection end its use: no answer to a request not sent yet", async () => {
  await using w = await world(async (wire) => {
    await wire.head();
    await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    await new Promise((resolve) => setTimeout(resolve, 50));
    await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    await wire.rest();
  });
  for (let round = 0; round < 2; round++) {
    const wire = await openTunnel(w.egress.port, "a.test", w.pki);
    await wire.send(`${GET}\r\n`);
    assertEquals((await wire.response()).body, "ok");
    wire.close();
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  assertEquals(w.upstream.connections(), 2);
});

Deno.test("bytes before the tunnel is open are refused", async () => {
  await using w = await world();
  const answer = await rawExchange(
    w.egress.port,
    "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
  );
  assertMatch(answer, /^HTTP\/1.1 400 /);
});

Deno.test("a CONNECT with a body, or without a port, is refused", async () => {
  await using w = await world();
  for (
    const head of [
      "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc",
      "CONNECT a.test HTTP/1.1\r\nHost: a.test\r\n\r\n",
      "CONNECT https://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
      "CONNECT a.test:0443x HTTP/1.1\r\nHost: a.test\r\n\r\n",
    ]
  ) assertMatch(await rawExchange(w.egress.port, head), /^HTTP\/1.1 400 /, head);
});

Deno.test("CONNECT over HTTP/1.0 without Host is what older clients send", async () => {
  await using w = await world();
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: w.egress.port });
  await conn.write(new TextEncoder().encode("CONNECT a.test:443 HTTP/1.0\r\n\r\n"));
  const answer = new Uint8Array(16);
  await conn.read(answer);
  assertMatch(new TextDecoder().decode(answer), /^HTTP\/1.1 200 /);
  conn.close();
});

Deno.test("pipelined requests are answered in order, each judged", async () => {
  await using w = await world();
  const answer = await w.inTunnel(
    `GET /1 HTTP/1.1\r\nHost: a.test\r\n\r\nGET /2 HTTP/1.1\r\nHost: b.test\r\n\r\n${SMUGGLED}`,
  );
  assertMatch(answer, /^HTTP\/1.1 200 [\s\S]*GET \/1 [\s\S]*HTTP\/1.1 421 /);
  assert(!answer.includes("smuggled"));
});
