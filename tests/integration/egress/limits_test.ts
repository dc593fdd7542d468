/** Bounds: what is slow, idle or too much is ended, and what ends gives its memory back. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { loadCa, mintCa } from "../../../lib/tls/ca.ts";
import { parseRoutes } from "../../../lib/egress/wire.ts";
import { AccessLog } from "../../../sidecars/egress/access_log.ts";
import { LazyLeaves } from "../../../sidecars/egress/lazy_leaves.ts";
import { DEFAULT_LIMITS, type Limits } from "../../../sidecars/egress/limits.ts";
import { Policy } from "../../../sidecars/egress/policy.ts";
import { EgressServer } from "../../../sidecars/egress/server.ts";
import { Upstreams } from "../../../sidecars/egress/upstream.ts";
import { Watches } from "../../../sidecars/egress/watch.ts";
import {
  echoHeads,
  makePki,
  openTunnel,
  type Script,
  startConnectProxy,
  startUpstream,
  until,
  Wire,
} from "./support.ts";

/** An egress in this process, with limits of its own. */
async function world(limits: Partial<Limits>, script: Script = echoHeads) {
  const pki = await makePki();
  const upstream = await startUpstream(pki, "a.test", script);
  const proxy = startConnectProxy({ "a.test:443": upstream.port });
  const lines: string[] = [];
  const all = { ...DEFAULT_LIMITS, ...limits };
  const ca = await mintCa("limits test CA");
  const watches = new Watches(20);
  const upstreams = new Upstreams({
    proxy: { hostname: "127.0.0.1", port: proxy.port },
    caCerts: [pki.upstreamCa],
    limits: all,
  });
  const server = new EgressServer({
    policy: new Policy(parseRoutes("routes: [{host: a.test}]"), new Map()),
    leaves: new LazyLeaves(await loadCa(ca.certPem, ca.keyPem), all.leaves),
    upstreams,
    log: new AccessLog({
      write: (bytes) => {
        lines.push(...new TextDecoder().decode(bytes).trim().split("\n"));
        return Promise.resolve(bytes.length);
      },
    }),
    limits: all,
    watches,
    streams: new Set(),
    protocols: ["http/1.1"],
  });
  const port = await server.listen("127.0.0.1", 0);
  return {
    port,
    server,
    upstream,
    upstreams,
    lines,
    tunnel: () => openTunnel(port, "a.test", { ...pki, egressCa: ca.certPem }),
    plain: async () => new Wire(await Deno.connect({ hostname: "127.0.0.1", port })),
    [Symbol.asyncDispose]: async () => {
      server.close();
      upstreams.close();
      watches[Symbol.dispose]();
      for (const part of [proxy, upstream]) await part.close();
      await Deno.remove(pki.dir, { recursive: true });
    },
  };
}

const GET = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

