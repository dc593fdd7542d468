/**
 * TLS towards the agent.
 *
 * The runtime terminates TLS only on connections that a TLS listener of its own accepts. So each host has such a
 * listener on the loopback, and a client's bytes are passed on to it as they are. (The runtime's node:tls terminates on
 * any socket, but moves each byte of an upload by itself: a seventh of the speed, see docs/research/egress-speed.md.)
 *
 * Threat: whoever else is on the loopback connects to such a listener and is taken for a client that has been judged.
 *
 * Mechanism: a connection is taken only if it comes from the port that this process is dialling from at that moment.
 */

import { Truncated } from "./http/wire_reader.ts";
import type { LeafSource } from "./lazy_leaves.ts";
import type { Leaf } from "../../lib/tls/leaf.ts";

const ACCEPT_PAUSE = 50;
const LOOPBACK = "127.0.0.1";

/** Both ends of a connection to a host's listener. */
export interface Termination {
  /** Takes the client's bytes, and gives those for it. */
  readonly outer: Deno.TcpConn;
  /** What is said inside. The handshake has not begun. */
  readonly inner: Deno.TlsConn;
}

/** The listeners of one egress: at most so many, the one unused for longest goes first. */
export class Terminator {
  readonly #leaves: LeafSource;
  readonly #capacity: number;
  readonly #protocols: readonly string[];
  // Map order is age of use.
  readonly #listeners = new Map<string, HostListener>();
  #closed = false;

  /** Makes none yet. */
  constructor(leaves: LeafSource, capacity: number, protocols: readonly string[]) {
    this.#leaves = leaves;
    this.#capacity = capacity;
    this.#protocols = protocols;
  }

  /** How many listeners there are now. */
  get size(): number {
    return this.#listeners.size;
  }

  /** A new connection that shows the leaf of a canonical host. */
  async open(host: string): Promise<Termination> {
    const leaf = await this.#leaves.leafFor(host);
    if (this.#closed) throw new Truncated("egress is closing");
    let listener = this.#listeners.get(host);
    this.#listeners.delete(host);
    if (listener?.leaf !== leaf) {
      listener?.close();
      listener = new HostListener(leaf, this.#protocols);
    }
    this.#listeners.set(host, listener);
    for (const [oldest, unused] of this.#listeners) {
      if (this.#listeners.size <= this.#capacity) break;
      this.#listeners.delete(oldest);
      unused.close();
    }
    return await listener.connect();
  }

  /** Closes all listeners; connections stay. */
  close(): void {
    this.#closed = true;
    for (const listener of this.#listeners.values()) listener.close();
    this.#listeners.clear();
  }
}

class HostListener {
  readonly leaf: Leaf;
  readonly #listener: Deno.TlsListener;
  readonly #port: number;
  /** Dialled, and not accepted yet, by the port dialled from. */
  readonly #dialled = new Map<number, (inner: Deno.TlsConn) => void>();
  /** Accepted while a dial is under way that does not know its own port yet. */
  readonly #accepted = new Map<number, Deno.TlsConn>();
  #dialling = 0;
  #closing = false;

  constructor(leaf: Leaf, protocols: readonly string[]) {
    this.leaf = leaf;
    this.#listener = Deno.listenTls({
      hostname: LOOPBACK,
      port: 0,
      cert: leaf.certPem,
      key: leaf.keyPem,
      alpnProtocols: [...protocols],
    });
    this.#port = this.#listener.addr.port;
    void this.#accept();
  }

  /** Connects to itself. A listener that closes meanwhile has no such connection left open. */
  async connect(): Promise<Termination> {
    this.#dialling++;
    try {
      const outer = await Deno.connect({ hostname: LOOPBACK, port: this.#port });
      outer.setNoDelay(true);
      return { outer, inner: await this.#acceptedFrom(outer.localAddr.port) };
    } finally {
      this.#dialling--;
      if (this.#dialling === 0) {
        for (const stranger of this.#accepted.values()) stranger.close();
        this.#accepted.clear();
        if (this.#closing) this.#listener.close();
      }
    }
  }

  /** Accepts no more, once the dials under way are through. */
  close(): void {
    this.#closing = true;
    if (this.#dialling === 0) this.#listener.close();
  }

  #acceptedFrom(port: number): Deno.TlsConn | Promise<Deno.TlsConn> {
    const inner = this.#accepted.get(port);
    this.#accepted.delete(port);
    return inner ?? new Promise((resolve) => this.#dialled.set(port, resolve));
  }

  async #accept(): Promise<void> {
    for (;;) {
      let inner: Deno.TlsConn;
      try {
        inner = await this.#listener.accept();
      } catch (error) {
        if (error instanceof Deno.errors.BadResource) return;
        // Out of descriptors for the moment: what waits in the queue is accepted when there are some.
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE));
        continue;
      }
      const { port } = inner.remoteAddr as Deno.NetAddr;
      const taken = this.#dialled.get(port);
      this.#dialled.delete(port);
      if (taken !== undefined) taken(inner);
      else if (this.#dialling > 0) this.#accepted.set(port, inner);
      else inner.close();
    }
  }
}
