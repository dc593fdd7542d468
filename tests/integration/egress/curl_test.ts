/** curl and wget, two stacks of TLS and HTTP that agents' shell commands use, through egress. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { startClientWorld } from "./clients.ts";
import { echoHeads, text, type Wire } from "./support.ts";

function world() {
  return startClientWorld({
    hosts: { "a.test": serve, "192.0.2.1": serve, "c.test": serve },
    plain: { "b.test": echoHeads },
    routes: "routes: [{host: a.test, auth_scheme: Bearer, token_env: EGRESS_TOKEN_0}, {host: b.test}, " +
      "{host: 192.0.2.1}, {host: c.test, path_allowlist: [/v1/]}]",
    env: { EGRESS_TOKEN_0: "tok" },
  });
}

/** Echoes; or redirects to another host, or answers compressed. */
async function serve(wire: Wire): Promise<void> {
  for (let head = await wire.head(); head !== ""; head = await wire.head()) {
    if (head.includes("\r\nExpect: 100-continue\r\n")) await wire.send("HTTP/1.1 100 Continue\r\n\r\n");
    const length = Number(/\r\nContent-Length: *([0-9]+)/i.exec(head)?.[1] ?? 0);
    let body = text(await wire.take(length));
    if (/\r\nTransfer-Encoding: chunked/i.test(head)) {
      while (!body.endsWith("\r\n0\r\n\r\n")) body += text(await wire.some());
    }
    const path = head.split(" ")[1]!;
    if (path === "/away") {
      await wire.send("HTTP/1.1 302 Found\r\nLocation: https://c.test/v1/there\r\nContent-Length: 0\r\n\r\n");
    } else if (path === "/gzip") await wire.send(await gzipped("unpacked by the client"));
    else {
      const answer = head.startsWith("HEAD") ? "" : head + body;
      const size = new TextEncoder().encode(head + body).length;
      await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n${answer}`);
    }
  }
}

async function gzipped(plain: string): Promise<string> {
  const stream = new Blob([plain]).stream().pipeThrough(new CompressionStream("gzip"));
  const body = text(new Uint8Array(await new Response(stream).arrayBuffer()));
  return `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

Deno.test("curl through egress", async (t) => {
  await using w = await world();
  const curl = async (...args: string[]) => {
    const { code, out, err } = await w.run("curl", ["-sS", "--max-time", "20", ...args]);
    return { code, out, err };
  };
  for (const tls of ["1.2", "1.3"]) {
    await t.step(`TLS ${tls}; the agent's credential is replaced`, async () => {
      const limits = [`--tlsv${tls}`, "--tls-max", tls];
      const { out, err } = await curl(...limits, "https://a.test/x", "-H", "Authorization: Bearer mine");
      assertEquals(err, "");
      assertStringIncludes(out, "Authorization: Bearer tok\r\n");
      assert(!out.includes("mine"));
    });
  }
  await t.step("a body with 100-continue", async () => {
    const body = "x".repeat(100_000);
    const began = performance.now();
    const expect = ["--expect100-timeout", "15", "-H", "Expect: 100-continue"];
    const { out } = await curl(...expect, "https://a.test/post", "-d", body);
    assertStringIncludes(out, body);
    assert(
      performance.now() - began < 10_000,
      "the body was sent when curl lost patience, not when it was asked for",
    );
  });
  await t.step("an upload of unknown length is chunked", async () => {
    await Deno.writeTextFile(`${w.home}/file`, "some content");
    const { out } = await curl("-T", "file", "-H", "Transfer-Encoding: chunked", "https://a.test/put");
    assertMatch(
      out,
      /^PUT \/put HTTP\/1.1\r\n[\s\S]*\r\nTransfer-Encoding: chunked\r\n[\s\S]*c\r\nsome content\r\n0\r\n/,
    );
  });
  await t.step("two URLs on one connection, HEAD, compressed", async () => {
    const { out } = await curl("-w", "%{num_connects};", "https://a.test/1", "https://a.test/2");
    assertMatch(out, /1;[\s\S]*0;$/);
    assertMatch((await curl("-I", "https://a.test/head")).out, /^[\s\S]*HTTP\/1.1 200 OK\r\n/);
    assertEquals((await curl("--compressed", "https://a.test/gzip")).out, "unpacked by the client");
  });
  await t.step("a redirect to another host takes no credential along", async () => {
    const { out } = await curl("-L", "--location-trusted", "-u", "me:pw", "https://a.test/away");
    assertMatch(out, /^GET \/v1\/there HTTP\/1.1\r\nHost: c.test\r\n/);
    assert(!/authorization/i.test(out), out);
  });
  await t.step("plain http", async () => {
    const { out } = await curl("http://b.test/y");
    assertStringIncludes(out, "GET http://b.test/y HTTP/1.1\r\nHost: b.test\r\n");
  });
  await t.step("a host that is an address, whose hello names no server", async () => {
    const { out, err } = await curl("https://192.0.2.1/x");
    assertEquals(err, "");
    assertStringIncludes(out, "Host: 192.0.2.1\r\n");
  });
  await t.step("refusals: a host, a path, a path in disguise", async () => {
    const unlisted = await curl("https://unlisted.test/");
    assertEquals(unlisted.code, 56);
    assertStringIncludes(unlisted.err, "403");
    for (const path of ["/v2", "/v1/../v2", "/v1/%2e%2e/v2"]) {
      const { out } = await curl("--path-as-is", `https://c.test${path}`);
      assertMatch(out, /^egress denied this request \(rule path(-ambiguous)?\): /);
    }
    assertMatch((await curl("https://a.test/", "-H", "Host: c.test")).out, /does not name a.test/);
  });
});

Deno.test("wget through egress", async () => {
  await using w = await world();
  const wget = (...args: string[]) =>
    w.run("wget", [
      "-nv",
      "-O",
      "-",
      "--tries=1",
      "--timeout=20",
      `--ca-certificate=${w.pki.dir}/egress-ca.pem`,
      ...args,
    ]);
  const got = await wget("https://a.test/1", "https://a.test/2");
  assertEquals(got.code, 0, got.err);
  assertMatch(got.out, /^GET \/1 [\s\S]*Authorization: Bearer tok\r\n[\s\S]*GET \/2 /);
  const posted = await wget("--post-data=a=b", "https://a.test/post");
  assertMatch(posted.out, /^POST \/post [\s\S]*\r\n\r\na=b$/);
  assertStringIncludes((await wget("http://b.test/y")).out, "GET http://b.test/y HTTP/1.1\r\n");
  const refused = await wget("https://unlisted.test/");
  assertEquals(refused.code, 4);
  assertStringIncludes(refused.err, "Forbidden");
});

Deno.test("Deno's own fetch and proxy support through egress", async () => {
  await using w = await world();
  const proxy = { url: `http://127.0.0.1:${w.egress.port}` };
  using client = Deno.createHttpClient({ proxy, caCerts: [w.pki.egressCa] });
  const answer = await fetch("https://a.test/deno", { client });
  assertStringIncludes((await answer.text()).toLowerCase(), "authorization: bearer tok");
});
