// Run by the tests with node: a client that speaks HTTP/2 and nothing else, through a CONNECT tunnel to a.test.
//     node h2_streams.mjs ACTION
// What it saw goes to standard output as JSON.

import { createHash } from "node:crypto";
import { request } from "node:http";
import * as http2 from "node:http2";
import { connect } from "node:tls";

function tunnel(host) {
  const proxy = new URL(process.env.HTTPS_PROXY);
  const path = `${host}:443`;
  return new Promise((resolve, reject) => {
    const asking = request({
      host: proxy.hostname,
      port: proxy.port,
      method: "CONNECT",
      path,
      headers: { Host: path },
    });
    asking.on("error", reject);
    asking.on("connect", (_, socket) => {
      const tls = connect({ socket, servername: host, ALPNProtocols: ["h2"] });
      tls.once("error", reject);
      tls.once("secureConnect", () => resolve(tls));
    });
    asking.end();
  });
}

const tls = await tunnel("a.test");
// What waits to be sent counts as memory of the session, whose default bound is less than these tests send at once.
const session = http2.connect("https://a.test", { createConnection: () => tls, maxSessionMemory: 1000 });
session.on("error", () => {});

/** One exchange; resolves with all that came, rejects when the stream is broken off. */
function ask(headers, body) {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers, { endStream: body === undefined });
    let status = 0;
    const parts = [];
    stream.on("response", (head) => status = head[":status"]);
    stream.on("data", (part) => parts.push(part));
    stream.on("error", reject);
    stream.on("aborted", () => reject(new Error("aborted")));
    stream.on("end", () => resolve({ status, body: Buffer.concat(parts) }));
    if (body !== undefined) stream.end(body);
  });
}

const text = async (...args) => {
  const { status, body } = await ask(...args);
  return [status, body.toString()];
};
const post = (path) => ({ ":method": "POST", ":path": path });

/** Content of its own for each number. */
function content(number, size) {
  const bytes = Buffer.alloc(size, number);
  bytes.writeUInt32BE(number);
  return bytes;
}

const actions = {
  async many() {
    const answers = await Promise.all(Array.from({ length: 100 }, async (_, number) => {
      const sent = content(number, 128 * 1024);
      const { status, body } = await ask(post(`/echo/${number}`), sent);
      return status === 200 && body.equals(sent);
    }));
    return answers.filter((same) => same).length;
  },

  async bulk() {
    const size = 16 * 1024 * 1024;
    const up = content(7, size);
    const { body } = await ask(post("/echo/bulk"), up);
    return createHash("sha256").update(body).digest("hex") === createHash("sha256").update(up).digest("hex");
  },

  // Each event is acknowledged by another request, on the same connection, before the server sends the next.
  async events() {
    const stream = session.request({ ":path": "/events" });
    const events = [];
    for await (const part of stream) {
      events.push(part.toString());
      await ask({ ":path": `/heard/${events.length}` });
    }
    return events;
  },

  async refused() {
    const status = async (headers) => (await ask(headers)).status;
    return {
      "another authority": await status({ ":path": "/v1/x", ":authority": "b.test" }),
      "an unlisted authority": await status({ ":path": "/v1/x", ":authority": "unlisted.test" }),
      "another port": await status({ ":path": "/v1/x", ":authority": "a.test:80" }),
      "another path": await status({ ":path": "/v2" }),
      "another path in disguise": await status({ ":path": "/v1/%2e%2e/v2" }),
      "a method that is not forwarded": await status({ ":method": "TRACE", ":path": "/v1/x" }),
      "git push": await status({ ":path": "/v1/r.git/info/refs?service=git-receive-pack" }),
      "what is allowed, on the same connection": await status({ ":path": "/v1/x" }),
    };
  },

  async broken() {
    const endless = session.request({ ":path": "/endless" });
    await new Promise((resolve) => endless.once("data", resolve));
    endless.on("error", () => {});
    endless.close(http2.constants.NGHTTP2_CANCEL);
    const died = await text({ ":path": "/die" }).then(([status]) => status, () => "broken off");
    const cut = await text({ ":path": "/cut" }).then(() => "complete", () => "broken off");
    return [died, cut, await text({ ":path": "/after" })];
  },
};

process.stdout.write(JSON.stringify(await actions[process.argv[2]]()));
session.destroy();
