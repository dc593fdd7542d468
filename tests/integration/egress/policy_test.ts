/** The policy over real sockets: what passes, what is refused, what upstream gets to see. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  echoAndKeep,
  echoHeads,
  makePki,
  openTunnel,
  rawExchange,
  startConnectProxy,
  startEgress,
  startUpstream,
  until,
} from "./support.ts";

const TOKEN = "real-token-1f9c";

const ROUTES = `
routes:
  - host: auth.test
    auth_scheme: Bearer
    token_env: EGRESS_TOKEN_0
  - host: git.test
    auth_scheme: token
    token_env: EGRESS_TOKEN_1
  - host: paths.test
    path_allowlist: [/v1/, /exact]
  - host: open.test
  - host: login.test
    agent_auth: true
  - host: clone.test
    methods: [GET]
    git: fetch
  - host: nogit.test
    git: none
  - host: down.test
  - host: blocked.test
`;

/** Egress with one echoing upstream behind all hosts, in TLS and in plain. */
async function world(routes = ROUTES, env: Record<string, string> = { EGRESS_TOKEN_0: TOKEN }) {
  const pki = await makePki();
  const ports: Record<string, number> = {};
  const heads: string[] = [];
  const stack = new AsyncDisposableStack();
  const hosts = [
    "auth.test",
    "git.test",
    "paths.test",
    "open.test",
    "login.test",
    "clone.test",
    "nogit.test",
  ];
  for (const host of hosts) {
    const upstream = await startUpstream(pki, host, echoAndKeep(heads));
    stack.defer(() => upstream.close());
    ports[`${host}:443`] = upstream.port;
  }
  const plain = await startUpstream(pki, "open.test", echoHeads, false);
  stack.defer(() => plain.close());
  ports["open.test"] = plain.port;
  ports["paths.test"] = plain.port;
  const closed = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  ports["down.test:443"] = closed.addr.port;
  closed.close();
  const proxy = startConnectProxy(ports);
  stack.defer(() => proxy.close());
  const egress = await startEgress(pki, { routes, proxyPort: proxy.port, env });
  stack.defer(() => egress.close());
  stack.defer(() => Deno.remove(pki.dir, { recursive: true }));
  return {
    pki,
    egress,
    proxy,
    /** Heads that the TLS upstreams got. */
    heads,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
    get: async (host: string, lines: string) => {
      const wire = await openTunnel(egress.port, host, pki);
      try {
        await wire.send(lines);
        return await wire.response();
      } finally {
        wire.close();
      }
    },
  };
}

Deno.test("a route with auth: every credential of the agent is replaced by the bottle's", async () => {
  await using w = await world();
  const sent = [
    "GET /v1?q=1 HTTP/1.1",
    "Host: auth.test",
    "Authorization: Bearer agent-own",
    "AUTHORIZATION: Basic agent-own",
    "x-api-key: agent-own",
    "X_Api_Key: agent-own",
    "api-key: agent-own",
    "Cookie: session=agent-own",
    "Proxy-Authorization: Basic agent-own",
    "X-Goog-Api-Key: agent-own",
    "PRIVATE-TOKEN: agent-own",
    "X-Shopify-Access-Token: agent-own",
    "X-Kept: yes",
  ];
  const { head, body } = await w.get("auth.test", `${sent.join("\r\n")}\r\n\r\n`);
  assertMatch(head, /^HTTP\/1.1 200 /);
  const passed =
    `GET /v1?q=1 HTTP/1.1\r\nHost: auth.test\r\nAuthorization: Bearer ${TOKEN}\r\nX-Kept: yes\r\n\r\n`;
  assertEquals(w.heads, [passed]);
  assertEquals(body, passed.replace(TOKEN, "*".repeat(TOKEN.length)));
  const log = w.egress.stdout.join("\n") + w.egress.stderr.join("\n");
  assert(!log.includes(TOKEN) && !log.includes("agent-own") && !log.includes("q=1"));
});

