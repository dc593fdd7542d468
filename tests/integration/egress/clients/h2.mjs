// An HTTP/2 client that speaks nothing else: `node h2.mjs PROXY-PORT HOST CA-FILE SCENARIO`, JSON on standard output.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import tls from "node:tls";

const [port, host, caFile, scenario] = process.argv.slice(2);

function tunnel() {
  return new Promise((resolve, reject) => {
    const request = http.request({
      host: "127.0.0.1",
      port,
      method: "CONNECT",
      path: `${host}:443`,
      headers: { host },
    });
    request.once("connect", (response, socket) => {
      if (response.statusCode !== 200) return reject(new Error(`CONNECT: ${response.statusCode}`));
      const secure = tls.connect({
        socket,
        servername: host,
        ca: readFileSync(caFile),
        ALPNProtocols: ["h2"],
      });
      secure.once("secureConnect", () => resolve(secure));
      secure.once("error", reject);
    });
    request.once("error", reject);
    request.end();
  });
}

const secure = await tunnel();
const session = http2.connect(`https://${host}`, { createConnection: () => secure });
session.on("error", () => {});

/** One request: its response, interim ones, trailers and how the stream ended. */
function exchange(headers, { body = [], trailers, abortAfter } = {}) {
  return new Promise((resolve) => {
    const stream = session.request(headers, {
      endStream: body.length === 0,
      waitForTrailers: trailers !== undefined,
    });
    const result = { interim: [], hash: "", size: 0, text: "", reset: 0 };
    const hash = createHash("sha256");
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    stream.on("headers", (fields) => result.interim.push(fields[":status"]));
    stream.on("response", (fields) => result.response = { ...fields });
    stream.on("trailers", (fields) => result.trailers = { ...fields });
    stream.on("data", (data) => {
      hash.update(data);
      result.size += data.length;
      if (result.size <= 4096) result.text += data.toString("latin1");
      if (abortAfter !== undefined && result.size >= abortAfter) stream.close(http2.constants.NGHTTP2_CANCEL);
    });
    stream.on("error", (error) => result.error = error.code);
    stream.on("close", () => {
      result.reset = stream.rstCode;
      result.hash = hash.digest("hex");
      resolve(result);
    });
    (async () => {
      for (const part of body) {
        if (stream.destroyed) return;
        if (!stream.write(part)) await new Promise((go) => stream.once("drain", go).once("close", go));
      }
      if (body.length > 0) stream.end();
    })();
  });
}

const MIB = Buffer.alloc(1024 * 1024, "bottle ");
const scenarios = {
  get: () => exchange({ ":path": "/get?q=1", cookie: ["a=1", "b=2"], "x-twice": ["1", "2"] }),
  head: () => exchange({ ":path": "/", ":method": "HEAD" }),
  post: () =>
    exchange({ ":path": "/post", ":method": "POST", "content-length": "5" }, { body: ["he", "llo"] }),
  trailers: () =>
    exchange({ ":path": "/", ":method": "POST", te: "trailers" }, {
      body: ["data"],
      trailers: { "x-sum": "7" },
    }),
  upload: () => exchange({ ":path": "/upload", ":method": "POST" }, { body: Array(32).fill(MIB) }),
  download: () => exchange({ ":path": "/download" }),
  many: () => Promise.all(Array.from({ length: 60 }, (_, index) => exchange({ ":path": `/many/${index}` }))),
  abort: () => exchange({ ":path": "/endless" }, { abortAfter: 100_000 }),
  cut: () => exchange({ ":path": "/cut" }),
  otherHost: () => exchange({ ":path": "/", ":authority": "other.test" }),
  otherPort: () => exchange({ ":path": "/", ":authority": `${host}:8443` }),
  twoHosts: () => exchange({ ":path": "/", host: "other.test" }),
  denied: () => exchange({ ":path": "/x/../y" }),
  notAPath: () => exchange({ ":path": "https://other.test/" }),
  plain: () => exchange({ ":path": "/", ":scheme": "http" }),
  refusedEarly: () => exchange({ ":path": "/early", ":method": "POST" }, { body: Array(64).fill(MIB) }),
  longer: () =>
    exchange({ ":path": "/", ":method": "POST", "content-length": "3" }, { body: ["12345 and more"] }),
};
process.stdout.write(`${JSON.stringify(await scenarios[scenario]())}\n`);
session.destroy();
process.exit(0);
