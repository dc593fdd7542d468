// Run by the tests with node: its own fetch, WebSocket and https through the proxy of the environment.
//     node clients/node.mjs fetch|websocket|https
// node 24 and later read the environment themselves; before that the fetch that node brings is told by its agent.

import { request } from "node:http";
import { request as requestTls } from "node:https";
import { connect } from "node:tls";

/** A TLS connection to the host through a CONNECT tunnel. */
function tunnel(host, callback) {
  const proxy = new URL(process.env.HTTPS_PROXY);
  const path = `${host}:443`;
  const asking = request({
    host: proxy.hostname,
    port: proxy.port,
    method: "CONNECT",
    path,
    headers: { Host: path },
  });
  asking.on("error", (error) => callback(error, null));
  asking.on("connect", (answer, socket) => {
    if (answer.statusCode !== 200) return callback(new Error(`CONNECT: ${answer.statusCode}`), null);
    const tls = connect({ socket, servername: host });
    tls.once("error", (error) => callback(error, null));
    tls.once("secureConnect", () => callback(null, tls));
  });
  asking.end();
}

async function useProxy() {
  if (Number(process.versions.node.split(".")[0]) >= 24) return;
  const current = Symbol.for("undici.globalDispatcher.1");
  // The agent is there once fetch has been used.
  await fetch("data:,").then((answer) => answer.text());
  const Agent = globalThis[current].constructor;
  globalThis[current] = new Agent({ connect: ({ hostname }, callback) => tunnel(hostname, callback) });
}

const actions = {
  async fetch() {
    await useProxy();
    const told = [];
    const tell = async (answer) => told.push(answer.status, await answer.text());
    await tell(await fetch("https://a.test/get?q=1", { headers: { Authorization: "Bearer mine" } }));
    await tell(await fetch("https://a.test/post", { method: "POST", body: "x".repeat(300_000) }));
    const pieces = new ReadableStream({
      async start(controller) {
        for (const piece of ["one ", "two ", "three"]) {
          controller.enqueue(new TextEncoder().encode(piece));
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        controller.close();
      },
    });
    await tell(await fetch("https://a.test/stream", { method: "POST", body: pieces, duplex: "half" }));
    const many = await Promise.all(
      Array.from({ length: 20 }, (_, n) => fetch(`https://a.test/${n}`).then((answer) => answer.text())),
    );
    told.push(many.every((text, n) => text.startsWith(`GET /${n} `)));
    const failed = await fetch("https://unlisted.test/").then(() => "passed", (error) => String(error));
    told.push(failed);
    const events = [];
    const decoder = new TextDecoder();
    for await (const part of (await fetch("https://a.test/events")).body) events.push(decoder.decode(part));
    told.push(events.join(""));
    process.stdout.write(JSON.stringify(told));
  },

  async websocket() {
    await useProxy();
    const socket = new WebSocket("wss://a.test/ws");
    socket.binaryType = "arraybuffer";
    const waiting = [];
    const next = () => new Promise((resolve) => waiting.push(resolve));
    socket.onmessage = ({ data }) => waiting.shift()(data);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = (event) => reject(event.error ?? new Error("no connection"));
    });
    const told = [];
    for (const size of [0, 1, 125, 126, 65_535, 65_536, 4 * 1024 * 1024]) {
      const back = next();
      socket.send(new Uint8Array(size).fill(size % 251));
      const bytes = new Uint8Array(await back);
      told.push(bytes.length === size && bytes.every((byte) => byte === size % 251));
    }
    const text = next();
    socket.send("grüße");
    told.push(await text);
    const closed = new Promise((resolve) =>
      socket.onclose = ({ code, reason }) => resolve(`${code} ${reason}`)
    );
    socket.send("close");
    told.push(await closed);
    process.stdout.write(JSON.stringify(told));
  },

  https() {
    tunnel("a.test", (error, socket) => {
      if (error) throw error;
      const call = requestTls({
        createConnection: () => socket,
        host: "a.test",
        path: "/n",
        method: "POST",
        headers: { Host: "a.test", Authorization: "mine" },
      }, (response) => response.pipe(process.stdout));
      call.write("part one, ");
      setTimeout(() => call.end("part two"), 50);
    });
  },
};

await actions[process.argv[2]]();
