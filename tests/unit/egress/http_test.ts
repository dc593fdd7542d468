/** The HTTP/1.1 engine below its sockets: bytes cut anywhere give the same reading. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { parseAuthority } from "../../../lib/net/authority.ts";
import { Outbox, pumpBody } from "../../../sidecars/egress/http/body.ts";
import {
  checkHost,
  isCredentialField,
  isForbiddenTrailer,
  requestLines,
  responseLines,
  wishesOf,
} from "../../../sidecars/egress/http/fields.ts";
import {
  BadMessage,
  type Framing,
  parseFields,
  parseRequestHead,
  parseResponseHead,
  requestFraming,
  responseFraming,
} from "../../../sidecars/egress/http/head.ts";
import { toBytes, Truncated, WireReader } from "../../../sidecars/egress/http/wire_reader.ts";
import type { ByteStream } from "../../../sidecars/egress/streams.ts";

/** A stream that gives its text in pieces, in one buffer that each read overwrites, as a socket's does. */
function pieces(text: string, size: number): ByteStream {
  const shared = new Uint8Array(size);
  let at = 0;
  return {
    read: () => {
      if (at >= text.length) return Promise.resolve(null);
      const part = toBytes(text.slice(at, at + size));
      at += size;
      shared.fill(0x21);
      shared.set(part);
      return Promise.resolve(shared.subarray(0, part.length));
    },
    write: () => Promise.reject(new Error("read only")),
    endWrite: () => Promise.resolve(),
    destroy: () => {},
  };
}

/** A stream that collects what is written. */
function sink(): ByteStream & { text: () => string } {
  let written = "";
  return {
    read: () => Promise.resolve(null),
    write: (bytes) => {
      written += String.fromCharCode(...bytes);
      return Promise.resolve();
    },
    endWrite: () => Promise.resolve(),
    destroy: () => {},
    text: () => written,
  };
}

async function pump(text: string, size: number, framing: Framing): Promise<string> {
  const to = sink();
  await pumpBody(new WireReader(pieces(text, size)), new Outbox(to), framing, {
    onProgress: () => {},
    trailerBytes: 1000,
    isForbiddenTrailer,
  });
  return to.text();
}

Deno.test("a head is the same however it is cut, and leaves what follows", async () => {
  const head = "GET / HTTP/1.1\r\nHost: a.test\r\nX: \xe9\r\n\r\n";
  for (let size = 1; size <= head.length + 4; size++) {
    const reader = new WireReader(pieces(`${head}body`, size));
    assertEquals(await reader.readHead(1000), head);
    let rest = "";
    while (reader.buffered > 0 || await reader.fill()) rest += String.fromCharCode(...reader.take(100));
    assertEquals(rest, "body");
  }
});

Deno.test("a head that does not end, is too long, or has bare line ends", async () => {
  const read = (text: string, size: number, limit = 1000) =>
    new WireReader(pieces(text, size)).readHead(limit);
  for (const size of [1, 3, 100]) {
    assertEquals(await read("", size), undefined);
    await assertRejects(() => read("GET / HTTP/1.1\r\nHost: a", size), Truncated);
    await assertRejects(() => read("GET / HTTP/1.1\nHost: a\n\n", size), BadMessage);
    await assertRejects(() => read("GET / HTTP/1.1\r\nX: a\rb\r\n\r\n", size), BadMessage);
    await assertRejects(() => read("GET / HTTP/1.1\r\n\n", size), BadMessage);
    const error: unknown = await assertRejects(
      () => read(`${"a".repeat(200)}\r\n\r\n`, size, 100),
      BadMessage,
    );
    assert(error instanceof BadMessage && error.status === 431);
    // Many short lines are no way around the limit.
    await assertRejects(() => read(`${"a: b\r\n".repeat(30)}\r\n`, size, 100), BadMessage);
  }
});

Deno.test("bodies come out the same however they are cut", async () => {
  const chunked = "5;a=b\r\nhello\r\n001\r\n!\r\n0\r\nX-T: 1\r\n\r\n";
  for (let size = 1; size <= chunked.length; size++) {
    assertEquals(
      await pump(chunked, size, { kind: "chunked" }),
      "5\r\nhello\r\n1\r\n!\r\n0\r\nX-T: 1\r\n\r\n",
    );
    assertEquals(await pump("0123456789", size, { kind: "length", length: 7 }), "0123456");
    assertEquals(await pump("0123456789", size, { kind: "close" }), "0123456789");
    assertEquals(await pump("0123456789", size, { kind: "none" }), "");
  }
});

