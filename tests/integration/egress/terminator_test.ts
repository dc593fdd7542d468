/** The loopback listeners behind a client's TLS: bounded, and closed to everybody but egress itself. */

import { assert, assertEquals } from "@std/assert";
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

Deno.test("a hundred connections at once, strangers among them: each end gets its own other end", async () => {
  await using w = await world(4);
  const known = await w.terminator.open("a.test");
  const port = (known.outer.remoteAddr as Deno.NetAddr).port;
  const [opened, strangers] = await Promise.all([
    Promise.all(Array.from({ length: 100 }, () => w.terminator.open("a.test"))),
    Promise.allSettled(Array.from({ length: 50 }, () => Deno.connect({ hostname: "127.0.0.1", port }))),
  ]);
  for (const { outer, inner } of [known, ...opened]) {
    assertEquals((inner.remoteAddr as Deno.NetAddr).port, (outer.localAddr as Deno.NetAddr).port);
    inner.close();
    outer.close();
  }
  for (const stranger of strangers) if (stranger.status === "fulfilled") stranger.value.close();
});

Deno.test("whoever else connects to a listener is shut out: nobody reads what it says", async () => {
  await using w = await world(4);
  const { outer, inner } = await w.terminator.open("a.test");
  const { port } = outer.remoteAddr as Deno.NetAddr;
  // As trusting as an agent is: what keeps it out must be the listener. The runtime may still end the handshake.
  const tcp = await Deno.connect({ hostname: "127.0.0.1", port });
  const stranger = await Deno.startTls(tcp, { hostname: "a.test", caCerts: [w.ca] });
  const closed = stranger.handshake().then(() => stranger.read(new Uint8Array(1))).catch(() => null);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<string>((resolve) => timer = setTimeout(() => resolve("left open"), 5000));
  assertEquals(await Promise.race([closed, late]), null);
  clearTimeout(timer);
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
