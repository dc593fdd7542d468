/**
 * Egress in front of the real pipelock, with the configuration that a bottle gives it.
 *
 * BOT_BOTTLE_TEST_PIPELOCK is the path of the program; without it these tests fail. The upstreams listen on port 443
 * of loopback addresses, since a route means its default port: that needs root or CAP_NET_BIND_SERVICE.
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { EgressRoute } from "../../../lib/egress/model.ts";
import { renderRoutes } from "../../../lib/egress/wire.ts";
import { startPipelock } from "./next_proxy.ts";
import { makePki, openTunnel, type Script, startEgress, text, Wire } from "./support.ts";

const INSPECTED = "127.77.0.1";
const PASSED = "127.77.0.2";
const UNLISTED = "127.77.0.3";
/** Shaped so that the detectors know it: what egress injects must pass all the same. */
const TOKEN = ["sk", "ant", "api03", "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA"].join(
  "-",
);
const AGENT_SECRET = ["ghp", "q8Zt3LwXn5Vb7Rk2Pd9Hs4Jf6Mc1Ya0TgUeBi"].join("_");

function route(host: string, more: Partial<EgressRoute> = {}): EgressRoute {
  return {
    host,
    pathAllowlist: [],
    agentAuth: false,
    owner: "manifest",
    tlsPassthrough: false,
    ssrfIpAllowlist: [`${host}/32`],
    ...more,
  };
}

const AUTH = { scheme: "Bearer", tokenRef: "HOST_TOKEN", slot: "EGRESS_TOKEN_0" } as const;

