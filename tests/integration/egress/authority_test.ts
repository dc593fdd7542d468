/** CONNECT, the hello of TLS and Host must name one host, or nothing leaves egress. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { echoHeads } from "./support.ts";
import { startWorld, type World } from "./world.ts";

function world() {
  return startWorld({ hosts: { "a.test": echoHeads, "b.test": echoHeads, "192.0.2.1": echoHeads } });
}

/** An address, which a hello does not name. */
const NO_NAME = "127.0.0.1";

/** `cut`: no answer at all, since the client has shown that it is not who it says it is. */
const ROWS:
  readonly (readonly [connect: string, serverName: string, host: string, status: number | "cut"])[] = [
    ["a.test", "a.test", "a.test", 200],
    ["a.test", "A.Test", "A.TEST.:443", 200],
    ["a.test", NO_NAME, "a.test", 200],
    ["192.0.2.1", NO_NAME, "192.0.2.1", 200],
    ["a.test", "b.test", "a.test", "cut"],
    ["a.test", "b.test", "b.test", "cut"],
    ["a.test", "unlisted.test", "a.test", "cut"],
    ["a.test", "sub.a.test", "a.test", "cut"],
    ["192.0.2.1", "a.test", "192.0.2.1", "cut"],
    ["a.test", "a.test", "b.test", 421],
    ["a.test", NO_NAME, "b.test", 421],
    ["a.test", "a.test", "unlisted.test", 421],
    ["a.test", "a.test", "a.test:80", 421],
    ["a.test", "a.test", "a.test.evil", 421],
    ["a.test", "a.test", "sub.a.test", 421],
    ["a.test", "a.test", "192.0.2.1", 421],
    ["192.0.2.1", NO_NAME, "a.test", 421],
    ["a.test", "a.test", "_egress.local", 421],
    ["a.test", "a.test", "a.test,b.test", 421],
    ["a.test", "a.test", "user@a.test", 421],
    ["a.test", "a.test", "", 421],
  ];

Deno.test("authority: CONNECT, hello and Host agree, or nothing is sent on and the connection ends", async (t) => {
  await using w = await world();
  for (const [connect, serverName, host, status] of ROWS) {
    const hello = serverName === NO_NAME ? "no name" : serverName;
    await t.step(`CONNECT ${connect}, hello ${hello}, Host ${host || "(empty)"}: ${status}`, async () => {
      const before = w.dialled.length;
      const answer = await ask(w, connect, serverName, host);
      if (status === "cut") {
        assertEquals(answer, "");
        await w.egress.record((record) => record.rule === "sni" && record.host === connect);
      } else assertMatch(answer, new RegExp(`^HTTP/1.1 ${status} `));
      if (status !== 200) {
        assertEquals(answer.split(/HTTP\/1.1 [0-9]/).length, status === "cut" ? 1 : 2);
        assertEquals(w.dialled.length, before, "something was dialled");
      }
    });
  }
});

/** Two requests on one tunnel; a refusal of the first must keep the second from being served. */
async function ask(w: World, connect: string, serverName: string, host: string): Promise<string> {
  try {
    const wire = await w.tunnel(connect, serverName);
    try {
      const last = `GET /2 HTTP/1.1\r\nHost: ${connect}\r\nConnection: close\r\n\r\n`;
      await wire.send(`GET /1 HTTP/1.1\r\nHost: ${host}\r\n\r\n${last}`);
      return await wire.rest();
    } finally {
      wire.close();
    }
  } catch (error) {
    // Cut while the hello was being answered, or just after.
    if (error instanceof Deno.errors.UnexpectedEof || error instanceof Deno.errors.ConnectionReset) return "";
    if (error instanceof Deno.errors.BrokenPipe) return "";
    throw error;
  }
}

Deno.test("authority: none or two Hosts in a tunnel", async () => {
  await using w = await world();
  for (const lines of ["Host: a.test\r\nHost: a.test\r\n", "Host: a.test\r\nhost: b.test\r\n", "X: y\r\n"]) {
    assertMatch(await w.inTunnel("a.test", `GET / HTTP/1.1\r\n${lines}\r\n`), /^HTTP\/1.1 400 /);
  }
  assertEquals(w.dialled, []);
});

Deno.test("authority: a request target that names a host is for a proxy, not for a tunnel", async () => {
  await using w = await world();
  for (const target of ["https://a.test/", "http://a.test/", "https://b.test/", "a.test:443", "//b.test/x"]) {
    const answer = await w.inTunnel(
      "a.test",
      `GET ${target} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`,
    );
    // Two slashes begin a path like any other; it goes to the tunnel's own host.
    if (target.startsWith("/")) {
      assertMatch(answer, /^HTTP\/1.1 200 [\s\S]*GET \/\/b.test\/x HTTP\/1.1\r\nHost: a.test/);
    } else assertMatch(answer, /^HTTP\/1.1 400 /);
  }
  assertEquals(w.connections("b.test"), 0);
});

Deno.test("authority: the Host of a CONNECT, or of a plain request, must agree with its target", async () => {
  await using w = await world();
  for (const host of ["b.test:443", "b.test", "a.test:444", "a.test:80", "a.test.evil:443", ""]) {
    const answer = await w.inPlain(`CONNECT a.test:443 HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assertMatch(answer, /^HTTP\/1.1 421 /, host);
  }
  for (const host of ["b.test", "a.test:443", "a.test:8080", "_egress.local"]) {
    const answer = await w.inPlain(`GET http://a.test/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assertMatch(answer, /^HTTP\/1.1 421 /, host);
  }
  assertMatch(await w.inPlain("CONNECT a.test:443 HTTP/1.1\r\n\r\n"), /^HTTP\/1.1 400 /);
  assertEquals(w.dialled, []);
});

Deno.test("authority: an upstream connection serves the host that it was dialled for, and no other", async () => {
  await using w = await world();
  for (const host of ["a.test", "b.test", "a.test", "b.test", "192.0.2.1"]) {
    const wire = await w.tunnel(host);
    await wire.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assertEquals((await wire.response()).body, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    wire.close();
  }
  // Pooled by host: the second round needed no dial, and took its own.
  assertEquals(["a.test", "b.test", "192.0.2.1"].map((host) => w.connections(host)), [1, 1, 1]);
  assert(
    w.dialled.every((head) => /^CONNECT (\S+):443 HTTP\/1\.1\r\nHost: \1:443\r\n/.test(head)),
    `${w.dialled}`,
  );
});