Deno.test("bodies that are cut off or malformed", async () => {
  for (const size of [1, 2, 7, 100]) {
    await assertRejects(() => pump("012", size, { kind: "length", length: 7 }), Truncated);
    for (const text of ["5\r\nhel", "5\r\nhello", "5\r\nhello\r\n", "5\r\nhello\r\n0\r\n", "5", ""]) {
      await assertRejects(() => pump(text, size, { kind: "chunked" }), Truncated);
    }
    for (
      const text of [
        "5\r\nhello!\r\n0\r\n\r\n",
        "5\r\nhell\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "5\nhello\n0\n\n",
        "g\r\n",
        "\r\n",
        "0\r\nHost: b\r\n\r\n",
        "0\r\nCookie: b\r\n\r\n",
        "0\r\nX_Api_Key: b\r\n\r\n",
        "0\r\nX : b\r\n\r\n",
        "0\r\nX: b\n\r\n",
      ]
    ) {
      await assertRejects(
        () => pump(text, size, { kind: "chunked" }),
        BadMessage,
        undefined,
        JSON.stringify(text),
      );
    }
  }
});

Deno.test("framing of responses", () => {
  const head = (status: number, lines = "") => parseResponseHead(`HTTP/1.1 ${status} x\r\n${lines}\r\n`);
  assertEquals(responseFraming(head(200), "GET"), { kind: "close" });
  assertEquals(responseFraming(head(200, "Content-Length: 5\r\n"), "GET"), { kind: "length", length: 5 });
  assertEquals(responseFraming(head(200, "Content-Length: 5\r\n"), "HEAD"), { kind: "none" });
  assertEquals(responseFraming(head(304, "Content-Length: 5\r\n"), "GET"), { kind: "none" });
  assertEquals(responseFraming(head(204, "Content-Length: 0\r\n"), "GET"), { kind: "none" });
  assertThrows(() => responseFraming(head(204, "Content-Length: 1\r\n"), "GET"), BadMessage);
  assertThrows(() => responseFraming(head(100, "Transfer-Encoding: chunked\r\n"), "GET"), BadMessage);
  const old = parseResponseHead("HTTP/1.0 200 x\r\nTransfer-Encoding: chunked\r\n\r\n");
  assertThrows(() => responseFraming(old, "GET"), BadMessage);
  assertEquals(parseResponseHead("HTTP/1.1 200\r\n\r\n").reason, "");
});

Deno.test("white space that only some parsers take for white space is part of the value", () => {
  for (const odd of ["\xa0", "\x85"]) {
    const head = parseRequestHead(`POST / HTTP/1.1\r\nTransfer-Encoding: ${odd}chunked\r\n\r\n`);
    assertThrows(() => requestFraming(head), BadMessage);
  }
  for (const odd of ["\x0b", "\x0c"]) {
    assertThrows(
      () => parseRequestHead(`POST / HTTP/1.1\r\nTransfer-Encoding: ${odd}chunked\r\n\r\n`),
      BadMessage,
    );
  }
});

// Found by fuzzing against llhttp, which reads such a response to the end of the connection.
Deno.test("a tab beside what frames a message is refused", () => {
  for (
    const line of ["Transfer-Encoding: chunked\t", "Transfer-Encoding:\tchunked", "Content-Length: 5 \t "]
  ) {
    const request = parseRequestHead(`POST / HTTP/1.1\r\n${line}\r\n\r\n`);
    assertThrows(() => requestFraming(request), BadMessage);
    const response = parseResponseHead(`HTTP/1.1 200 OK\r\n${line}\r\n\r\n`);
    assertThrows(() => responseFraming(response, "GET"), BadMessage);
  }
  const head = parseRequestHead("POST / HTTP/1.1\r\nTransfer-Encoding:  chunked \r\n\r\n");
  assertEquals(requestFraming(head), { kind: "chunked" });
});

