/** node through egress: its fetch, its WebSocket and its https module, with whatever node is here. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type ClientWorld, startClientWorld } from "./clients.ts";

const SCRIPT = new URL("clients/node.mjs", import.meta.url).pathname;

function world() {
  return startClientWorld({
    hosts: {},
    servers: { "a.test": serve },
    routes: "routes: [{host: a.test, auth_scheme: Bearer, token_env: EGRESS_TOKEN_0}]",
    env: { EGRESS_TOKEN_0: "tok" },
  });
}

/** A real server: says what it was asked with which credential, sends events, speaks WebSocket. */
async function serve(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const authorization = request.headers.get("authorization");
  if (authorization !== "Bearer tok") return new Response(`credential: ${authorization}`, { status: 401 });
  if (pathname === "/ws") return webSocket(request);
  if (pathname === "/events") {
    const events = new ReadableStream<string>({
      async start(controller) {
        for (let event = 0; event < 3; event++) {
          controller.enqueue(`data: ${event}\n\n`);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        controller.close();
      },
    });
    return new Response(events.pipeThrough(new TextEncoderStream()), {
      headers: { "content-type": "text/event-stream" },
    });
  }
  const body = await request.text();
  const framing = request.headers.has("transfer-encoding") ? "chunked" : "counted";
  return new Response(
    `${request.method} ${pathname}${search} ${framing} ${body.length} ${body.slice(0, 40)}`,
  );
}

function webSocket(request: Request): Response {
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => {
    if (data === "close") socket.close(4001, "that was all");
    else socket.send(data);
  };
  return response;
}

async function node(w: ClientWorld, action: string, flags: readonly string[] = []): Promise<string> {
  const { code, out, err } = await w.run("node", [...flags, SCRIPT, action]);
  assertEquals(code, 0, err);
  return out;
}

Deno.test("node's fetch: bodies, streams, many at once, a refusal, events", async () => {
  await using w = await world();
  const x = "x".repeat(40);
  const told = JSON.parse(await node(w, "fetch"));
  const failed = told.splice(-2, 1)[0];
  assertEquals(told, [
    ...[200, "GET /get?q=1 counted 0 "],
    ...[200, `POST /post counted 300000 ${x}`],
    ...[200, "POST /stream chunked 13 one two three"],
    true,
    "data: 0\n\ndata: 1\n\ndata: 2\n\n",
  ]);
  assertMatch(failed, /fetch failed/);
  await w.egress.record((record) => record.host === "unlisted.test" && record.status === 403);
});

Deno.test("node's WebSocket: frames of all sizes, text, and the server's close", async () => {
  await using w = await world();
  const { out } = await w.run("node", ["-p", "'WebSocket' in globalThis"]);
  // node 20 and 21 have it behind a flag.
  const flags = out.trim() === "true" ? [] : ["--experimental-websocket"];
  assertEquals(JSON.parse(await node(w, "websocket", flags)), [
    ...Array.from({ length: 7 }, () => true),
    "grüße",
    "4001 that was all",
  ]);
  await w.egress.record((record) => record.path === "/ws" && record.status === 101);
});

Deno.test("node's https over a CONNECT tunnel", async () => {
  await using w = await world();
  const out = await node(w, "https");
  assertStringIncludes(out, "POST /n chunked 18 part one, part two");
  assert(!out.includes("mine"));
});