async function world(script: Script) {
  await using stack = new AsyncDisposableStack();
  const pki = await makePki();
  stack.defer(() => Deno.remove(pki.dir, { recursive: true }));
  for (const host of [INSPECTED, PASSED, UNLISTED]) {
    const listener = Deno.listenTls({ hostname: host, port: 443, ...await pki.leaf(host) });
    stack.defer(() => listener.close());
    serve(listener, script);
  }
  const listed = [route(INSPECTED, { auth: AUTH }), route(PASSED, { auth: AUTH, tlsPassthrough: true })];
  const pipelock = await startPipelock(pki, listed);
  stack.defer(() => pipelock.close());
  const egress = await startEgress(pki, {
    routes: renderRoutes({ routes: [...listed, route(UNLISTED)] }),
    proxyPort: pipelock.port,
    extraCa: pipelock.ca,
    env: { EGRESS_TOKEN_0: TOKEN },
  });
  stack.defer(() => egress.close());
  const kept = stack.move();
  return {
    pki,
    egress,
    pipelock,
    tunnel: (host: string) => openTunnel(egress.port, host, pki),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function serve(listener: Deno.TlsListener, script: Script): Promise<void> {
  try {
    for await (const conn of listener) {
      const wire = new Wire(conn);
      script(wire, 0).catch(() => {}).finally(() => wire.close());
    }
  } catch {
    // Closed.
  }
}

/** Answers with the head that arrived; keeps all that it has seen. */
function recorder() {
  const seen: string[] = [];
  const script: Script = async (wire) => {
    for (let head = await wire.head(); head !== ""; head = await wire.head()) {
      const length = Number(/\r\nContent-Length: *([0-9]+)/i.exec(head)?.[1] ?? 0);
      seen.push(head + text(await wire.take(length)));
      await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`);
    }
  };
  return { seen, script };
}

Deno.test("pipelock: the injected credential passes inspection; the agent's secret in body, query or header does not", async (t) => {
  const { seen, script } = recorder();
  await using w = await world(script);
  const ask = async (host: string, lines: string, body = "") => {
    const wire = await w.tunnel(host);
    try {
      const length = body === ""
        ? ""
        : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
      await wire.send(`${lines}\r\nHost: ${host}\r\nAuthorization: Bearer agent-own\r\n${length}\r\n${body}`);
      return await wire.response();
    } finally {
      wire.close();
    }
  };
  for (const host of [INSPECTED, PASSED]) {
    await t.step(
      `injection at ${host === INSPECTED ? "an inspected" : "a passed-through"} host`,
      async () => {
        seen.length = 0;
        const { head, body } = await ask(host, "POST /v1 HTTP/1.1", '{"question":"why"}');
        assertMatch(head, /^HTTP\/1.1 200 /);
        assertEquals(body, "ok");
        const lines = seen[0]!.split("\r\n").filter((line) => /^authorization:/i.test(line));
        assertEquals(lines.map((line) => line.slice("authorization: ".length)), [`Bearer ${TOKEN}`]);
        assert(!seen[0]!.includes("agent-own"));
      },
    );
  }
  for (
    const [name, lines, body] of [
      ["body", "POST /v1 HTTP/1.1", JSON.stringify({ text: `my key is ${AGENT_SECRET}` })],
      ["query", `GET /v1?k=${AGENT_SECRET} HTTP/1.1`, ""],
      ["header", `GET /v1 HTTP/1.1\r\nX-Note: ${AGENT_SECRET}`, ""],
    ] as const
  ) {
    await t.step(`a secret in the ${name} is blocked`, async () => {
      seen.length = 0;
      const { head } = await ask(INSPECTED, lines, body);
      assertMatch(head, /^HTTP\/1.1 403 /);
      assertEquals(seen, []);
    });
  }
  await t.step("a host that pipelock does not list is refused with its reason", async () => {
    seen.length = 0;
    const { head, body } = await ask(UNLISTED, "GET / HTTP/1.1");
    assertMatch(head, /^HTTP\/1.1 403 /);
    assertStringIncludes(body, "the next proxy answered 403 to CONNECT");
    assertEquals(seen, []);
  });
});

Deno.test("pipelock: an event stream passes event by event", async () => {
  let release = () => {};
  await using w = await world(async (wire) => {
    await wire.head();
    await wire.send(
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    for (let index = 0; index < 3; index++) {
      const event = `data: ${index}\n\n`;
      await wire.send(`${event.length.toString(16)}\r\n${event}\r\n`);
      await new Promise<void>((resolve) => release = resolve);
    }
    await wire.send("0\r\n\r\n");
  });
  for (const host of [INSPECTED, PASSED]) {
    const wire = await w.tunnel(host);
    await wire.send(`GET /events HTTP/1.1\r\nHost: ${host}\r\nAccept: text/event-stream\r\n\r\n`);
    assertMatch(await wire.head(), /^HTTP\/1.1 200 /);
    let got = "";
    for (let index = 0; index < 3; index++) {
      // Each event must come while the upstream waits with the next.
      while (!got.includes(`data: ${index}\n\n`)) {
        const part = await wire.some();
        assert(part.length > 0, `ended after ${JSON.stringify(got)}`);
        got += text(part);
      }
      release();
    }
    while (!got.endsWith("0\r\n\r\n")) got += text(await wire.some());
    wire.close();
  }
});

Deno.test("pipelock: WebSocket at a passed-through host", async () => {
  let handshake = "";
  await using w = await world(async (wire) => {
    handshake = await wire.head();
    await wire.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    for (let part = await wire.some(); part.length > 0; part = await wire.some()) await wire.send(part);
  });
  const wire = await w.tunnel(PASSED);
  await wire.send(
    `GET /ws HTTP/1.1\r\nHost: ${PASSED}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n`,
  );
  assertMatch(await wire.head(), /^HTTP\/1.1 101 /);
  await wire.send("ping");
  assertEquals(text(await wire.take(4)), "ping");
  assertStringIncludes(handshake, `Authorization: Bearer ${TOKEN}`);
  wire.close();
});

Deno.test("pipelock: when it is gone, requests get a 502 and nothing reaches upstream", async () => {
  const { seen, script } = recorder();
  await using w = await world(script);
  const wire = await w.tunnel(INSPECTED);
  const request = `GET / HTTP/1.1\r\nHost: ${INSPECTED}\r\n\r\n`;
  await wire.send(request);
  assertMatch((await wire.response()).head, /^HTTP\/1.1 200 /);
  await w.pipelock.close();
  const before = seen.length;
  await wire.send(request);
  assertMatch((await wire.response()).head, /^HTTP\/1.1 502 /);
  wire.close();
  const next = await w.tunnel(INSPECTED);
  await next.send(request);
  assertMatch((await next.response()).head, /^HTTP\/1.1 502 /);
  next.close();
  assertEquals(seen.length, before);
});
