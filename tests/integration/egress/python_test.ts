/** Python through egress: urllib, which asks for its tunnel in HTTP/1.0, and requests. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { python, startClientWorld } from "./clients.ts";
import { echoHeads } from "./support.ts";

Deno.test("urllib: a body, and the agent's credential replaced", async () => {
  await using w = await startClientWorld({
    hosts: { "a.test": echoHeads },
    routes: "routes: [{host: a.test, auth_scheme: Bearer, token_env: EGRESS_TOKEN_0}]",
    env: { EGRESS_TOKEN_0: "tok" },
  });
  const script = `
import urllib.request
asked = urllib.request.Request("https://a.test/py", data=b"hello", headers={"Authorization": "mine"})
print(urllib.request.urlopen(asked, timeout=20).read().decode())
`;
  const { code, out, err } = await w.run(await python("ssl"), ["-c", script]);
  assertEquals([code, err], [0, ""]);
  assertMatch(out, /^POST \/py HTTP\/1.1/);
  assertStringIncludes(out, "Authorization: Bearer tok");
  assert(!out.includes("mine"));
});

const REQUESTS = `
import json, requests
session = requests.Session()
told = []
def tell(answer):
    told.append([answer.status_code, answer.text])
tell(session.get("https://a.test/get", params={"q": "a b"}, headers={"Authorization": "Bearer mine"}, timeout=20))
tell(session.post("https://a.test/json", json={"key": "value"}, timeout=20))
def pieces():
    yield b"one "
    yield b"two"
tell(session.post("https://a.test/stream", data=pieces(), timeout=20))
tell(session.get("https://a.test/gzip", timeout=20))
tell(session.get("https://a.test/away", timeout=20))
tell(session.put("https://a.test/file", data=b"x" * 100000, timeout=20))
with session.get("https://a.test/events", stream=True, timeout=20) as answer:
    told.append([line for line in answer.iter_lines(decode_unicode=True) if line])
try:
    session.get("https://unlisted.test/", timeout=20)
except requests.exceptions.ProxyError as error:
    told.append("403" in str(error))
try:
    requests.get("https://a.test/", verify="/etc/ssl/certs/ca-certificates.crt", timeout=20)
except requests.exceptions.SSLError as error:
    told.append("verif" in str(error))
print(json.dumps(told))
`;

Deno.test("requests: a session with all kinds of bodies, a redirect, events, refusals", async () => {
  await using w = await startClientWorld({
    hosts: {},
    servers: { "a.test": serve, "b.test": serve },
    routes: "routes: [{host: a.test, auth_scheme: Bearer, token_env: EGRESS_TOKEN_0}, {host: b.test}]",
    env: { EGRESS_TOKEN_0: "tok" },
  });
  const { code, out, err } = await w.run(await python("requests"), ["-c", REQUESTS]);
  assertEquals(code, 0, err);
  assertEquals(JSON.parse(out), [
    [200, "GET /get?q=a+b Bearer tok counted 0"],
    [200, "POST /json Bearer tok counted 16"],
    [200, "POST /stream Bearer tok chunked 7"],
    [200, "unpacked by the client"],
    [200, "GET /there null counted 0"],
    [200, "PUT /file Bearer tok counted 100000"],
    ["data: 0", "data: 1", "data: 2"],
    true,
    true,
  ]);
});

async function serve(request: Request): Promise<Response> {
  const { hostname, pathname, search } = new URL(request.url);
  if (pathname === "/gzip") {
    const zipped = new Blob(["unpacked by the client"]).stream().pipeThrough(new CompressionStream("gzip"));
    return new Response(zipped, { headers: { "content-encoding": "gzip" } });
  }
  if (pathname === "/away") return Response.redirect("https://b.test/there");
  if (pathname === "/events") {
    return new Response("data: 0\n\ndata: 1\n\ndata: 2\n\n", {
      headers: { "content-type": "text/event-stream" },
    });
  }
  const framing = request.headers.has("transfer-encoding") ? "chunked" : "counted";
  const authorization = request.headers.get("authorization");
  assert(hostname === "a.test" || authorization === null, "a credential for another host");
  const { length } = await request.text();
  return new Response(`${request.method} ${pathname}${search} ${authorization} ${framing} ${length}`);
}
