/** The stand-in's proxy: CONNECT with inspection or pass-through, plain HTTP, health. */

import { Buffer } from "node:buffer";
import dns from "node:dns/promises";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import { loadCa } from "../../../lib/tls/ca.ts";
import { LeafMinter } from "../../../lib/tls/leaf.ts";
import { recordLength, serverName } from "./client_hello.ts";
import type { Config } from "./config.ts";
import { bodyRefusal, headersHoldSecret, isForbiddenAddress, isListed, urlRefusal } from "./scan.ts";

const HOP_BY_HOP = ["connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];
const HELLO_TIMEOUT_MS = 10_000;

/** Host and port of a tunnel. */
interface Target {
  readonly host: string;
  readonly port: number;
}

/** A proxy on one configuration. */
export class PipelockProxy {
  readonly #config: Config;
  readonly #minter: LeafMinter;
  /** Certificates trusted upstream, PEM. */
  readonly #trust: string;
  /** One TLS server per inspected target, on the loopback. */
  readonly #inspectors = new Map<string, Promise<number>>();

  private constructor(config: Config, minter: LeafMinter, trust: string) {
    this.#config = config;
    this.#minter = minter;
    this.#trust = trust;
  }

  /** Makes a proxy; it listens once `listen` is called. */
  static async create(config: Config, trust: string): Promise<PipelockProxy> {
    const [cert, key] = await Promise.all(
      [config.caCert, config.caKey].map((path) => Deno.readTextFile(path)),
    );
    return new PipelockProxy(config, await LeafMinter.create(await loadCa(cert!, key!)), trust);
  }

  /** Listens until the process ends. */
  async listen(hostname: string, port: number): Promise<void> {
    const server = http.createServer((request, response) => {
      this.#plain(request, response).catch(() => refuse(response, 502, "upstream error"));
    });
    server.on("connect", (request: http.IncomingMessage, socket: net.Socket, head: Buffer) => {
      socket.on("error", () => socket.destroy());
      this.#connect(request, socket, head).catch(() => socket.destroy());
    });
    await new Promise<void>((resolve) => server.listen(port, hostname, resolve));
  }

  async #plain(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    if (request.url === "/health") {
      response.setHeader("content-type", "application/json");
      response.end(
        JSON.stringify({ status: "healthy", version: "stand-in", mode: this.#config.mode }) + "\n",
      );
      return;
    }
    const url = URL.parse(request.url ?? "");
    if (url === null || url.protocol !== "http:") return refuse(response, 400, "absolute URI required");
    const target = { host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port || 80) };
    await this.#relay(request, response, url, target);
  }

  async #connect(request: http.IncomingMessage, client: net.Socket, head: Buffer): Promise<void> {
    const match = /^\[?([^\]]+?)\]?:(\d+)$/.exec(request.url ?? "");
    const target = { host: (match?.[1] ?? request.url ?? "").toLowerCase(), port: Number(match?.[2] ?? 443) };
    const { host, port } = target;
    const name = net.isIPv6(host) ? `[${host}]` : host;
    const refusal = urlRefusal(new URL(`https://${name}/`), this.#config);
    if (refusal !== undefined) return refuseTunnel(client, 403, `CONNECT blocked: ${refusal}`);
    if (headersHoldSecret(request.rawHeaders, this.#config)) {
      return refuseTunnel(client, 403, "CONNECT blocked: header DLP match");
    }
    const address = await this.#resolve(host);
    if (typeof address !== "string") return refuseTunnel(client, 403, `CONNECT blocked: ${address.refusal}`);
    const upstream = await dial(address, port).catch(() => undefined);
    if (upstream === undefined) return refuseTunnel(client, 502, "tunnel dial failed");
    client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
    log("tunnel_open", target);
    const hello = await readHello(client, head);
    const asked = serverName(hello);
    if (asked !== undefined && asked.toLowerCase() !== host) {
      upstream.destroy();
      client.destroy();
      return;
    }
    if (isListed(host, this.#config.passthrough)) return splice(client, upstream, hello);
    upstream.destroy();
    splice(client, await dial("127.0.0.1", await this.#inspector(target)), hello);
  }

  /** Port of the TLS server that speaks for the target. */
  #inspector(target: Target): Promise<number> {
    const key = `${target.host}:${target.port}`;
    const made = this.#inspectors.get(key) ?? this.#startInspector(target);
    this.#inspectors.set(key, made);
    return made;
  }

  async #startInspector(target: Target): Promise<number> {
    const leaf = await this.#minter.leafFor(target.host);
    const server = https.createServer({ cert: leaf.certPem, key: leaf.keyPem }, (request, response) => {
      this.#inspected(request, response, target).catch(() => refuse(response, 502, "upstream error"));
    });
    server.on("tlsClientError", () => {});
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return (server.address() as net.AddressInfo).port;
  }

  async #inspected(
    request: http.IncomingMessage,
    response: http.ServerResponse,
    target: Target,
  ): Promise<void> {
    const authority = URL.parse(`https://${request.headers.host ?? ""}`);
    const port = Number(authority?.port || 443);
    if (authority === null || authority.hostname !== target.host || port !== target.port) {
      return refuse(response, 403, "authority mismatch: blocked");
    }
    const url = new URL(`https://${target.host}:${target.port}${request.url ?? "/"}`);
    await this.#relay(request, response, url, target);
  }

  async #relay(
    request: http.IncomingMessage,
    response: http.ServerResponse,
    url: URL,
    target: Target,
  ): Promise<void> {
    const urlReason = urlRefusal(url, this.#config);
    if (urlReason !== undefined) return refuse(response, 403, `blocked: ${urlReason}`);
    const body = await readBody(request, this.#config.maxBodyBytes);
    if (body === undefined) {
      const limit = this.#config.maxBodyBytes;
      return refuse(response, 403, `blocked: request body exceeds max_body_bytes (${limit})`);
    }
    const type = request.headers["content-type"] ?? "";
    const reason = bodyRefusal(body, type, request.headers["content-encoding"] ?? "");
    if (reason !== undefined) return refuse(response, 403, `blocked: ${reason}`);
    if (headersHoldSecret(request.rawHeaders, this.#config)) {
      return refuse(response, 403, "blocked: request header contains secret");
    }
    const address = await this.#resolve(target.host);
    if (typeof address !== "string") return refuse(response, 403, `blocked: ${address.refusal}`);
    log("allowed", target);
    await this.#forward(request, response, url, address, body);
  }

  async #forward(
    request: http.IncomingMessage,
    response: http.ServerResponse,
    url: URL,
    address: string,
    body: Buffer,
  ): Promise<void> {
    const tls = url.protocol === "https:";
    const options: https.RequestOptions = {
      host: address,
      port: Number(url.port || (tls ? 443 : 80)),
      method: request.method,
      path: url.pathname + url.search,
      headers: {
        ...endToEnd(request.headers),
        ...(body.length > 0 ? { "content-length": body.length } : {}),
      },
      // An address has no server name to send (RFC 6066).
      servername: net.isIP(url.hostname) !== 0 ? "" : url.hostname,
      ca: this.#trust,
      agent: false,
    };
    const upstream = (tls ? https : http).request(options);
    await new Promise<void>((resolve, reject) => {
      upstream.on("error", reject);
      upstream.on("response", (answer: http.IncomingMessage) => {
        response.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers));
        answer.on("error", () => response.destroy());
        answer.pipe(response);
        resolve();
      });
      upstream.end(body);
    });
  }

  /** The address to dial, once it has been judged; resolved once, so that it cannot change in between. */
  async #resolve(host: string): Promise<string | { readonly refusal: string }> {
    const found = await dns.lookup(host, { all: true }).catch(() => []);
    if (found.length === 0) return { refusal: `SSRF check failed: DNS resolution error for ${host}` };
    const bad = found.find(({ address }) => isForbiddenAddress(address, this.#config));
    if (bad !== undefined) return { refusal: `SSRF blocked: ${host} resolves to internal IP ${bad.address}` };
    return (found.find(({ family }) => family === 4) ?? found[0]!).address;
  }
}

/** One JSON line for each thing let through, as the real one writes. */
function log(event: string, { host, port }: Target): void {
  const line = JSON.stringify({ time: new Date().toISOString(), event, target: `${host}:${port}` });
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

function endToEnd(headers: http.IncomingHttpHeaders): http.OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name)));
}