Deno.test("keep_cookies: the agent's cookies pass beside the credential, nothing else of its own", async () => {
  const routes =
    "routes: [{host: auth.test, auth_scheme: Bearer, token_env: EGRESS_TOKEN_0, keep_cookies: true}]";
  await using w = await world(routes);
  await w.get(
    "auth.test",
    "GET / HTTP/1.1\r\nHost: auth.test\r\nAuthorization: agent\r\nCookie: s=1\r\nX-Api-Key: agent\r\n\r\n",
  );
  assertEquals(w.heads, [
    `GET / HTTP/1.1\r\nHost: auth.test\r\nAuthorization: Bearer ${TOKEN}\r\nCookie: s=1\r\n\r\n`,
  ]);
});

Deno.test("a route without auth: the agent's Authorization is dropped, its other headers pass", async () => {
  await using w = await world();
  const { body } = await w.get(
    "open.test",
    "GET / HTTP/1.1\r\nHost: open.test\r\nauthorization: x\r\nProxy-Authorization: y\r\nX-Api-Key: mine\r\nCookie: a=b\r\n\r\n",
  );
  assertEquals(body, "GET / HTTP/1.1\r\nHost: open.test\r\nX-Api-Key: mine\r\nCookie: a=b\r\n\r\n");
});

Deno.test("agent_auth: the agent's own Authorization passes, Proxy-Authorization never", async () => {
  await using w = await world();
  const { body } = await w.get(
    "login.test",
    "GET / HTTP/1.1\r\nHost: login.test\r\nAuthorization: Bearer mine\r\nProxy-Authorization: y\r\n\r\n",
  );
  assertEquals(body, "GET / HTTP/1.1\r\nHost: login.test\r\nAuthorization: Bearer mine\r\n\r\n");
});

Deno.test("an empty or unusable token slot: 502, and upstream sees nothing", async (t) => {
  for (
    const [name, env] of [
      ["unset", {}],
      ["empty", { EGRESS_TOKEN_1: "" }],
      ["with a line end", { EGRESS_TOKEN_1: "a\r\nX-Injected: 1" }],
    ] as const
  ) {
    await t.step(name, async () => {
      await using w = await world(ROUTES, env);
      const { head, body } = await w.get(
        "git.test",
        "GET / HTTP/1.1\r\nHost: git.test\r\nAuthorization: x\r\n\r\n",
      );
      assertMatch(head, /^HTTP\/1.1 502 /);
      assertStringIncludes(body, "credential for git.test");
      assertEquals(w.proxy.seen, []);
    });
  }
});

Deno.test("methods that would give the credential back, or open an unjudged tunnel, are refused", async (t) => {
  await using w = await world();
  for (const method of ["TRACE", "trace", "TRACK", "CONNECT"]) {
    await t.step(method, async () => {
      const { head, body } = await w.get("auth.test", `${method} /v1 HTTP/1.1\r\nHost: auth.test\r\n\r\n`);
      assertMatch(head, /^HTTP\/1.1 405 /);
      assertStringIncludes(body, "is not forwarded");
    });
  }
});

Deno.test("a path allowlist is not got round by a header that names another path", async () => {
  await using w = await world();
  const { body } = await w.get(
    "paths.test",
    "GET /v1/a HTTP/1.1\r\nHost: paths.test\r\nX-Original-URL: /admin\r\nX-Kept: 1\r\n\r\n",
  );
  assertEquals(body, "GET /v1/a HTTP/1.1\r\nHost: paths.test\r\nX-Kept: 1\r\n\r\n");
});

Deno.test("the token scheme", async () => {
  await using w = await world(ROUTES, { EGRESS_TOKEN_1: "ghp" });
  const { body } = await w.get("git.test", "GET / HTTP/1.1\r\nHost: git.test\r\n\r\n");
  assertStringIncludes(body, "\r\nAuthorization: token ghp\r\n");
});

Deno.test("Connection cannot have the injected header dropped by the next hop", async () => {
  await using w = await world();
  const { head } = await w.get(
    "auth.test",
    "GET / HTTP/1.1\r\nHost: auth.test\r\nConnection: keep-alive, Authorization\r\n\r\n",
  );
  assertMatch(head, /^HTTP\/1.1 400 /);
  assertEquals(w.proxy.seen, []);
});

