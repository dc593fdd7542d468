/** Accepts the agent's connections: plain requests are served as they are, CONNECT is terminated with a leaf. */

import { decideHost } from "../../lib/egress/decide.ts";
import { denialOf, faultOf } from "../../lib/egress/denial.ts";
import { messageOf, OperatorError } from "../../lib/errors.ts";
import { escapeUntrusted } from "../../lib/escape.ts";
import { parseAuthority } from "../../lib/net/authority.ts";
import { authority, canonicalHost } from "../../lib/net/host_name.ts";
import { readClientHello } from "./client_hello.ts";
import type { Egress } from "./context.ts";
import { checkHost } from "./http/fields.ts";
import { BadMessage, requestFraming, type RequestHead, valuesOf } from "./http/head.ts";
import { toBytes } from "./http/wire_reader.ts";
import { Peer } from "./peer.ts";
import { nextHead, servePlain, serveTunnel } from "./requests.ts";
import { DenoStream } from "./streams.ts";
import { Terminator } from "./terminator.ts";
import { copy } from "./tunnel.ts";
import type { Target } from "./upstream.ts";

const ACCEPT_PAUSE = 50;

/** The listening proxy. */
export class EgressServer {
  readonly #egress: Egress;
  readonly #terminator: Terminator;
  readonly #streams = new Set<DenoStream>();
  #listener: Deno.TcpListener | undefined;

  /** Makes a proxy that does not listen yet. */
  constructor(egress: Egress) {
    this.#egress = egress;
    this.#terminator = new Terminator(egress.leaves, egress.limits.leaves, egress.protocols);
  }

  /** Listens. @returns the port, which matters when 0 was asked for. @throws {OperatorError} it cannot be had */
  listen(hostname: string, port: number): number {
    try {
      this.#listener = Deno.listen({ hostname, port });
    } catch (cause) {
      const why = escapeUntrusted(messageOf(cause));
      throw new OperatorError(`cannot listen on ${authority(hostname, port)}: ${why}`, { cause });
    }
    void this.#acceptAll(this.#listener);
    return this.#listener.addr.port;
  }

  /** Client connections open now. */
  get connections(): number {
    return this.#streams.size;
  }

  /** Stops listening and cuts all connections. */
  close(): void {
    this.#listener?.close();
    this.#terminator.close();
    for (const stream of this.#streams) stream.destroy();
  }

  async #acceptAll(listener: Deno.TcpListener): Promise<void> {
    for (;;) {
      try {
        this.#accept(await listener.accept());
      } catch (error) {
        if (error instanceof Deno.errors.BadResource) return;
        // Out of descriptors, or a client that was gone before it was accepted.
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE));
      }
    }
  }

  #accept(conn: Deno.TcpConn): void {
    conn.setNoDelay(true);
    const stream = new DenoStream(conn);
    this.#streams.add(stream);
    void stream.released.then(() => this.#streams.delete(stream));
    const watch = this.#egress.watches.start(() => stream.destroy());
    this.#serve(new Peer(stream, watch))
      .catch(() => {})
      .finally(() => {
        stream.destroy();
        watch[Symbol.dispose]();
      });
  }

  async #serve(peer: Peer): Promise<void> {
    const { limits } = this.#egress;
    try {
      if (this.#streams.size > limits.connections) throw new BadMessage("too many connections are open", 503);
      const head = await nextHead(this.#egress, peer, true);
      if (head === undefined) return;
      if (head.method !== "CONNECT") return await servePlain(this.#egress, peer, head);
      await this.#connect(peer, head);
    } catch (error) {
      if (!(error instanceof BadMessage)) throw error;
      this.#log("", "", "fault", "bad-request", error.status, performance.now());
      await peer.answer({ ...faultOf(error.status, "bad-request", error.message), close: true });
      await peer.closeGently(limits);
    }
  }

  /** Judges a CONNECT and, if its host may be reached, serves the tunnel. */
  async #connect(peer: Peer, head: RequestHead): Promise<void> {
    const start = performance.now();
    const target = connectTarget(head);
    const verdict = decideHost(this.#egress.policy.table, target);
    if (verdict.kind === "deny") {
      this.#log("CONNECT", target.host, "deny", verdict.rule, 403, start);
      await peer.answer({ ...denialOf(verdict.rule, target.host, verdict.detail), close: true });
      return await peer.closeGently(this.#egress.limits);
    }
    if (peer.reader.buffered > 0) throw new BadMessage("bytes came before the tunnel was open");
    peer.watch.within(this.#egress.limits.handshakeTimeout);
    peer.out.push(toBytes("HTTP/1.1 200 Connection established\r\n\r\n"));
    await peer.out.flush();
    const inside = await this.#terminate(peer, target.host).catch((error: unknown) => {
      const rule = error instanceof ServerNameMismatch ? "sni" : "tls-handshake";
      this.#log("CONNECT", target.host, rule === "sni" ? "deny" : "fault", rule, 0, start);
      // There is no request to answer, and the client expects TLS.
      return undefined;
    });
    if (inside === undefined) return;
    await this.#serveInside(inside.peer, inside.protocol, target);
    // What was said last is on its way.
    peer.watch.within(this.#egress.limits.lingerTimeout);
    await inside.outward;
  }

  /** Terminates TLS for one host. Throws when the handshake fails or names another server. */
  async #terminate(peer: Peer, host: string): Promise<Inside> {
    const hello = await readClientHello(peer.reader);
    // None: as for an IP address.
    if (hello.serverName !== undefined && canonicalHost(hello.serverName) !== host) {
      throw new ServerNameMismatch();
    }
    const { outer, inner } = await this.#terminator.open(host);
    const inside = new Peer(new DenoStream(inner), peer.watch);
    const between = new DenoStream(outer);
    const cut = () => {
      peer.stream.destroy();
      between.destroy();
    };
    const inward = between.write(hello.bytes).then(() => copy(peer.stream, between)).catch(cut);
    const outward = copy(between, peer.stream).catch(cut);
    void Promise.all([inward, outward]).then(() => between.destroy());
    try {
      const { alpnProtocol } = await inner.handshake();
      return { peer: inside, protocol: alpnProtocol, outward };
    } catch (error) {
      inside.stream.destroy();
      await outward;
      throw error;
    }
  }

  async #serveInside(peer: Peer, protocol: string | null, target: Target): Promise<void> {
    if (protocol !== "h2") return await serveTunnel(this.#egress, peer, target);
    // Loaded when the first client asks for it: it is half as large as all the rest.
    const { serveHttp2 } = await import("./h2/session.ts");
    await serveHttp2(this.#egress, peer.stream, peer.watch, target);
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

/** What is said inside a client's TLS. */
interface Inside {
  readonly peer: Peer;
  /** Negotiated by ALPN; null: none was. */
  readonly protocol: string | null;
  /** Resolves when everything said inside has been passed to the client, and its end too. */
  readonly outward: Promise<void>;
}

/** The hello of TLS names another server than CONNECT did. */
class ServerNameMismatch extends Error {
  override readonly name = "ServerNameMismatch";
}

/** Host and port of a CONNECT; its Host header, which HTTP/1.0 may leave out, must not name another host. */
function connectTarget(head: RequestHead): Target {
  // Refuses a body.
  requestFraming(head);
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
