/** Real clients through a real egress: curl, node, Python, git, Deno's fetch. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { echoHeads, makePki, runProgram, startConnectProxy, startEgress, startUpstream } from "./support.ts";

async function world() {
  const pki = await makePki();
  const upstream = await startUpstream(pki, "a.test", echoHeads);
  const plain = await startUpstream(pki, "b.test", echoHeads, false);
  const proxy = startConnectProxy({ "a.test:443": upstream.port, "b.test": plain.port });
  const egress = await startEgress(pki, {
    routes: "routes: [{host: a.test, auth_scheme: Bearer, token_env: EGRESS_TOKEN_0}, {host: b.test}]",
    proxyPort: proxy.port,
    env: { EGRESS_TOKEN_0: "tok" },
  });
  const url = `http://127.0.0.1:${egress.port}`;
  const ca = `${pki.dir}/egress-ca.pem`;
  return {
    url,
    ca,
    env: {
      HTTPS_PROXY: url,
      HTTP_PROXY: url,
      https_proxy: url,
      http_proxy: url,
      NO_PROXY: "",
      no_proxy: "",
      NODE_EXTRA_CA_CERTS: ca,
      SSL_CERT_FILE: ca,
      NODE_USE_ENV_PROXY: "1",
      GIT_SSL_CAINFO: ca,
      GIT_TERMINAL_PROMPT: "0",
    },
    [Symbol.asyncDispose]: async () => {
      for (const part of [egress, proxy, upstream, plain]) await part.close();
      await Deno.remove(pki.dir, { recursive: true });
    },
  };
}

Deno.test("curl: TLS 1.2 and 1.3, a body with 100-continue, plain http, two URLs on one connection", async () => {
  await using w = await world();
  const curl = (...args: string[]) =>
    runProgram("curl", ["-sS", "--max-time", "20", "--cacert", w.ca, ...args], w.env);
  for (const tls of ["1.2", "1.3"]) {
    const { code, out, err } = await curl(
      "--tls-max",
      tls,
      "https://a.test/x",
      "-H",
      "Authorization: Bearer mine",
    );
    assertEquals([code, err], [0, ""]);
    assertStringIncludes(out, "Authorization: Bearer tok\r\n");
  }
  const body = "x".repeat(100_000);
  const posted = await curl(
    "https://a.test/post",
    "--expect100-timeout",
    "1",
    "-H",
    "Expect: 100-continue",
    "-d",
    body,
  );
  assertStringIncludes(posted.out, body);
  const twice = await curl("-w", "%{num_connects};", "https://a.test/1", "https://a.test/2");
  assertMatch(twice.out, /1;[\s\S]*0;$/);
  const plain = await curl("http://b.test/y");
  assertStringIncludes(plain.out, "GET http://b.test/y HTTP/1.1\r\nHost: b.test\r\n");
  const refused = await curl("https://c.test/");
  assertMatch(refused.err, /403/);
});

Deno.test("curl: a host that is an address, whose hello names no server", async () => {
  const pki = await makePki();
  const upstream = await startUpstream(pki, "192.0.2.1", echoHeads);
  const proxy = startConnectProxy({ "192.0.2.1:443": upstream.port });
  const egress = await startEgress(pki, { routes: "routes: [{host: 192.0.2.1}]", proxyPort: proxy.port });
  const { code, out, err } = await runProgram("curl", [
    ...["-sS", "--max-time", "20", "--cacert", `${pki.dir}/egress-ca.pem`],
    ...["--proxy", `http://127.0.0.1:${egress.port}`, "https://192.0.2.1/x"],
  ]);
  assertEquals([code, err], [0, ""]);
  assertStringIncludes(out, "Host: 192.0.2.1\r\n");
  for (const part of [egress, proxy, upstream]) await part.close();
  await Deno.remove(pki.dir, { recursive: true });
});

Deno.test("node: https through a CONNECT tunnel", async () => {
  await using w = await world();
  // Written on node's own modules, so that any node that agents bring will do.
  const script = `
    const { request } = require("node:http");
    const { connect } = require("node:tls");
    const proxy = new URL(process.env.HTTPS_PROXY);
    const tunnel = request({
      host: proxy.hostname, port: proxy.port, method: "CONNECT", path: "a.test:443", headers: { Host: "a.test:443" },
    });
    tunnel.on("connect", (answer, socket) => {
      const tls = connect({ socket, servername: "a.test" });
      const call = require("node:https").request({
        createConnection: () => tls, host: "a.test", path: "/n", method: "POST",
        headers: { Host: "a.test", Authorization: "mine" },
      }, (response) => { response.pipe(process.stdout); });
      call.write("part one, "); setTimeout(() => call.end("part two"), 50);
    });
    tunnel.end();
  `;
  // The echoing upstream reads counted bodies only: chunked it gives the head, which is what is looked at.
  const { code, out, err } = await runProgram("node", ["-e", script], w.env);
  assertEquals([code, err], [0, ""]);
  assertMatch(out, /^POST \/n HTTP\/1.1\r\n/);
  assertStringIncludes(out, "Authorization: Bearer tok\r\n");
  assertStringIncludes(out, "Transfer-Encoding: chunked\r\n");
});

Deno.test("python: urllib with a tunnel of HTTP/1.0", async () => {
  await using w = await world();
  const script = `
import ssl, urllib.request
request = urllib.request.Request("https://a.test/py", data=b"hello", headers={"Authorization": "mine"})
print(urllib.request.urlopen(request, context=ssl.create_default_context(), timeout=20).read().decode())
`;
  const { code, out, err } = await runProgram("python3", ["-c", script], w.env);
  assertEquals([code, err], [0, ""]);
  assertMatch(out, /^POST \/py HTTP\/1.1/);
  assertStringIncludes(out, "Authorization: Bearer tok");
});

Deno.test("git: a push over HTTPS is told to use the gate", async () => {
  await using w = await world();
  const dir = await Deno.makeTempDir({ prefix: "egress-git-" });
  const git = (...args: string[]) =>
    runProgram("git", ["-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.invalid", ...args], {
      ...w.env,
      GIT_CURL_VERBOSE: "0",
    });
  await git("init", "-q");
  await git("commit", "-q", "--allow-empty", "-m", "x");
  const { code, err } = await git("push", "https://a.test/r.git", "HEAD:main");
  assertEquals(code, 128);
  assertStringIncludes(err, "403");
  assertStringIncludes(err, "git-gate");
  await Deno.remove(dir, { recursive: true });
});

Deno.test("a client with Deno's own fetch and proxy support", async () => {
  await using w = await world();
  const client = Deno.createHttpClient({ proxy: { url: w.url }, caCerts: [await Deno.readTextFile(w.ca)] });
  const answer = await fetch("https://a.test/deno", { client });
  assertStringIncludes(
    await answer.text(),
    "Authorization: Bearer tok",
  );
  client.close();
});
