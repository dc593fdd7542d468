/** Who leaves in the middle takes the other side's connection along: nothing is left open, nobody waits for nobody. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { openFilesOf } from "./process_facts.ts";
import { type Script, until } from "./support.ts";
import { startWorld, type World } from "./world.ts";

const ROUNDS = 40;
const GET = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A world that counts the upstream connections that are still being served. */
async function world(script: Script): Promise<World & { serving(): number }> {
  let serving = 0;
  const w = await startWorld({
    hosts: {
      "a.test": async (wire, connection) => {
        serving++;
        try {
          await script(wire, connection);
        } finally {
          serving--;
        }
      },
    },
  });
  return Object.assign(w, { serving: () => serving });
}

/** Runs many at once, and sees that what they opened is closed again. */
async function leavesNothing(
  w: World & { serving(): number },
  act: (round: number) => Promise<void>,
): Promise<void> {
  // Connections that everything needs once, such as the log's, are open now.
  await act(-1);
  await until(
    () => w.serving() === 0 ? true : undefined,
    () => `${w.serving()} upstream connections are left`,
  );
  const before = openFilesOf(w.egress.pid);
  await Promise.all(Array.from({ length: ROUNDS }, (_, round) => act(round)));
  await until(
    () => w.serving() === 0 ? true : undefined,
    () => `${w.serving()} upstream connections are left`,
  );
  await until(
    () => openFilesOf(w.egress.pid) <= before + 2 ? true : undefined,
    () => `${openFilesOf(w.egress.pid)} descriptors are open, ${before} were`,
  );
}

Deno.test("a client that leaves in the middle of an endless answer takes its upstream connection along", async () => {
  await using w = await world(async (wire) => {
    await wire.head();
    await wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (;;) {
      await wire.send("5\r\nevent\r\n");
      await pause(20);
    }
  });
  await leavesNothing(w, async () => {
    const wire = await w.tunnel("a.test");
    await wire.send(GET("/"));
    await wire.head();
    await wire.some();
    wire.close();
  });
});

Deno.test("a client that leaves while upstream is silent is noticed by the first thing that upstream says", async () => {
  const asked = new Map<string, () => void>();
  const gone = new Map<string, Promise<void>>();
  await using w = await world(async (wire) => {
    const path = (await wire.head()).split(" ")[1]!;
    const began = path.startsWith("/began");
    if (began) await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nx");
    asked.get(path)!();
    await gone.get(path);
    if (!began) await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    for (;;) {
      await wire.send("x");
      await pause(20);
    }
  });
  await leavesNothing(w, async (round) => {
    const path = `${round % 2 === 0 ? "/began" : "/silent"}-${round}`;
    const heard = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    asked.set(path, heard.resolve);
    gone.set(path, left.promise);
    const wire = await w.tunnel("a.test");
    await wire.send(GET(path));
    await heard.promise;
    wire.close();
    left.resolve();
  });
});

Deno.test("a client that leaves in the middle of its body", async () => {
  await using w = await world(async (wire) => {
    await wire.head();
    assert(!(await wire.rest()).endsWith("0\r\n\r\n"), "a body that was cut off looks complete");
  });
  const framings = ["Content-Length: 1000", "Transfer-Encoding: chunked"];
  await leavesNothing(w, async (round) => {
    const wire = await w.tunnel("a.test");
    await wire.send(
      `POST / HTTP/1.1\r\nHost: a.test\r\n${framings[Math.abs(round) % 2]}\r\n\r\n5\r\nbegin\r\n`,
    );
    await pause(20);
    wire.close();
  });
  await w.egress.record((record) => record.rule === "client-gone" || record.rule === "connection");
});

Deno.test("an upstream that leaves before it answers: 502; in the middle: the answer is cut and seen to be", async () => {
  await using w = await world(async (wire) => {
    const head = await wire.head();
    if (head.includes(" /middle ")) await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  });
  await leavesNothing(w, async (round) => {
    const wire = await w.tunnel("a.test");
    if (round % 2 === 0) {
      await wire.send(GET("/before"));
      assertMatch((await wire.response()).head, /^HTTP\/1.1 502 /);
    } else {
      await wire.send(GET("/middle"));
      assertEquals(await wire.rest(), "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    }
    wire.close();
  });
});

// A client may send the rest of its body only when it has heard something: its silence must not keep the answer back.
Deno.test("an upstream that leaves while a body is sent to it: 502, or a cut, without waiting for the rest", async () => {
  await using w = await world(async (wire) => {
    const head = await wire.head();
    if (head.includes(" /began ")) await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    if (!head.includes("Expect")) await wire.take(5);
  });
  await leavesNothing(w, async (round) => {
    const wire = await w.tunnel("a.test");
    const post = (path: string, more: string) =>
      wire.send(`POST ${path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n${more}`);
    if (round % 3 === 0) {
      await post("/began", "\r\nbegin");
      assertMatch(await wire.rest(), /^HTTP\/1.1 200 OK\r\n[\s\S]*\r\n\r\nhalf$/);
    } else {
      await post("/before", round % 3 === 1 ? "\r\nbegin" : "Expect: 100-continue\r\n\r\n");
      assertMatch((await wire.response()).head, /^HTTP\/1.1 502 /);
    }
    wire.close();
  });
});
