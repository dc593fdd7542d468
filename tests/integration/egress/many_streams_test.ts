/** A hundred streams at once: each has its own content and its host's own credential, whole and unmixed. */

import { assert, assertEquals } from "@std/assert";
import { digestOf, Pattern } from "./pattern.ts";
import type { Wire } from "./support.ts";
import { startWorld } from "./world.ts";

const STREAMS = 100;
const HOSTS = ["a.test", "b.test", "c.test", "d.test"];
const BLOCK = 16 * 1024;
const BLOCKS = 40;

const hostOf = (stream: number) => HOSTS[stream % HOSTS.length]!;

/** Resolves for everyone when so many have come. */
function barrier(count: number): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = count;
  return () => {
    if (--left === 0) resolve();
    return promise;
  };
}

Deno.test("100 streams at once, each way: own content, own credential", async () => {
  const allOpen = barrier(STREAMS);
  const serve = (host: string) => async (wire: Wire) => {
    const head = await wire.head();
    const stream = Number(/^POST \/([0-9]+) /.exec(head)?.[1]);
    assertEquals(
      head,
      `POST /${stream} HTTP/1.1\r\nHost: ${host}\r\nX-Stream: ${stream}\r\nContent-Length: ${
        BLOCK * BLOCKS
      }\r\n` +
        `Authorization: Bearer token-of-${host}\r\n\r\n`,
    );
    // No stream gets a byte before all are there: they are open at the same time or the test hangs.
    await allOpen();
    await wire.send(
      `HTTP/1.1 200 OK\r\nX-Stream: ${stream}\r\nContent-Length: ${BLOCK * BLOCKS + 64}\r\n\r\n`,
    );
    const [, digest] = await Promise.all([
      new Pattern(stream, BLOCK).send(wire, BLOCKS),
      digestOf(wire, BLOCK * BLOCKS),
    ]);
    await wire.send(digest);
    await wire.rest();
  };
  await using w = await startWorld({
    hosts: Object.fromEntries(HOSTS.map((host) => [host, serve(host)])),
    routes: JSON.stringify({
      routes: HOSTS.map((host, slot) => ({ host, auth_scheme: "Bearer", token_env: `EGRESS_TOKEN_${slot}` })),
    }),
    env: Object.fromEntries(HOSTS.map((host, slot) => [`EGRESS_TOKEN_${slot}`, `token-of-${host}`])),
  });
  await Promise.all(Array.from({ length: STREAMS }, async (_, stream) => {
    const host = hostOf(stream);
    const wire = await w.tunnel(host);
    await wire.send(
      `POST /${stream} HTTP/1.1\r\nHost: ${host}\r\nX-Stream: ${stream}\r\nContent-Length: ${
        BLOCK * BLOCKS
      }\r\n\r\n`,
    );
    // Content of the other direction is told apart by another name.
    const sending = new Pattern(1000 + stream, BLOCK).send(wire, BLOCKS);
    const head = await wire.head();
    assert(head.startsWith(`HTTP/1.1 200 OK\r\nX-Stream: ${stream}\r\n`), head);
    assertEquals(
      await digestOf(wire, BLOCK * BLOCKS),
      new Pattern(stream, BLOCK).digest(BLOCKS),
      `down ${stream}`,
    );
    await sending;
    const digest = new TextDecoder().decode(await wire.take(64));
    assertEquals(digest, new Pattern(1000 + stream, BLOCK).digest(BLOCKS), `up ${stream}`);
    wire.close();
  }));
  assertEquals(HOSTS.map((host) => w.connections(host)), [25, 25, 25, 25]);
});
