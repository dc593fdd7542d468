/** Leaf certificates are kept up to a cap, the one unused for longest goes first, and a host that went is served again. */

import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { parseRoutes } from "../../../lib/egress/wire.ts";
import { loadCa, mintCa } from "../../../lib/tls/ca.ts";
import { AccessLog } from "../../../sidecars/egress/access_log.ts";
import { LazyLeaves } from "../../../sidecars/egress/lazy_leaves.ts";
import { DEFAULT_LIMITS } from "../../../sidecars/egress/limits.ts";
import { Policy } from "../../../sidecars/egress/policy.ts";
import { EgressServer } from "../../../sidecars/egress/server.ts";
import { Upstreams } from "../../../sidecars/egress/upstream.ts";
import { Watches } from "../../../sidecars/egress/watch.ts";

const CAP = 3;
const HOSTS = Array.from({ length: 8 }, (_, index) => `h${index}.test`);

/** An egress in this process, whose certificates can be asked for; nothing is ever dialled. */
async function world() {
  const ca = await mintCa("leaves test CA");
  const limits = { ...DEFAULT_LIMITS, leaves: CAP };
  const watches = new Watches();
  const upstreams = new Upstreams({ proxy: { hostname: "127.0.0.1", port: 1 }, caCerts: [], limits });
  const server = new EgressServer({
    policy: new Policy(parseRoutes(JSON.stringify({ routes: HOSTS.map((host) => ({ host })) })), new Map()),
    leaves: new LazyLeaves(await loadCa(ca.certPem, ca.keyPem), limits.leaves),
    upstreams,
    log: new AccessLog({ write: (bytes) => Promise.resolve(bytes.length) }),
    limits,
    watches,
    streams: new Set(),
    protocols: ["http/1.1"],
  });
  const port = await server.listen("127.0.0.1", 0);
  return {
    serialOf: (host: string) => serialOf(port, host, ca.certPem),
    [Symbol.asyncDispose]: () => {
      server.close();
      upstreams.close();
      watches[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}

/** Opens a tunnel and TLS inside it; gives the serial number of the certificate that was shown. */
async function serialOf(port: number, host: string, ca: string): Promise<string> {
  const socket = connectTcp(port, "127.0.0.1");
  socket.write(`CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}:443\r\n\r\n`);
  const head: Uint8Array = await new Promise((resolve) => socket.once("data", resolve));
  assertMatch(new TextDecoder().decode(head), /^HTTP\/1.1 200 /);
  const tls = connectTls({ socket, servername: host, ca });
  await new Promise<void>((resolve, reject) => {
    tls.once("secureConnect", resolve);
    tls.once("error", reject);
  });
  const { serialNumber } = tls.getPeerCertificate();
  const closed = new Promise<void>((resolve) => tls.once("close", () => resolve()));
  tls.destroy();
  socket.destroy();
  await closed;
  return serialNumber;
}

Deno.test("leaves: more hosts than the cap are all served; the least recently used one is made anew", async () => {
  await using w = await world();
  const [a, b, c, d] = HOSTS as [string, string, string, string];
  const first = { a: await w.serialOf(a), b: await w.serialOf(b), c: await w.serialOf(c) };
  assertEquals(new Set(Object.values(first)).size, CAP);
  // In use again, so that it is not the oldest any more.
  assertEquals(await w.serialOf(a), first.a);
  await w.serialOf(d);
  assertEquals(await w.serialOf(a), first.a, "the one just used went");
  assertEquals(await w.serialOf(c), first.c);
  assertNotEquals(await w.serialOf(b), first.b, "more are kept than the cap says");
});

Deno.test("leaves: a burst for one host mints once; bursts for all hosts stay within the cap", async () => {
  await using w = await world();
  const burst = await Promise.all(Array.from({ length: 10 }, () => w.serialOf(HOSTS[0]!)));
  assertEquals(new Set(burst).size, 1);
  const rounds: string[][] = [];
  for (let round = 0; round < 2; round++) {
    rounds.push(await Promise.all(HOSTS.map((host) => w.serialOf(host))));
  }
  const kept = rounds[1]!.filter((serial) => rounds[0]!.includes(serial));
  assertEquals(kept.length <= CAP, true, `${kept.length} are the same as a round before`);
});
