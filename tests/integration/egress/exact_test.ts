/** Valid messages pass byte for byte: what one end sends is compared with what the other end receives, to the last byte. */

import { assert, assertEquals } from "@std/assert";
import { bytes, type Script, text } from "./support.ts";
import { startWorld } from "./world.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const GET = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
const ALL_BYTES = text(Uint8Array.from({ length: 256 }, (_, value) => value));

async function gzip(plain: string): Promise<string> {
  const zipped = new Blob([bytes(plain)]).stream().pipeThrough(new CompressionStream("gzip"));
  return text(new Uint8Array(await new Response(zipped).arrayBuffer()));
}

const chunk = (data: string) => `${data.length.toString(16)}\r\n${data}\r\n`;

/** Both messages of an exchange, each as it is sent and as it must arrive. */
type Row = readonly [name: string, request: string, response: string];

async function rows(): Promise<readonly Row[]> {
  const zipped = await gzip(ALL_BYTES.repeat(40) + "prose, ".repeat(3000));
  const [one, two, three] = [zipped.slice(0, 10), zipped.slice(10, 11), zipped.slice(11)];
  const post = "POST /p HTTP/1.1\r\nHost: a.test\r\n";
  const chunkedGzip = `Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n`;
  const trailers = 'x-SUM: 1\r\nX-Sum:2\r\nx-sum:  3 \r\nX-Empty:\r\nETag: "\xe9"\r\n\r\n';
  const many = Array.from({ length: 240 }, (_, line) => `X-${line % 7}: ${line}\r\n`).join("");
  return [
    [
      "header case, order, duplicates, odd bytes and blanks",
      "GET /A%2f?x=1&&y HTTP/1.1\r\nhOST: a.test\r\nx-z: \xff\r\nX-Y:\r\nx-z:\t2\r\naccept: */*\r\nX_Y: 1\r\n!#$%&'*+.^`|~: 2\r\n\r\n",
      "HTTP/1.1 299 Odd  reason \xe9\r\nx-b: 2\r\nX-A:1\r\nx-b:  3 \r\nSet-Cookie: a\r\nset-cookie: b\r\nSet-Cookie: a\r\n" +
      "Content-Length: 0\r\n\r\n",
    ],
    ["an empty reason", GET, "HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n"],
    [
      "240 lines",
      `GET / HTTP/1.1\r\n${many}HOST: a.test\r\n\r\n`,
      `HTTP/1.1 200 OK\r\n${many}Content-Length: 0\r\n\r\n`,
    ],
    ["a line of 60000 bytes", `GET / HTTP/1.1\r\nHost: a.test\r\nX: ${"x".repeat(60_000)}\r\n\r\n`, OK],
    ["a target of 60000 bytes", `GET /${"x".repeat(60_000)} HTTP/1.1\r\nHost: a.test\r\n\r\n`, OK],
    ["odd targets", 'GET //a/../b;c/%41/%zz?a=b?c&"<>^`{|} HTTP/1.1\r\nHost: a.test\r\n\r\n', OK],
    ["a method of its own", "m-SEARCH! / HTTP/1.1\r\nHost: a.test\r\n\r\n", OK],
    ["no target but the server", "OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n", OK],
    ["empty bodies", `${post}Content-Length: 0\r\n\r\n`, OK],
    [
      "empty chunked bodies",
      `${post}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n0\r\n\r\n",
    ],
    [
      "all bytes, counted",
      `${post}content-LENGTH:256\r\n\r\n${ALL_BYTES}`,
      `HTTP/1.1 200 OK\r\nContent-Length:  256\r\n\r\n${ALL_BYTES}`,
    ],
    [
      "gzip, counted",
      `${post}Content-Encoding: gzip\r\nContent-Length: ${zipped.length}\r\n\r\n${zipped}`,
      `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${zipped.length}\r\n\r\n${zipped}`,
    ],
    [
      "gzip in chunks, with trailers",
      `${post}${chunkedGzip}Trailer: X-Sum\r\n\r\n${chunk(one)}${chunk(two)}${chunk(three)}0\r\n${trailers}`,
      `HTTP/1.1 200 OK\r\n${chunkedGzip}trailer: x-sum, ETag\r\n\r\n${chunk(zipped)}0\r\n${trailers}`,
    ],
    [
      "heads in the bodies",
      `${post}Content-Length: ${GET.length}\r\n\r\n${GET}`,
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk(OK)}${chunk("0\r\n\r\n")}0\r\n\r\n`,
    ],
  ];
}

Deno.test("exact: each message arrives as it was sent, over one connection on each side", async (t) => {
  const exchanges = await rows();
  // Each row is served as soon as so many bytes are there: one too few and it hangs, one too many and the next differs.
  let index = 0;
  let seen = "";
  const script: Script = async (wire) => {
    for (; index < exchanges.length; index++) {
      const [, request, response] = exchanges[index]!;
      seen = text(await wire.take(request.length));
      await wire.send(response);
    }
    await wire.rest();
  };
  await using w = await startWorld({ hosts: { "a.test": script } });
  const wire = await w.tunnel("a.test");
  for (const [name, request, response] of exchanges) {
    await t.step(name, async () => {
      await wire.send(request);
      assertEquals(text(await wire.take(response.length)), response);
      assertEquals(seen, request);
    });
  }
  wire.close();
  assertEquals(w.connections("a.test"), 1);
});

Deno.test("exact: where the bytes are cut on the way does not matter", async () => {
  const request =
    "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 1\r\n\r\n";
  const response =
    "HTTP/1.1 200 OK\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\na\r\n0123456789\r\n0\r\nx: 1\r\nX: 2\r\n\r\n";
  let seen = "";
  await using w = await startWorld({
    hosts: {
      "a.test": async (wire) => {
        seen = text(await wire.take(request.length));
        for (const char of response) await wire.send(char);
        await wire.rest();
      },
    },
  });
  const wire = await w.tunnel("a.test");
  for (const char of request) await wire.send(char);
  assertEquals(text(await wire.take(response.length)), response);
  assertEquals(seen, request);
  wire.close();
});

Deno.test("exact: a chunk loses its extension and the zeros before its size, nothing else", async () => {
  const head = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";
  let seen = "";
  await using w = await startWorld({
    hosts: {
      "a.test": async (wire) => {
        while (!seen.endsWith("0\r\n\r\n")) seen += text(await wire.some());
        await wire.send(
          'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3 ;ext="1"\r\nabc\r\n00A\r\n0123456789\r\n000;x\r\n\r\n',
        );
        await wire.rest();
      },
    },
  });
  const wire = await w.tunnel("a.test");
  await wire.send(`${head}0003;${"e".repeat(900)}\r\nabc\r\nB;a;b=c\r\n0123456789a\r\n0;last\r\n\r\n`);
  await wire.head();
  const expected = "3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n";
  assertEquals(text(await wire.take(expected.length)), expected);
  assertEquals(seen, `${head}3\r\nabc\r\nb\r\n0123456789a\r\n0\r\n\r\n`);
  assert(!seen.includes(";"));
  wire.close();
});