// Found by fuzzing against llhttp: a CONNECT ends where its head does.
Deno.test("CONNECT has no body", () => {
  const framing = (line: string) =>
    requestFraming(parseRequestHead(`CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n${line}\r\n`));
  assertEquals(framing(""), { kind: "none" });
  assertEquals(framing("Content-Length: 0\r\n"), { kind: "none" });
  assertThrows(() => framing("Content-Length: 5\r\n"), BadMessage);
  assertThrows(() => framing("Transfer-Encoding: chunked\r\n"), BadMessage);
});

Deno.test("connection-level headers end here; what they name ends here too, unless it must pass", () => {
  const head = parseRequestHead(
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n" +
      "Proxy-Connection: x\r\nX-Kept: 1\r\n\r\n",
  );
  const lines = requestLines(head, {
    wishes: wishesOf(head),
    hostLine: "a",
    credentials: { kind: "none" },
    pathBound: false,
    methodBound: false,
  });
  assertEquals(lines, ["Host: a", "TE: trailers", "X-Kept: 1", "Connection: TE"]);
  for (
    const name of ["host", "Authorization", "content-length", "Cookie", "x_api_key", "Transfer-Encoding"]
  ) {
    const hostile = parseRequestHead(`GET / HTTP/1.1\r\nConnection: close, ${name}\r\n\r\n`);
    assertThrows(() => wishesOf(hostile), BadMessage);
  }
  const response = parseResponseHead(
    "HTTP/1.1 200 x\r\nConnection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: 1\r\nUpgrade: h2c\r\nX: 1\r\nContent-Length: 0\r\n\r\n",
  );
  assertEquals(responseLines(response, undefined), ["X: 1", "Content-Length: 0"]);
});

Deno.test("only WebSocket may be asked for, and only by GET", () => {
  const asks = (method: string, upgrade: string, connection = "Upgrade") =>
    wishesOf(
      parseRequestHead(`${method} / HTTP/1.1\r\nConnection: ${connection}\r\nUpgrade: ${upgrade}\r\n\r\n`),
    ).webSocket;
  assertEquals(asks("GET", "WebSocket"), true);
  assertEquals(asks("GET", "websocket", "keep-alive, upgrade"), true);
  assertEquals(asks("GET", "websocket", "keep-alive"), false);
  assertEquals(asks("POST", "websocket"), false);
  assertEquals(asks("GET", "h2c"), false);
  assertEquals(asks("GET", "websocket, h2c"), false);
});

Deno.test("the injected credential stands once, where the first of the agent's stood, or last", () => {
  const lines = (head: string) =>
    requestLines(parseRequestHead(head), {
      wishes: { keepAlive: true, webSocket: false, nominated: new Set() },
      hostLine: "a",
      credentials: { kind: "inject", line: "Authorization: Bearer t" },
      pathBound: false,
      methodBound: false,
    });
  assertEquals(lines("GET / HTTP/1.1\r\nHost: a\r\nCookie: 1\r\nauthorization: 2\r\nX: 3\r\n\r\n"), [
    ...["Host: a", "Authorization: Bearer t", "X: 3"],
  ]);
  assertEquals(lines("GET / HTTP/1.1\r\nHost: a\r\nX: 3\r\n\r\n"), [
    "Host: a",
    "X: 3",
    "Authorization: Bearer t",
  ]);
});

Deno.test("Proxy-Authorization never passes, however it is spelled and whatever the route", () => {
  const head = parseRequestHead(
    "GET / HTTP/1.1\r\nHost: a\r\nProxy-Authorization: 1\r\nproxy_authorization: 2\r\nX: 3\r\n\r\n",
  );
  for (const kind of ["none", "agent"] as const) {
    const wishes = { keepAlive: true, webSocket: false, nominated: new Set<string>() };
    const rewrite = { wishes, hostLine: "a", credentials: { kind }, pathBound: false, methodBound: false };
    assertEquals(requestLines(head, rewrite), ["Host: a", "X: 3"]);
  }
});

Deno.test("credential headers are known by the last word of their names, and by name", () => {
  const credentials =
    "authorization x-api-key api_key anthropic-api-key x-shopify-access-token circle-token dd-api-key " +
    "x-figma-token private-token x-amz-security-token x-vault-token x-auth-secret x-password x-token cookie " +
    "x-algolia-api-key x-functions-key ocp-apim-subscription-key fastly-key x-jfrog-art-api proxy-authorization";
  for (const name of credentials.split(" ")) assert(isCredentialField(name), name);
  const others =
    "host accept idempotency-key sec-websocket-key x-amz-date if-match x-tokens-left user-agent " +
    "anthropic-version openai-organization x-request-id content-type x-author x-passenger";
  for (const name of others.split(" ")) assert(!isCredentialField(name), name);
});