Deno.test("a head that comes too slowly, or not at all, ends the connection", async () => {
  await using w = await world({ headTimeout: 150 });
  for (const start of ["", "GET /", "CONNECT a.test:443 HTTP/1.1\r\nHost"]) {
    const wire = await w.plain();
    await wire.send(start);
    assertEquals(await wire.rest(), "");
    wire.close();
  }
  // Trickling does not move the deadline.
  const loris = await w.plain();
  const began = performance.now();
  await loris.send("GET http://a.test/ HTTP/1.1\r\n");
  try {
    for (let line = 0; line < 100; line++) {
      await loris.send(`X-${line}: a\r\n`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } catch {
    // Cut, as it should be.
  }
  assert(performance.now() - began < 1900, "the trickle was let go on");
  loris.close();
  await until(() => w.server.connections === 0 ? true : undefined, () => "connections are left");
});

Deno.test("a handshake that never comes ends the connection", async () => {
  await using w = await world({ handshakeTimeout: 150 });
  const wire = await w.plain();
  await wire.send("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n");
  assertMatch(await wire.head(), /^HTTP\/1.1 200 /);
  assertEquals(await wire.rest(), "");
  wire.close();
  await until(() => w.server.connections === 0 ? true : undefined, () => "connections are left");
  await until(
    () => w.lines.some((line) => line.includes("tls-handshake")) || undefined,
    () => `not in the log: ${w.lines.join()}`,
  );
});

Deno.test("a client that leaves during its handshake gives its place back at once", async () => {
  await using w = await world({});
  // Nothing, and the beginning of a hello.
  for (const hello of ["", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"]) {
    const wire = await w.plain();
    await wire.send("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assertMatch(await wire.head(), /^HTTP\/1.1 200 /);
    await wire.send(hello);
    wire.close();
  }
  const began = performance.now();
  await until(() => w.server.connections === 0 ? true : undefined, () => "connections are left");
  assert(performance.now() - began < DEFAULT_LIMITS.handshakeTimeout / 3);
});

Deno.test("a kept-alive connection without a request ends", async () => {
  await using w = await world({ keepAliveTimeout: 150 });
  const wire = await w.tunnel();
  await wire.send(GET);
  assertMatch((await wire.response()).head, /^HTTP\/1.1 200 /);
  assertEquals(await wire.rest(), "");
  wire.close();
});

Deno.test("an exchange in which no byte moves ends; one in which bytes move does not", async () => {
  await using w = await world({ idleTimeout: 300 }, async (wire) => {
    const head = await wire.head();
    if (head.startsWith("GET /slow")) {
      await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
      for (let index = 0; index < 10; index++) {
        await wire.send("x");
        await new Promise((resolve) => setTimeout(resolve, 80));
      }
    }
    await wire.rest();
  });
  const slow = await w.tunnel();
  await slow.send("GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n");
  assertEquals((await slow.response()).body, "xxxxxxxxxx");
  slow.close();
  const stuck = await w.tunnel();
  await stuck.send("GET /stuck HTTP/1.1\r\nHost: a.test\r\n\r\n");
  assertEquals(await stuck.rest(), "");
  stuck.close();
});

Deno.test("an upstream that never answers the dial: 504", async () => {
  // Accepts and says nothing, where a proxy would answer.
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const upstreams = new Upstreams({
    proxy: { hostname: "127.0.0.1", port: silent.addr.port },
    caCerts: [],
    limits: { ...DEFAULT_LIMITS, dialTimeout: 150 },
  });
  let status = 0;
  try {
    await upstreams.acquire({ scheme: "https", host: "a.test", port: 443 }, false);
  } catch (error) {
    status = error instanceof Error && "status" in error ? Number(error.status) : -1;
  }
  assertEquals(status, 504);
  silent.close();
});

Deno.test("connections beyond the limit get a 503; when others end there is room again", async () => {
  await using w = await world({ connections: 3 });
  const held = [await w.tunnel(), await w.tunnel(), await w.tunnel()];
  const refused = await w.plain();
  await refused.send("GET http://_egress.local/healthz HTTP/1.1\r\nHost: _egress.local\r\n\r\n");
  assertMatch(await refused.rest(), /^HTTP\/1.1 503 /);
  refused.close();
  for (const wire of held) wire.close();
  await until(() => w.server.connections === 0 ? true : undefined, () => "connections are left");
  const next = await w.tunnel();
  await next.send(GET);
  assertMatch((await next.response()).head, /^HTTP\/1.1 200 /);
  next.close();
});

Deno.test("pooled connections are bounded and swept", async () => {
  await using w = await world({ poolSize: 2, poolIdleTimeout: 100 });
  const wires = await Promise.all(Array.from({ length: 5 }, () => w.tunnel()));
  await Promise.all(wires.map(async (wire) => {
    await wire.send(GET);
    await wire.response();
  }));
  assertEquals(w.upstreams.idle, 2);
  await new Promise((resolve) => setTimeout(resolve, 150));
  w.upstreams.sweep();
  assertEquals(w.upstreams.idle, 0);
  await wires[0]!.send(GET);
  assertMatch((await wires[0]!.response()).head, /^HTTP\/1.1 200 /);
  for (const wire of wires) wire.close();
});