Deno.test("an unknown host is refused at CONNECT, with what to do next", async () => {
  await using w = await world();
  const answer = await rawExchange(
    w.egress.port,
    "CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n",
  );
  assertMatch(answer, /^HTTP\/1.1 403 Forbidden\r\nContent-Type: text\/plain/);
  assertStringIncludes(answer, "rule unknown-host");
  assertStringIncludes(answer, "`egress-block`");
  assertEquals(w.proxy.seen, []);
  await w.egress.record((r) => r.host === "evil.test" && r.verdict === "deny" && r.status === 403);
});

Deno.test("other ports are refused, at CONNECT and in a URL", async () => {
  await using w = await world();
  for (const port of ["22", "80", "8443"]) {
    const answer = await rawExchange(
      w.egress.port,
      `CONNECT open.test:${port} HTTP/1.1\r\nHost: open.test:${port}\r\n\r\n`,
    );
    assertMatch(answer, /^HTTP\/1.1 403 /);
    assertStringIncludes(answer, `port ${port} of open.test`);
  }
  const plain = await rawExchange(
    w.egress.port,
    "GET http://open.test:8080/ HTTP/1.1\r\nHost: open.test:8080\r\nConnection: close\r\n\r\n",
  );
  assertMatch(plain, /^HTTP\/1.1 403 /);
  assertEquals(w.proxy.seen, []);
});

Deno.test("git push over HTTPS is refused and points to git-gate; fetch passes", async () => {
  await using w = await world();
  for (
    const line of [
      "GET /r.git/info/refs?service=git-receive-pack",
      "GET /r.git/info/refs?a=b&service=git%2Dreceive-pack",
      "POST /r.git/git-receive-pack",
      "POST /r.git/git%2dreceive-pack",
    ]
  ) {
    const { head, body } = await w.get("open.test", `${line} HTTP/1.1\r\nHost: open.test\r\n\r\n`);
    assertMatch(head, /^HTTP\/1.1 403 /, line);
    assertStringIncludes(body, "git-gate");
  }
  const { head } = await w.get(
    "open.test",
    "GET /r.git/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: open.test\r\n\r\n",
  );
  assertMatch(head, /^HTTP\/1.1 200 /);
});

Deno.test("methods: what is not listed never leaves, neither by name nor by override", async (t) => {
  await using w = await world();
  const ask = async (line: string, fields = "") =>
    await w.get("clone.test", `${line} HTTP/1.1\r\nHost: clone.test\r\n${fields}\r\n`);
  for (
    const line of [
      "POST /api",
      "get /api",
      "DELETE /api",
      "GET /api?_method=DELETE",
      "POST /r.git/git-upload-pack?x",
      "POST /r.git//git-upload-pack",
      "POST /r.git/info/lfs/objects/batch",
    ]
  ) {
    await t.step(line, async () => {
      const { head, body } = await ask(line);
      assertMatch(head, /^HTTP\/1.1 403 /);
      assertMatch(body, /rule method\)[^]*only: GET;/);
    });
  }
  await t.step("HEAD, which GET does not stand for", async () => {
    const wire = await openTunnel(w.egress.port, "clone.test", w.pki);
    await wire.send("HEAD /api HTTP/1.1\r\nHost: clone.test\r\n\r\n");
    assertMatch(await wire.head(), /^HTTP\/1.1 403 /);
    wire.close();
  });
  assertEquals(w.proxy.seen, []);
  await t.step("an override in a header is taken out", async () => {
    const { body } = await ask("GET /api", "X-HTTP-Method-Override: DELETE\r\nX-Kept: 1\r\n");
    assertEquals(body, "GET /api HTTP/1.1\r\nHost: clone.test\r\nX-Kept: 1\r\n\r\n");
  });
  await w.egress.record((r) => r.rule === "method" && r.verdict === "deny" && r.status === 403);
});

