/** Many streams on one HTTP/2 connection: each its own content, its own verdict and its own end. `h2_test.ts` has single ones. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type ClientWorld, startClientWorld } from "./clients.ts";
import { forgetPeak, memoryOf } from "./process_facts.ts";
import { until, type Wire } from "./support.ts";
import type { WorldOptions } from "./world.ts";

const SCRIPT = new URL("clients/h2_streams.mjs", import.meta.url).pathname;
const TOKEN = { env: { EGRESS_TOKEN_0: "tok" } };
const AUTH = "auth_scheme: Bearer, token_env: EGRESS_TOKEN_0";
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function world(serving: Partial<WorldOptions>) {
  return startClientWorld({
    hosts: {},
    routes: `routes: [{host: a.test, ${AUTH}}, {host: b.test}]`,
    ...TOKEN,
    ...serving,
  });
}

async function act(w: ClientWorld, action: string): Promise<unknown> {
  const { code, out, err } = await w.run("node", [SCRIPT, action]);
  assertEquals(code, 0, err);
  return JSON.parse(out);
}

/** Says what it was asked; `/echo` gives the body back as it comes. */
async function serve(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const header = (name: string) => request.headers.get(name) ?? "-";
  if (header("authorization") !== "Bearer tok") return new Response("no credential", { status: 401 });
  if (pathname === "/204") return new Response(null, { status: 204 });
  if (pathname.startsWith("/echo/")) return new Response(request.body);
  const { length } = await request.text();
  return new Response(
    `${request.method} ${pathname}${search} ${length} ${header("content-length")} ${header("cookie")}`,
  );
}

Deno.test("HTTP/2: curl, bodies both ways, many URLs on one connection", async () => {
  // Without it HTTP/1.1 is taken, since curl offers both.
  await using w = await world({ servers: { "a.test": serve }, args: ["--protocols", "h2,http/1.1"] });
  const curl = async (...args: string[]) => {
    const { code, out, err } = await w.run("curl", ["-sS", "--max-time", "20", "--http2", ...args]);
    assertEquals(code, 0, err);
    return out;
  };
  const version = ["-w", " HTTP/%{http_version} %{num_connects};"];
  assertEquals(
    await curl(...version, "https://a.test/1", "https://a.test/2"),
    "GET /1 0 - - HTTP/2 1;GET /2 0 - - HTTP/2 0;",
  );
  assertEquals(
    await curl(...version, "-d", "x".repeat(100_000), "https://a.test/p"),
    "POST /p 100000 100000 - HTTP/2 1;",
  );
  const parallel = await curl("-Z", ...version, "https://a.test/[1-30]");
  // Bodies and what is written about them come in any order; one connection carries them all.
  assertEquals(new Set(parallel.match(/GET \/\d+ 0/g)).size, 30, parallel);
  assertEquals(parallel.match(/ HTTP\/2 0;/g)?.length, 29, parallel);
  assertMatch(await curl("-I", "https://a.test/head"), /HTTP\/2 200/);
  // Whoever wants HTTP/1.1 still gets it.
  assertMatch(await curl(...version, "--http1.1", "https://a.test/1"), /HTTP\/1.1 1;$/);
});

Deno.test("HTTP/2: 100 streams on one connection, each its own content", async () => {
  await using w = await world({ servers: { "a.test": serve } });
  assertEquals(await act(w, "many"), 100);
});

Deno.test("HTTP/2: 16 MiB each way at once, memory bounded", async () => {
  await using w = await world({ servers: { "a.test": serve } });
  forgetPeak(w.egress.pid);
  const before = memoryOf(w.egress.pid).now;
  assertEquals(await act(w, "bulk"), true);
  const { peak } = memoryOf(w.egress.pid);
  assert(peak - before < 100, `egress grew from ${before} to ${peak} MiB`);
});

Deno.test("HTTP/2: events pass one by one while other requests go on beside them", async () => {
  const heard: Record<string, () => void> = {};
  await using w = await world({
    hosts: {
      "a.test": async (wire) => {
        for (let head = await wire.head(); head !== ""; head = await wire.head()) {
          const path = head.split(" ")[1]!;
          if (path !== "/events") {
            heard[path]!();
            await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            continue;
          }
          await wire.send(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
          );
          for (let event = 1; event <= 4; event++) {
            const acknowledged = new Promise<void>((resolve) => heard[`/heard/${event}`] = resolve);
            await wire.send(`9\r\ndata: ${event}\n\n\r\n`);
            await acknowledged;
          }
          await wire.send("0\r\n\r\n");
        }
      },
    },
  });
  assertEquals(await act(w, "events"), [1, 2, 3, 4].map((event) => `data: ${event}\n\n`));
});

Deno.test("HTTP/2: each request of a connection is judged", async () => {
  await using w = await world({
    servers: { "a.test": serve },
    hosts: {
      "b.test": async (wire) => {
        await wire.rest();
      },
    },
    routes: `routes: [{host: a.test, path_allowlist: [/v1/], ${AUTH}}, {host: b.test}]`,
  });
  assertEquals(await act(w, "refused"), {
    "another authority": 421,
    "an unlisted authority": 421,
    "another port": 421,
    "another path": 403,
    "another path in disguise": 403,
    "a method that is not forwarded": 405,
    "git push": 403,
    "what is allowed, on the same connection": 200,
  });
  assertEquals(w.connections("b.test"), 0);
});

Deno.test("HTTP/2: a stream that one side breaks off ends on the other; the connection goes on", async () => {
  let endless = 0;
  await using w = await world({
    hosts: {
      "a.test": async (wire: Wire) => {
        for (let head = await wire.head(); head !== ""; head = await wire.head()) {
          const path = head.split(" ")[1];
          if (path === "/die") return;
          if (path === "/cut") return await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
          if (path === "/endless") {
            endless++;
            await wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            try {
              for (;; await pause(20)) await wire.send("1\r\nx\r\n");
            } finally {
              endless--;
            }
          }
          await wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
      },
    },
  });
  assertEquals(await act(w, "broken"), [502, "broken off", [200, "ok"]]);
  await until(
    () => endless === 0 ? true : undefined,
    () => "the upstream connection of a cancelled stream is left",
  );
});
