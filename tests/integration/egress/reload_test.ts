/** SIGHUP under load: streams end under the table they began with, requests see one table each, none is lost. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { echoHeads, text, type Wire } from "./support.ts";
import { startWorld, type World } from "./world.ts";

const CLIENTS = 40;
const RELOADS = 30;

/** Two tables that differ in all that a request is judged and rewritten by: path and credential go together. */
const EVEN =
  "routes: [{host: a.test, path_allowlist: [/even/], auth_scheme: Bearer, token_env: EGRESS_TOKEN_0}]";
const ODD =
  "routes: [{host: a.test, path_allowlist: [/odd/], auth_scheme: token, token_env: EGRESS_TOKEN_1}]";
// Too short to be masked: the echo shows them.
const CREDENTIALS = { even: "Bearer even-k", odd: "token odd-k" } as const;
const TOKENS = { EGRESS_TOKEN_0: "even-k", EGRESS_TOKEN_1: "odd-k" };

type Side = keyof typeof CREDENTIALS;

Deno.test("reload under load: a request has its path and its credential from one table, and none fails", async () => {
  await using w = await startWorld({ hosts: { "a.test": echoHeads }, routes: EVEN, env: TOKENS });
  let stop = false;
  const counts = { even: 0, odd: 0, denied: 0 };
  const client = async (name: number) => {
    let wire: Wire | undefined;
    for (let round = 0; !stop; round++) {
      wire ??= await w.tunnel("a.test");
      const side: Side = (name + round) % 2 === 0 ? "even" : "odd";
      const path = `/${side}/${name}?${round}`;
      await wire.send(`GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
      const { head, body } = await wire.response();
      if (head.startsWith("HTTP/1.1 200 ")) {
        assertEquals(
          body,
          `GET ${path} HTTP/1.1\r\nHost: a.test\r\nAuthorization: ${CREDENTIALS[side]}\r\n\r\n`,
        );
        counts[side]++;
      } else {
        // The one lawful other answer: the table in force allows the other path.
        assertMatch(head, /^HTTP\/1.1 403 /);
        assertStringIncludes(body, `by whole segments: /${side === "even" ? "odd" : "even"}/`);
        counts.denied++;
      }
      if (round % 10 === 9) {
        wire.close();
        wire = undefined;
      }
    }
    wire?.close();
  };
  const clients = Promise.all(Array.from({ length: CLIENTS }, (_, name) => client(name)));
  // What failed is told at the end; here it must not count as unhandled.
  clients.catch(() => {});
  for (let round = 0; round < RELOADS; round++) {
    const bad = round % 5 === 4;
    const said = await w.egress.reload(bad ? "routes: [" : round % 2 === 0 ? ODD : EVEN);
    assertMatch(said, bad ? /stay in force/ : /reloaded 1 routes/);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  stop = true;
  await clients;
  assert(Math.min(counts.even, counts.odd, counts.denied) > 20, JSON.stringify(counts));
});

Deno.test("reload: what is open finishes under the old table; what comes next is judged by the new one", async () => {
  const streams = 20;
  let finish = () => {};
  const finished = new Promise<void>((resolve) => finish = resolve);
  await using w = await startWorld({
    hosts: {
      "a.test": async (wire) => {
        const head = await wire.head();
        if (head.startsWith("GET /even/ws")) {
          await wire.send(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
          );
          for (let part = await wire.some(); part.length > 0; part = await wire.some()) await wire.send(part);
          return;
        }
        const upload = head.startsWith("POST");
        await wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
        await finished;
        if (upload) assertEquals(text(await wire.take(4)), "body");
        await wire.send("4\r\nlast\r\n0\r\n\r\n");
        await wire.rest();
      },
    },
    routes: EVEN,
    env: TOKENS,
  });
  const open = await Promise.all(Array.from({ length: streams }, async (_, name) => {
    const wire = await w.tunnel("a.test");
    const upload = name % 2 === 1;
    await wire.send(
      `${upload ? "POST" : "GET"} /even/${name} HTTP/1.1\r\nHost: a.test\r\n${
        upload ? "Content-Length: 4\r\n" : ""
      }\r\n`,
    );
    assertMatch(await wire.head(), /^HTTP\/1.1 200 /);
    assertEquals(text(await wire.take(10)), "5\r\nfirst\r\n");
    return { wire, upload };
  }));
  const socket = await w.tunnel("a.test");
  await socket.send(
    "GET /even/ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  );
  assertMatch(await socket.head(), /^HTTP\/1.1 101 /);

  // The host itself is gone from the table, and so is every right to it.
  await w.egress.reload("routes: [{host: b.test}]");
  assertMatch(await refusedConnect(w), /^HTTP\/1.1 403 [\s\S]*rule unknown-host/);
  finish();
  for (const { wire, upload } of open) {
    if (upload) await wire.send("body");
    assertEquals(text(await wire.take(14)), "4\r\nlast\r\n0\r\n\r\n");
    // The tunnel is still there, but its next request is the new table's.
    await wire.send("GET /even/again HTTP/1.1\r\nHost: a.test\r\n\r\n");
    const again = upload ? await wire.rest() : (await wire.response()).head;
    assert(again === "" || again.startsWith("HTTP/1.1 403 "), again);
    wire.close();
  }
  await socket.send("still open");
  assertEquals(text(await socket.take(10)), "still open");
  socket.close();
});

async function refusedConnect(w: World): Promise<string> {
  return await w.inPlain("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n");
}