Deno.test("git: fetch passes both halves of a fetch; git: none neither; a push passes on no route", async () => {
  await using w = await world();
  const ask = async (host: string, line: string) =>
    await w.get(host, `${line} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\n\r\n`);
  const fetch = ["GET /r.git/info/refs?service=git-upload-pack", "POST /r.git/git-upload-pack"];
  const push = ["GET /r.git/info/refs?service=git-receive-pack", "POST /r.git/git-receive-pack"];
  for (const line of fetch) {
    assertMatch((await ask("nogit.test", line)).body, /rule git-fetch\)[^]*git-gate/);
  }
  for (const host of ["clone.test", "nogit.test", "login.test", "auth.test"]) {
    for (const line of push) assertMatch((await ask(host, line)).body, /rule git-push\)[^]*git-gate/);
  }
  assertEquals(w.proxy.seen, []);
  for (const line of fetch) assertMatch((await ask("clone.test", line)).head, /^HTTP\/1.1 200 /);
});

Deno.test("plain http: judged, forwarded in absolute form, and never with a credential", async () => {
  await using w = await world();
  const ask = (url: string, host: string) =>
    rawExchange(
      w.egress.port,
      `GET ${url} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: x\r\nConnection: close\r\n\r\n`,
    );
  const passed = await ask("http://open.test/a?b", "open.test");
  assertStringIncludes(passed, "GET http://open.test/a?b HTTP/1.1\r\nHost: open.test\r\n\r\n");
  assertMatch(await ask("http://evil.test/", "evil.test"), /rule unknown-host/);
  assertMatch(await ask("http://paths.test/v2", "paths.test"), /rule path/);
  assertMatch(await ask("http://auth.test/", "auth.test"), /rule auth-needs-tls/);
  assertMatch(await ask("http://open.test/", "auth.test"), /^HTTP\/1.1 421 /);
  assertMatch(await ask("https://open.test/", "open.test"), /^HTTP\/1.1 400 /);
  assertMatch(await ask("/origin", "open.test"), /^HTTP\/1.1 400 /);
});

Deno.test("egress's own pages", async () => {
  await using w = await world();
  const ask = (method: string, path: string) =>
    rawExchange(
      w.egress.port,
      `${method} http://_egress.local${path} HTTP/1.1\r\nHost: _egress.local\r\nConnection: close\r\n\r\n`,
    );
  const page = await ask("GET", "/routes");
  const { routes } = JSON.parse(page.slice(page.indexOf("\r\n\r\n")));
  assertEquals(routes[0], {
    host: "auth.test",
    path_allowlist: [],
    methods: null,
    git: null,
    auth: "Bearer",
    keep_cookies: false,
    agent_auth: false,
  });
  const { methods, git } = routes.find((route: { host: string }) => route.host === "clone.test");
  assertEquals([methods, git], [["GET"], "fetch"]);
  assertEquals(routes[2].path_allowlist, ["/v1/", "/exact"]);
  assert(!page.includes(TOKEN) && !page.includes("EGRESS_TOKEN"));
  assertMatch(await ask("GET", "/healthz"), /\r\n\r\nok\n$/);
  assertMatch(await ask("GET", "/other"), /^HTTP\/1.1 404 /);
  assertMatch(await ask("POST", "/routes"), /^HTTP\/1.1 405 /);
});

Deno.test("upstream down: 502; the next proxy's refusal: 403 with its reason", async () => {
  await using w = await world();
  const down = await w.get("down.test", "GET / HTTP/1.1\r\nHost: down.test\r\n\r\n");
  assertMatch(down.head, /^HTTP\/1.1 502 /);
  const blocked = await w.get("blocked.test", "GET / HTTP/1.1\r\nHost: blocked.test\r\n\r\n");
  assertMatch(blocked.head, /^HTTP\/1.1 403 /);
  assertStringIncludes(blocked.body, "blocked: blocked.test:443 is not on the list");
});