function refuse(response: http.ServerResponse, status: number, text: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", connection: "close" });
  response.end(`${text}\n`);
}

function refuseTunnel(client: net.Socket, status: number, text: string): void {
  const head = `HTTP/1.1 ${status} ${
    http.STATUS_CODES[status]
  }\r\nContent-Type: text/plain; charset=utf-8\r\n`;
  client.end(`${head}Content-Length: ${Buffer.byteLength(text) + 1}\r\nConnection: close\r\n\r\n${text}\n`);
}

/** The whole body, or undefined when it is over the limit. */
async function readBody(request: http.IncomingMessage, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += (chunk as Buffer).length;
    if (length > limit) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

function dial(host: string, port: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}

/** The client's first TLS record, and whatever came with it. */
function readHello(client: net.Socket, head: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let held: Buffer = head;
    const timer = setTimeout(() => finish(new Error("no ClientHello")), HELLO_TIMEOUT_MS);
    const onEnd = () => finish(new Error("closed before a ClientHello"));
    const finish = (error?: Error) => {
      clearTimeout(timer);
      client.pause();
      client.off("data", onData);
      client.off("end", onEnd);
      if (error === undefined) resolve(held);
      else reject(error);
    };
    const onData = (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      const length = recordLength(held);
      if (length !== undefined && held.length >= length) finish();
    };
    client.on("data", onData);
    client.on("end", onEnd);
    client.resume();
  });
}

function splice(client: net.Socket, upstream: net.Socket, first: Buffer): void {
  for (const [from, to] of [[client, upstream], [upstream, client]] as const) {
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
  }
  upstream.write(first);
  client.pipe(upstream);
  upstream.pipe(client);
}
