/** Many bad clients at once: their connections end, memory stays flat, and honest clients are served meanwhile. */

import { assert, assertMatch } from "@std/assert";
import { memoryOf, openFilesOf } from "./process_facts.ts";
import { echoHeads, until, Wire } from "./support.ts";
import { startWorld, type World } from "./world.ts";

/**
 * MiB that egress may take: the collector lets garbage lie up to some 230 of them, and more while hundreds of
 * connections are open. 30 KiB kept for each failed handshake, as a callback for the server name once did, go beyond.
 */
const MEMORY = { idle: 280, attacked: 350 };
const GET = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const connect = async (port: number) => new Wire(await Deno.connect({ hostname: "127.0.0.1", port }));

/** How a slow client begins; then it sends a line, or a chunk, now and then and never comes to an end. */
const SLOW: readonly { readonly inTunnel: boolean; readonly start: string; readonly more: string }[] = [
  { inTunnel: false, start: "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n", more: "X: y\r\n" },
  { inTunnel: false, start: "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n", more: "X: y\r\n" },
  { inTunnel: false, start: "GET http://a.test/", more: "x" },
  { inTunnel: true, start: "GET / HTTP/1.1\r\nHost: a.test\r\n", more: "X: y\r\n" },
  {
    inTunnel: true,
    start: "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n",
    more: "1\r\nx\r\n",
  },
];

Deno.test("slow-loris: wave after wave of slow clients holds no more memory, and honest ones are served at once", async () => {
  await using w = await startWorld({
    hosts: {
      "a.test": async (wire) => {
        for (let head = await wire.head(); head.startsWith("GET"); head = await wire.head()) {
          await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
        // A body without end.
        while ((await wire.some()).length > 0);
      },
    },
  });
  const { pid } = w.egress;
  await honest(w);
  const files = openFilesOf(pid);
  const sizes: number[] = [];
  const waits: number[] = [];
  for (let wave = 0; wave < 4; wave++) {
    waits.push(...await slowWave(w));
    sizes.push(memoryOf(pid).now);
    await until(
      () => openFilesOf(pid) <= files + 2 ? true : undefined,
      () => `${openFilesOf(pid)} descriptors are open, ${files} were`,
    );
  }
  assert(Math.max(...waits) < 3000, `an honest client waited: ${waits.map(Math.round)} ms`);
  assert(Math.max(...sizes) < MEMORY.attacked, `grew: ${sizes.map(Math.round)} MiB`);
});

/** 300 slow clients for a second; gives how long honest ones took meanwhile, in milliseconds. */
async function slowWave(w: World): Promise<readonly number[]> {
  const wires = await Promise.all(Array.from({ length: 300 }, async (_, index) => {
    const { inTunnel, start, more } = SLOW[index % SLOW.length]!;
    const wire = inTunnel ? await w.tunnel("a.test") : await connect(w.egress.port);
    await wire.send(start);
    return { wire, more };
  }));
  let stop = false;
  let trickled = 0;
  const trickle = (async () => {
    for (; !stop; trickled++) {
      for (const { wire, more } of wires) await wire.send(more);
      await pause(50);
    }
  })();
  const waits: number[] = [];
  for (const end = performance.now() + 1000; performance.now() < end;) {
    const began = performance.now();
    await honest(w);
    waits.push(performance.now() - began);
    await pause(50);
  }
  stop = true;
  await trickle;
  assert(trickled > 2, `${trickled} rounds of trickling`);
  for (const { wire } of wires) wire.close();
  return waits;
}

/** A client that does all at once and is answered. */
async function honest(w: World): Promise<void> {
  const wire = await w.tunnel("a.test");
  await wire.send(GET);
  assertMatch((await wire.response()).head, /^HTTP\/1.1 200 /);
  wire.close();
}

/** Ways in which a handshake fails; each must end in a closed connection. */
const FAILURES: readonly ((wire: Wire, w: World) => Promise<void>)[] = [
  // What is no hello.
  async (wire) => {
    await wire.send("this is no client hello, and it is long enough to be looked at\r\n");
    await wire.rest();
  },
  // A hello that is cut short.
  async (wire) => {
    await wire.send("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
  },
  // A client that does not trust the certificate, as one without the CA.
  async (wire) => {
    const tls = await Deno.startTls(wire.conn as Deno.TcpConn, { hostname: "a.test" });
    await tls.handshake().catch(() => {});
    tls.close();
  },
  // A client that names another server.
  async (wire, w) => {
    const tls = await Deno.startTls(wire.conn as Deno.TcpConn, {
      hostname: "b.test",
      caCerts: [w.pki.egressCa],
      unsafelyDisableHostnameVerification: true,
    });
    await new Wire(tls).rest().catch(() => {});
    tls.close();
  },
  // A client that has gone by now.
  () => Promise.resolve(),
];

Deno.test("a flood of failed handshakes leaves no connection and no memory, and honest clients are served", async () => {
  await using w = await startWorld({ hosts: { "a.test": echoHeads } });
  const { pid, port } = w.egress;
  const flood = async (count: number) => {
    for (let done = 0; done < count; done += 50) {
      await Promise.all(Array.from({ length: 50 }, async (_, index) => {
        const wire = await connect(port);
        await wire.send("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assertMatch(await wire.head(), /^HTTP\/1.1 200 /);
        await FAILURES[index % FAILURES.length]!(wire, w);
        wire.close();
      }));
      await honest(w);
    }
  };
  const files = openFilesOf(pid);
  const sizes: number[] = [];
  for (let round = 0; round < 5; round++) {
    await flood(1000);
    sizes.push(memoryOf(pid).now);
  }
  assert(Math.max(...sizes) < MEMORY.idle, `grew: ${sizes.map(Math.round)} MiB`);
  await until(
    () => openFilesOf(pid) <= files + 2 ? true : undefined,
    () => `${openFilesOf(pid)} descriptors are open, ${files} were`,
  );
});
