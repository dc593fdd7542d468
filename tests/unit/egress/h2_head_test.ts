/** A head of HTTP/2 becomes one of HTTP/1.1, and never two. */

import { assertEquals, assertThrows } from "@std/assert";
import { toHttp1, toHttp2 } from "../../../sidecars/egress/h2/head.ts";
import { BadMessage, parseResponseHead } from "../../../sidecars/egress/http/head.ts";

const GET = [":method", "GET", ":scheme", "https", ":authority", "a.test", ":path", "/x?y=1"];

Deno.test("the request line, the host, the fields in their order, cookies in one line", () => {
  const fields = [...GET, "x-b", "1", "cookie", "a=1", "x-a", "caf\xe9", "cookie", "b=2", "x-b", "2"];
  assertEquals(toHttp1(fields, true), {
    text:
      "GET /x?y=1 HTTP/1.1\r\nhost: a.test\r\nx-b: 1\r\nx-a: caf\xe9\r\nx-b: 2\r\ncookie: a=1; b=2\r\n\r\n",
    framing: "none",
    length: 0,
  });
});

Deno.test("a body of announced length keeps it, another one is chunked", () => {
  const sized = toHttp1([...GET, "content-length", "7"], false);
  assertEquals([sized.framing, sized.length], ["length", 7]);
  const open = toHttp1(GET, false);
  assertEquals([open.framing, open.text.includes("\r\ntransfer-encoding: chunked\r\n")], ["chunked", true]);
});

Deno.test("what would be another line, another request or another framing is refused", async (t) => {
  const changed = (name: string, value: string) => GET.map((item, at) => GET[at - 1] === name ? value : item);
  const cases: Record<string, string[]> = {
    "a line end in a value": [...GET, "x", "1\r\nAuthorization: Bearer y"],
    "a character whose low byte is a line end": [...GET, "x", "1\u010d\u010aHost: b.test"],
    "a NUL in a value": [...GET, "x", "1\0"],
    "a space in the path": changed(":path", "/ HTTP/1.1"),
    "a line end in the path": changed(":path", "/\r\nX: y"),
    "a line end in the method": changed(":method", "GET\r\n"),
    "a colon in a name": [...GET, "x:y", "1"],
    "a space in a name": [...GET, "x ", "1"],
    "an upper-case name": [...GET, "X", "1"],
    "transfer-encoding": [...GET, "transfer-encoding", "chunked"],
    connection: [...GET, "connection", "x"],
    upgrade: [...GET, "upgrade", "websocket"],
    "a pseudo-header twice": [...GET, ":path", "/z"],
    "another host beside the authority": [...GET, "host", "b.test"],
    "two hosts": [...GET, "host", "a.test", "host", "a.test"],
    "no host": GET.filter((_, at) => at < 4 || at > 5),
    "no path": GET.slice(0, 6),
    "another scheme": changed(":scheme", "http"),
    "an extended CONNECT": [...GET, ":protocol", "websocket"],
  };
  for (const [what, fields] of Object.entries(cases)) {
    await t.step(what, () => void assertThrows(() => toHttp1(fields, true), BadMessage));
  }
});

Deno.test("a response: what belongs to its connection stays behind, duplicates stay", () => {
  const head = parseResponseHead(
    "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nConnection: close\r\nX-A: 1\r\nSet-Cookie: b\r\n" +
      "Transfer-Encoding: chunked\r\nKeep-Alive: x\r\n\r\n",
  );
  assertEquals(toHttp2(head), { ":status": 200, "set-cookie": ["a", "b"], "x-a": "1" });
});
