/** Server-sent events: each arrives while upstream still waits with the next, however the body is framed. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { text, type Wire } from "./support.ts";
import { startWorld } from "./world.ts";

const EVENTS = 5;

interface Gate {
  readonly open: () => void;
  readonly opened: Promise<void>;
}

function gate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { open: resolve, opened: promise };
}

/** How a server frames events: the head's lines, and the pieces in which it writes one event. */
interface Framing {
  readonly name: string;
  readonly lines: string;
  readonly pieces: (event: string) => readonly string[];
  /** The event as the client gets it. */
  readonly framed: (event: string) => string;
}

const chunk = (event: string) => `${event.length.toString(16)}\r\n${event}\r\n`;

const FRAMINGS: readonly Framing[] = [
  {
    name: "one chunk an event",
    lines: "Transfer-Encoding: chunked\r\n",
    pieces: (event) => [chunk(event)],
    framed: chunk,
  },
  {
    name: "a chunk whose line end comes later",
    lines: "Transfer-Encoding: chunked\r\n",
    pieces: (event) => [chunk(event).slice(0, -2), "\r\n"],
    framed: chunk,
  },
  {
    name: "an event in two chunks",
    lines: "Transfer-Encoding: chunked\r\n",
    pieces: (event) => [chunk(event.slice(0, 3)), chunk(event.slice(3))],
    framed: (event) => chunk(event.slice(0, 3)) + chunk(event.slice(3)),
  },
  {
    name: "until the connection ends",
    lines: "Connection: close\r\n",
    pieces: (event) => [event],
    framed: (event) => event,
  },
  {
    name: "counted",
    lines: `Content-Length: ${EVENTS * "data: 0\n\n".length}\r\n`,
    pieces: (event) => [event],
    framed: (event) => event,
  },
];

Deno.test("events: each is passed on before the next is sent", async (t) => {
  let gates: Gate[] = [];
  await using w = await startWorld({ hosts: { "a.test": (wire) => serve(wire, () => gates) } });
  for (const [index, framing] of FRAMINGS.entries()) {
    await t.step(framing.name, async () => {
      gates = Array.from({ length: EVENTS }, gate);
      const wire = await w.tunnel("a.test");
      await wire.send(`GET /${index} HTTP/1.1\r\nHost: a.test\r\nAccept: text/event-stream\r\n\r\n`);
      assertMatch(await wire.head(), /^HTTP\/1.1 200 [\s\S]*Content-Type: text\/event-stream\r\n/);
      const delays: number[] = [];
      for (const [number, { open }] of gates.entries()) {
        const start = performance.now();
        const expected = framing.framed(`data: ${number}\n\n`);
        assertEquals(text(await wire.take(expected.length)), expected);
        delays.push(performance.now() - start);
        open();
      }
      // Without flushing it would hang; this bounds a flush by timer too.
      assert(Math.max(...delays) < 1000, `${delays}`);
      if (framing.lines.startsWith("Transfer")) assertEquals(text(await wire.take(5)), "0\r\n\r\n");
      wire.close();
    });
  }
});

async function serve(wire: Wire, gates: () => readonly Gate[]): Promise<void> {
  for (let head = await wire.head(); head !== ""; head = await wire.head()) {
    const { lines, pieces } = FRAMINGS[Number(/^GET \/([0-9]+) /.exec(head)?.[1])]!;
    await wire.send(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n${lines}\r\n`);
    for (const [number, { opened }] of gates().entries()) {
      for (const piece of pieces(`data: ${number}\n\n`)) await wire.send(piece);
      await opened;
    }
    if (lines.startsWith("Connection")) return;
    if (lines.startsWith("Transfer")) await wire.send("0\r\n\r\n");
  }
}

Deno.test("events: 50 streams at once, each event delivered within its turn", async () => {
  const streams = 50;
  const gates = Array.from({ length: EVENTS }, () => Array.from({ length: streams }, gate));
  await using w = await startWorld({
    hosts: {
      "a.test": async (wire) => {
        const name = Number(/^GET \/([0-9]+) /.exec(await wire.head())?.[1]);
        await wire.send(
          "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        );
        for (const row of gates) {
          await wire.send(chunk(`data: ${name}\n\n`));
          await row[name]!.opened;
        }
        await wire.send("0\r\n\r\n");
        await wire.rest();
      },
    },
  });
  const wires = await Promise.all(gates[0]!.map(async (_, name) => {
    const wire = await w.tunnel("a.test");
    await wire.send(`GET /${name} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
    await wire.head();
    return wire;
  }));
  for (const row of gates) {
    // All streams have their event before any of them sends its next one.
    await Promise.all(wires.map(async (wire, name) => {
      const expected = chunk(`data: ${name}\n\n`);
      assertEquals(text(await wire.take(expected.length)), expected);
    }));
    for (const { open } of row) open();
  }
  for (const wire of wires) {
    assertEquals(text(await wire.take(5)), "0\r\n\r\n");
    wire.close();
  }
});
