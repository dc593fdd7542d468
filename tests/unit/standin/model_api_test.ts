/** The stand-in model's API over TLS on the loopback: what the agents' clients need of it, and what it records. */

import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { zstdCompressSync } from "node:zlib";
import { mintCa } from "../../../lib/tls/ca.ts";
import { startConnectProxy } from "../../standin/connect_proxy.ts";
import { MODEL_HOSTS, type ModelApi, startModelApi } from "../../standin/model_api.ts";
import { parseScript, type Script } from "../../standin/script.ts";

interface Lab extends AsyncDisposable {
  readonly api: ModelApi;
  /** Fetches through a CONNECT proxy, as an agent in a bottle does. */
  fetch(url: string, init?: RequestInit): Promise<Response>;
}

async function startLab(script?: Script): Promise<Lab> {
  const ca = await mintCa("lab");
  const api = await startModelApi({ ca, script });
  const proxy = startConnectProxy(MODEL_HOSTS, api.port);
  const client = Deno.createHttpClient({
    caCerts: [ca.certPem],
    proxy: { url: `http://127.0.0.1:${proxy.port}` },
    poolMaxIdlePerHost: 0,
  });
  return {
    api,
    fetch: (url, init) => fetch(url, { ...init, client }),
    [Symbol.asyncDispose]: async () => {
      client.close();
      await proxy[Symbol.asyncDispose]();
      await api[Symbol.asyncDispose]();
    },
  };
}

interface SseEvent {
  readonly name: string;
  readonly data: Record<string, unknown>;
}

function parseSse(text: string): readonly SseEvent[] {
  return text.trim().split("\n\n").map((block) => {
    const match = /^event: (.+)\ndata: (.+)$/.exec(block);
    return { name: match![1]!, data: JSON.parse(match![2]!) as Record<string, unknown> };
  });
}

const MESSAGES = "https://api.anthropic.com/v1/messages?beta=true";
const TOOLS = [{ name: "Bash" }];

Deno.test("Messages: the answer is streamed from message_start to message_stop", async () => {
  await using lab = await startLab([{ text: "forty-two is the answer" }]);
  const response = await lab.fetch(MESSAGES, {
    method: "POST",
    headers: { authorization: "Bearer real-token" },
    body: JSON.stringify({ model: "m", stream: true, messages: [{ role: "user" }], tools: TOOLS }),
  });
  assertMatch(response.headers.get("content-type")!, /^text\/event-stream/);
  const events = parseSse(await response.text());
  assertEquals(events.map((event) => event.name).filter((name) => name !== "content_block_delta"), [
    "message_start",
    "content_block_start",
    "content_block_stop",
    "message_delta",
    "message_stop",
  ]);
  const deltas = events.filter((event) => event.name === "content_block_delta")
    .map((event) => (event.data.delta as { text: string }).text);
  assertEquals(deltas.join(""), "forty-two is the answer");
  const { bodySha256: _, bodyBytes, ...seen } = lab.api.requests[0]!;
  assertEquals(seen, {
    method: "POST",
    host: "api.anthropic.com",
    path: "/v1/messages?beta=true",
    authorization: "Bearer real-token",
    apiKey: null,
    userAgent: seen.userAgent,
    upgrade: null,
    contentEncoding: null,
    status: 200,
  });
  assertEquals(bodyBytes > 0, true);
});

Deno.test("Messages: a script is played by the turns that the conversation holds", async () => {
  await using lab = await startLab([{ shell: "id -u" }, { text: "done" }]);
  const ask = async (messages: unknown, tools: unknown = TOOLS) => {
    const response = await lab.fetch(MESSAGES, { method: "POST", body: JSON.stringify({ messages, tools }) });
    return (await response.json() as { content: unknown[]; stop_reason: string });
  };
  const user = { role: "user" };
  const first = await ask([user]);
  assertEquals(first.stop_reason, "tool_use");
  assertEquals((first.content[0] as { input: { command: string } }).input.command, "id -u");
  const second = await ask([user, { role: "assistant" }, user]);
  assertEquals(second.content, [{ type: "text", text: "done" }]);
  assertEquals((await ask([user], [])).stop_reason, "end_turn");
});

Deno.test("Responses: the WebSocket is refused so that POST follows, which is zstd and streamed", async () => {
  await using lab = await startLab([{ text: "hello codex" }]);
  const url = "https://chatgpt.com/backend-api/codex/responses";
  const refused = await lab.fetch(url);
  assertEquals(refused.status, 426);
  await refused.body?.cancel();
  const response = await lab.fetch(url, {
    method: "POST",
    headers: { "content-encoding": "zstd" },
    body: new Uint8Array(
      zstdCompressSync(new TextEncoder().encode(JSON.stringify({ model: "m", input: [] }))),
    ),
  });
  const events = parseSse(await response.text());
  assertEquals(events[0]!.name, "response.created");
  assertEquals(events.at(-1)!.name, "response.completed");
  const done = events.find((event) => event.name === "response.output_item.done")!;
  assertEquals((done.data.item as { content: { text: string }[] }).content[0]!.text, "hello codex");
  assertEquals(lab.api.requests[1]!.contentEncoding, "zstd");
});

Deno.test("Responses: a shell turn is a call of exec_command, by API key too", async () => {
  await using lab = await startLab([{ shell: "id -u" }, { text: "done" }]);
  const response = await lab.fetch("https://api.openai.com/v1/responses", {
    method: "POST",
    body: JSON.stringify({ input: [{ type: "message", role: "user" }] }),
  });
  const done = parseSse(await response.text()).find((event) => event.name === "response.output_item.done")!;
  const item = done.data.item as { type: string; name: string; arguments: string };
  assertEquals([item.type, item.name, item.arguments], ["function_call", "exec_command", '{"cmd":"id -u"}']);
});

Deno.test("the account that Codex asks for is there; other paths are not, and are recorded all the same", async () => {
  await using lab = await startLab();
  const account = await lab.fetch("https://chatgpt.com/backend-api/wham/accounts/check");
  assertEquals((await account.json() as { default_account_id: string }).default_account_id, "acct-x");
  const missing = await lab.fetch("https://api.anthropic.com/api/other");
  assertEquals(missing.status, 404);
  await missing.body?.cancel();
  const malformed = await lab.fetch(MESSAGES, { method: "POST", body: "{" });
  assertEquals(malformed.status, 400);
  await malformed.body?.cancel();
  assertEquals(lab.api.requests.map((request) => request.status), [200, 404, 400]);
});

Deno.test("the proxy of the lab refuses hosts that are not the stand-in's", async () => {
  await using lab = await startLab();
  await assertRejects(() => lab.fetch("https://example.com/"));
  assertEquals(lab.api.requests.length, 0);
});

Deno.test("a script that is no list of turns is refused", () => {
  assertEquals(parseScript('[{"text":"a"},{"shell":"b"}]').length, 2);
  for (const json of ["{}", "[]", '[{"text":1}]', '[{"text":"a","shell":"b"}]', '["a"]', "[null]"]) {
    assertThrows(() => parseScript(json), TypeError);
  }
});