Deno.test("an upstream whose certificate is for another host, or from nobody we trust: 502", async () => {
  const pki = await makePki();
  const stranger = await makePki();
  const other = await startUpstream(pki, "other.test", echoHeads);
  const unknown = await startUpstream(stranger, "b.test", echoHeads);
  const proxy = startConnectProxy({ "a.test:443": other.port, "b.test:443": unknown.port });
  const egress = await startEgress(pki, {
    routes: "routes: [{host: a.test, auth_scheme: Bearer, token_env: EGRESS_TOKEN_0}, {host: b.test}]",
    proxyPort: proxy.port,
    env: { EGRESS_TOKEN_0: TOKEN },
  });
  for (const host of ["a.test", "b.test"]) {
    const wire = await openTunnel(egress.port, host, pki);
    await wire.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    const { head, body } = await wire.response();
    assertMatch(head, /^HTTP\/1.1 502 /);
    assertMatch(body, /certificate/i);
    wire.close();
  }
  for (const part of [egress, proxy, unknown, other]) await part.close();
  for (const { dir } of [pki, stranger]) await Deno.remove(dir, { recursive: true });
});

Deno.test("SIGHUP swaps the table; a bad file and a new token slot keep the last good one", async () => {
  await using w = await world();
  assertMatch(await w.egress.reload("routes: [{host: new.test}]"), /reloaded 1 routes/);
  await assertHost(w.egress.port, "new.test", 200);
  await assertHost(w.egress.port, "open.test", 403);
  for (
    const bad of [
      "routes: [{host: other.test, colour: red}]",
      "routes: [",
      "routes: [{host: other.test, auth_scheme: Bearer, token_env: EGRESS_TOKEN_7}]",
      "routes: [{host: '*.test'}]",
    ]
  ) {
    assertMatch(await w.egress.reload(bad), /last good routes stay in force/);
    await assertHost(w.egress.port, "new.test", 200);
    await assertHost(w.egress.port, "other.test", 403);
  }
});

Deno.test("a token slot set in the environment can be used by a reload", async () => {
  await using w = await world("routes: []", { EGRESS_TOKEN_0: TOKEN });
  await w.egress.reload("routes: [{host: auth.test, auth_scheme: Bearer, token_env: EGRESS_TOKEN_0}]");
  await w.get("auth.test", "GET / HTTP/1.1\r\nHost: auth.test\r\n\r\n");
  assertStringIncludes(w.heads.join(), `Authorization: Bearer ${TOKEN}`);
});

Deno.test("a reload governs the next request of a tunnel that is open already", async () => {
  await using w = await world();
  const wire = await openTunnel(w.egress.port, "open.test", w.pki);
  await wire.send("GET /1 HTTP/1.1\r\nHost: open.test\r\n\r\n");
  assertMatch((await wire.response()).head, /^HTTP\/1.1 200 /);
  await w.egress.reload("routes: [{host: auth.test}]");
  await wire.send("GET /2 HTTP/1.1\r\nHost: open.test\r\n\r\n");
  assertMatch((await wire.response()).head, /^HTTP\/1.1 403 /);
  wire.close();
});

Deno.test("the access log has one line a request, without query and headers", async () => {
  await using w = await world();
  await w.get(
    "open.test",
    "POST /p?secret=q HTTP/1.1\r\nHost: open.test\r\nX-Private: v\r\nContent-Length: 2\r\n\r\nhi",
  );
  const record = await w.egress.record((r) => r.path === "/p");
  assertEquals(Object.keys(record), [
    ...["time", "method", "host", "path", "verdict", "rule", "status", "bytes_up", "bytes_down", "ms"],
  ]);
  assertEquals([record.method, record.host, record.verdict, record.rule, record.status], [
    ...["POST", "open.test", "allow", "route", 200],
  ]);
  const lines = await until(() => w.egress.stdout.filter((line) => line.includes('"/p"')), () => "no line");
  assertEquals(lines.length, 1);
  assert(!lines[0]!.includes("secret") && !lines[0]!.includes("X-Private"));
});

async function assertHost(port: number, host: string, status: number): Promise<void> {
  const wire = await Deno.connect({ hostname: "127.0.0.1", port });
  await wire.write(new TextEncoder().encode(`CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}:443\r\n\r\n`));
  const answer = new Uint8Array(64);
  await wire.read(answer);
  wire.close();
  assertStringIncludes(new TextDecoder().decode(answer), `HTTP/1.1 ${status} `);
}
