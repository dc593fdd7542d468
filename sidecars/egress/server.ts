/** Accepts the agent's connections: plain requests are served as they are, CONNECT is terminated with a leaf. */

import { createServer, type Server, type Socket } from "node:net";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import { decideHost } from "../../lib/egress/decide.ts";
import { denialOf, faultOf } from "../../lib/egress/denial.ts";
import { canonicalHost } from "../../lib/net/host_name.ts";
import type { Leaf } from "../../lib/tls/leaf.ts";
import type { Egress } from "./context.ts";
import { checkHost, parseAuthority } from "./http/fields.ts";
import { BadMessage, requestFraming, type RequestHead, valuesOf } from "./http/head.ts";
import { toBytes } from "./http/wire_reader.ts";
import { Peer } from "./peer.ts";
import { nextHead, servePlain, serveTunnel } from "./requests.ts";
import { NodeStream, readGateOf } from "./streams.ts";
import type { Target } from "./upstream.ts";

/** The listening proxy. */
export class EgressServer {
  readonly #egress: Egress;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #contexts = new WeakMap<Leaf, SecureContext>();

  /** Makes a proxy that does not listen yet. */
  constructor(egress: Egress) {
    this.#egress = egress;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => {
      this.#accept(socket);
    });
  }

  /** Listens. @returns the port, which matters when 0 was asked for; rejects when the address cannot be had */
  listen(hostname: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, hostname, () => {
        const address = this.#server.address();
        resolve(typeof address === "object" && address !== null ? address.port : port);
      });
    });
  }

  /** Client connections open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Stops listening and cuts all connections. */
  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    // Stays for the socket's life: an error that nobody waits for must not end the program.
    socket.on("error", () => {});
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    const stream = new NodeStream(socket);
    const watch = this.#egress.watches.start(() => {
      stream.destroy();
      socket.destroy();
    });
    const peer = new Peer(stream, watch);
    this.#serve(peer, stream, socket)
      .catch(() => socket.destroy())
      .finally(() => watch[Symbol.dispose]());
  }

  async #serve(peer: Peer, stream: NodeStream, socket: Socket): Promise<void> {
    const { limits } = this.#egress;
    try {
      if (this.#sockets.size > limits.connections) throw new BadMessage("too many connections are open", 503);
      const head = await nextHead(this.#egress, peer, true);
      if (head === undefined) return stream.destroy();
      if (head.method !== "CONNECT") return await servePlain(this.#egress, peer, head);
      await this.#connect(peer, stream, socket, head);
    } catch (error) {
      if (!(error instanceof BadMessage)) throw error;
      this.#log("", "", "fault", "bad-request", error.status, performance.now());
      await peer.answer({ ...faultOf(error.status, "bad-request", error.message), close: true });
      await peer.closeGently(limits);
    }
  }

  /** Judges a CONNECT and, if its host may be reached, serves the tunnel. */
  async #connect(peer: Peer, stream: NodeStream, socket: Socket, head: RequestHead): Promise<void> {
    const start = performance.now();
    const target = connectTarget(head);
    const verdict = decideHost(this.#egress.policy.table, target);
    if (verdict.kind === "deny") {
      this.#log("CONNECT", target.host, "deny", verdict.rule, 403, start);
      await peer.answer({ ...denialOf(verdict.rule, target.host, verdict.detail), close: true });
      return await peer.closeGently(this.#egress.limits);
    }
    if (peer.reader.buffered > 0 || stream.queued) {
      throw new BadMessage("bytes came before the tunnel was open");
    }
    peer.watch.within(this.#egress.limits.handshakeTimeout);
    const leaf = await this.#egress.leaves.leafFor(target.host);
    // In one turn: the 200 is on its way before the hello can come, and the hello finds TLS reading.
    void peer.stream.write(toBytes("HTTP/1.1 200 Connection established\r\n\r\n")).catch(() => {});
    const gate = readGateOf(socket);
    const tls = await this.#terminate(stream.release(), leaf, target.host).catch((error: unknown) => {
      const rule = error instanceof ServerNameMismatch ? "sni" : "tls-handshake";
      this.#log("CONNECT", target.host, rule === "sni" ? "deny" : "fault", rule, 0, start);
      throw error;
    });
    const inner = new NodeStream(tls, gate);
    // The outer deadline still rules the socket; the inner peer moves it.
    await serveTunnel(this.#egress, new Peer(inner, peer.watch), target);
    socket.destroySoon();
  }

  /** Terminates TLS for one host; rejects when the handshake fails or names another server. */
  #terminate(socket: Socket, leaf: Leaf, host: string): Promise<TLSSocket> {
    const context = this.#contextOf(leaf);
    return new Promise((resolve, reject) => {
      const tls = new TLSSocket(socket, {
        isServer: true,
        secureContext: context,
        ALPNProtocols: ["http/1.1"],
      });
      tls.on("error", reject);
      tls.once("close", () => reject(new Error("closed during the handshake")));
      tls.once("secure", () => {
        // Looked at here and not in an SNICallback: with one, Deno keeps each TLS connection's memory for ever.
        const named: unknown = "servername" in tls ? tls.servername : undefined;
        // None: the hello names no server, as for an IP address.
        if (typeof named === "string" && named !== "" && canonicalHost(named) !== host) {
          tls.destroy();
          return reject(new ServerNameMismatch());
        }
        resolve(tls);
      });
    });
  }

  #contextOf(leaf: Leaf): SecureContext {
    let context = this.#contexts.get(leaf);
    if (context === undefined) {
      context = createSecureContext({ cert: leaf.certPem, key: leaf.keyPem, minVersion: "TLSv1.2" });
      this.#contexts.set(leaf, context);
    }
    return context;
  }

  #log(
    method: string,
    host: string,
    verdict: "deny" | "fault",
    rule: string,
    status: number,
    start: number,
  ): void {
    const ms = performance.now() - start;
    this.#egress.log.add({ method, host, verdict, rule, status, bytesUp: 0, bytesDown: 0, ms });
  }
}

/** The hello of TLS names another server than CONNECT did. */
class ServerNameMismatch extends Error {
  override readonly name = "ServerNameMismatch";
}

/** Host and port of a CONNECT; its Host header, which HTTP/1.0 may leave out, must not name another host. */
function connectTarget(head: RequestHead): Target {
  if (requestFraming(head).kind !== "none") throw new BadMessage("CONNECT has a body");
  const named = parseAuthority(head.target);
  if (named?.port === undefined) throw new BadMessage("CONNECT must name host:port");
  const { host, port } = named;
  const hosts = valuesOf(head.fields, "host");
  if (hosts.length > 0 || head.minor === 1) {
    // `Host: name` for CONNECT name:443 is common; another port is not.
    checkHost(head, host, port);
  }
  return { scheme: "https", host, port };
}
