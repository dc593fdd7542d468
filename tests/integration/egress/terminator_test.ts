/** The loopback listeners behind a client's TLS: bounded, and closed to everybody but egress itself. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { Terminator } from "../../../sidecars/egress/terminator.ts";
import { makePki } from "./support.ts";

async function world(capacity: number) {
  const pki = await makePki();
  const terminator = new Terminator(
    {
      leafFor: async (host) => {
        const { cert, key } = await pki.leaf(host);
        return { certPem: cert, keyPem: key, notAfter: Infinity };
      },
    },
    capacity,
    ["http/1.1"],
  );
  return {
    terminator,
    ca: pki.upstreamCa,
    [Symbol.asyncDispose]: async () => {
      terminator.close();
      await Deno.remove(pki.dir, { recursive: true });
    },
  };
}

Deno.test("a hundred connections at once: each end gets its own other end", async () => {
  await using w = await world(4);
  const opened = await Promise.all(Array.from({ length: 100 }, () => w.terminator.open("a.test")));
  for (const { outer, inner } of opened) {
    assertEquals((inner.remoteAddr as Deno.NetAddr).port, (outer.localAddr as Deno.NetAddr).port);
    inner.close();
    outer.close();
  }
});

Deno.test("whoever else connects to a listener is shut out", async () => {
  await using w = await world(4);
  const { outer, inner } = await w.terminator.open("a.test");
  const port = (outer.remoteAddr as Deno.NetAddr).port;
  const stranger = await Deno.connectTls({
    hostname: "127.0.0.1",
    port,
    unsafelyDisableHostnameVerification: true,
  });
  await assertRejects(() => stranger.handshake());
  for (const conn of [stranger, inner, outer]) conn.close();
});

Deno.test("listeners are bounded, the oldest goes first, and what is open on it stays", async () => {
  await using w = await world(2);
  const first = await w.terminator.open("one.test");
  const port = (first.outer.remoteAddr as Deno.NetAddr).port;
  const rest = [await w.terminator.open("two.test"), await w.terminator.open("three.test")];
  assertEquals(w.terminator.size, 2);
  const refused = await Deno.connect({ hostname: "127.0.0.1", port }).then(
    (conn) => conn.close(),
    () => "refused",
  );
  assertEquals(refused, "refused");
  const said = new TextEncoder().encode("not TLS, but it arrives");
  await first.outer.write(said);
  await first.inner.handshake().then(() => assert(false), () => {});
  for (const { outer, inner } of [first, ...rest]) {
    outer.close();
    inner.close();
  }
});