Deno.test("where some paths only are allowed, no header names another one", () => {
  const head = parseRequestHead(
    "GET /v1 HTTP/1.1\r\nHost: a\r\nX-Original-URL: /admin\r\nx_rewrite_url: /admin\r\nX: 3\r\n\r\n",
  );
  const rewrite = {
    wishes: wishesOf(head),
    hostLine: "a",
    credentials: { kind: "none" as const },
    methodBound: false,
  };
  assertEquals(requestLines(head, { ...rewrite, pathBound: true }), ["Host: a", "X: 3"]);
  assertEquals(requestLines(head, { ...rewrite, pathBound: false }).length, 4);
});

Deno.test("where some methods only are allowed, no header names another one", () => {
  const head = parseRequestHead(
    "GET / HTTP/1.1\r\nHost: a\r\nX-HTTP-Method-Override: DELETE\r\nx_http_method: PUT\r\n" +
      "X-Method-Override: PUT\r\nX: 3\r\n\r\n",
  );
  const rewrite = {
    wishes: wishesOf(head),
    hostLine: "a",
    credentials: { kind: "none" as const },
    pathBound: false,
  };
  assertEquals(requestLines(head, { ...rewrite, methodBound: true }), ["Host: a", "X: 3"]);
  assertEquals(requestLines(head, { ...rewrite, methodBound: false }).length, 5);
});

Deno.test("a head that comes byte by byte costs no more than its length", async () => {
  // What was held was once copied at each read: a second for 32 KiB, a minute for these.
  const head = `GET / HTTP/1.1\r\nX: ${"a".repeat(250_000)}\r\n\r\n`;
  const start = performance.now();
  assertEquals(await new WireReader(pieces(head, 1)).readHead(300_000), head);
  assert(performance.now() - start < 10_000);
});

Deno.test("a line of blanks costs no more than its length", () => {
  // A pattern that trims from both ends once took a minute for this one.
  const line = `X: a${" ".repeat(250_000)}b`;
  assertEquals(parseFields([line])[0]?.value, line.slice(3));
  assertEquals(parseFields([`X:${"\t ".repeat(250_000)}`])[0]?.value, "");
  assertEquals(parseFields(["X: \xa0a\xa0 "])[0]?.value, "\xa0a\xa0");
});

Deno.test("authorities", () => {
  const rows: [text: string, host: string | undefined, port?: number][] = [
    ["A.test.:443", "a.test", 443],
    ["a.test", "a.test"],
    ["[::1]:443", "::1", 443],
    ["[::ffff:127.0.0.1]", "127.0.0.1"],
    ["127.0.0.1:80", "127.0.0.1", 80],
    ["::1", undefined],
    ["a.test:", undefined],
    ["a.test:0", undefined],
    ["a.test:65536", undefined],
    ["a.test:+1", undefined],
    ["a.test:80:80", undefined],
    ["user@a.test", undefined],
    ["a.test/", undefined],
    ["a%2etest", undefined],
    ["0x7f.1", undefined],
    ["", undefined],
  ];
  for (const [text, host, port] of rows) {
    assertEquals(parseAuthority(text), host === undefined ? undefined : { host, port }, text);
  }
});

Deno.test("checkHost: one Host, the judged host, the judged port", () => {
  const check = (lines: string, port = 443) => () =>
    checkHost(parseRequestHead(`GET / HTTP/1.1\r\n${lines}\r\n`), "a.test", port);
  check("Host: a.test\r\n")();
  check("host: A.TEST:443\r\n")();
  for (
    const [lines, status] of [
      ["", 400],
      ["Host: a.test\r\nHost: a.test\r\n", 400],
      ["Host: b.test\r\n", 421],
      ["Host: a.test:80\r\n", 421],
      ["Host:\r\n", 421],
    ] as const
  ) {
    const error: unknown = assertThrows(check(lines), BadMessage);
    assert(error instanceof BadMessage && error.status === status);
  }
});
