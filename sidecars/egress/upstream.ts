/** Connections towards upstream: through pipelock by CONNECT (or absolute form), kept for reuse when clean. */

import { escapeUntrusted } from "../../lib/escape.ts";
import { messageOf } from "../../lib/errors.ts";
import { authority } from "../../lib/net/host_name.ts";
import { Outbox } from "./http/body.ts";
import { parseResponseHead, responseFraming } from "./http/head.ts";
import { latin1, toBytes, WireReader } from "./http/wire_reader.ts";
import type { Limits } from "./limits.ts";
import { type ByteStream, DenoStream } from "./streams.ts";

/** Longest text of the next proxy's refusal that is passed on. */
const REFUSAL_BYTES = 4096;
/** An upstream that ends a connection this soon after an answer, in milliseconds, never meant to keep it. */
const HASTE = 1000;

/** Upstream could not be reached, or the next proxy refused. */
export class UpstreamError extends Error {
  override readonly name = "UpstreamError";
  /** 502, 504, or 403 when the next proxy's policy said no. */
  readonly status: number;

  /** Says what failed, and the status for the agent. */
  constructor(message: string, status = 502) {
    super(message);
    this.status = status;
  }
}

/** Where a request goes. */
export interface Target {
  readonly scheme: "http" | "https";
  /** Canonical host. */
  readonly host: string;
  readonly port: number;
}

/** One upstream connection with its reader and writer. */
export interface UpstreamConnection {
  readonly stream: ByteStream;
  readonly reader: WireReader;
  readonly out: Outbox;
  /** Pool that it belongs to. */
  readonly key: string;
  /** Whether it has served a request before: it may have been closed meanwhile. */
  reused: boolean;
}

/** How upstream is reached. */
export interface UpstreamOptions {
  /** The next proxy; undefined: dial the hosts themselves. */
  readonly proxy: { readonly hostname: string; readonly port: number } | undefined;
  /** Certificates trusted besides the default ones, PEM. */
  readonly caCerts: readonly string[];
  readonly limits: Limits;
}

interface Idle {
  readonly connection: UpstreamConnection;
  readonly since: number;
}

/** Dials and pools. */
export class Upstreams {
  readonly #options: UpstreamOptions;
  readonly #idle = new Map<string, Idle[]>();
  /** Pools whose upstream has served twice on one connection. */
  readonly #keeping = new Set<string>();

  /** Makes an empty pool. */
  constructor(options: UpstreamOptions) {
    this.#options = options;
  }

  /** Whether plain requests are sent in absolute form, to a proxy. */
  get viaProxy(): boolean {
    return this.#options.proxy !== undefined;
  }

  /** Connections in the pool now. */
  get idle(): number {
    return this.#idle.values().reduce((sum, list) => sum + list.length, 0);
  }

  /**
   * A connection for a target.
   *
   * Some upstreams (pipelock, where it looks inside TLS) end each connection behind the answer without saying so. A
   * request that meets this can be sent again or is lost, so one that cannot be repeated takes no connection that may
   * be about to end.
   *
   * @throws {UpstreamError}
   */
  async acquire(target: Target, fresh: boolean, repeatable = true): Promise<UpstreamConnection> {
    const key = this.#keyOf(target);
    const pooled = fresh ? undefined : this.#takeIdle(key, repeatable || this.#keeping.has(key));
    return pooled ?? await this.#dial(target, key);
  }

  /** Gives a connection back after a complete, clean exchange. */
  release(connection: UpstreamConnection): void {
    if (connection.reader.buffered > 0 || this.idle >= this.#options.limits.poolSize) {
      connection.stream.destroy();
      return;
    }
    if (connection.reused) this.#keeping.add(connection.key);
    connection.reused = true;
    const idle: Idle = { connection, since: performance.now() };
    const list = this.#idle.get(connection.key) ?? [];
    this.#idle.set(connection.key, list);
    list.push(idle);
    // Whatever arrives on an idle connection, bytes included, ends its use: an answer that nobody asked for.
    const drop = () => {
      if (!this.#remove(connection.key, idle)) return;
      if (performance.now() - idle.since < HASTE) this.#keeping.delete(connection.key);
      connection.stream.destroy();
    };
    connection.reader.readAhead().then(drop, drop);
  }

  /** Closes connections that have been idle for too long. */
  sweep(): void {
    const oldest = performance.now() - this.#options.limits.poolIdleTimeout;
    for (const [key, list] of this.#idle) {
      for (const idle of [...list]) {
        if (idle.since < oldest && this.#remove(key, idle)) idle.connection.stream.destroy();
      }
    }
  }

  /** Closes all idle connections. */
  close(): void {
    for (const list of this.#idle.values()) for (const { connection } of list) connection.stream.destroy();
    this.#idle.clear();
  }

  #keyOf(target: Target): string {
    if (target.scheme === "http" && this.viaProxy) return "http via proxy";
    return `${target.scheme} ${authority(target.host, target.port)}`;
  }

  #takeIdle(key: string, any: boolean): UpstreamConnection | undefined {
    const settled = performance.now() - HASTE;
    const idle = this.#idle.get(key)?.findLast(({ since }) => any || since < settled);
    if (idle === undefined) return undefined;
    this.#remove(key, idle);
    return idle.connection;
  }

  #remove(key: string, idle: Idle): boolean {
    const list = this.#idle.get(key);
    const at = list?.indexOf(idle) ?? -1;
    if (list === undefined || at < 0) return false;
    list.splice(at, 1);
    if (list.length === 0) this.#idle.delete(key);
    return true;
  }

  /** Dials within the limit. What comes later than that is closed when it comes. */
  async #dial(target: Target, key: string): Promise<UpstreamConnection> {
    const attempt: Attempt = { late: false, stream: undefined };
    const timeout = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      attempt.late = true;
      attempt.stream?.destroy();
      timeout.reject(new UpstreamError(`${target.host} did not answer in time`, 504));
    }, this.#options.limits.dialTimeout);
    const opened = this.#open(target, attempt);
    try {
      const stream = await Promise.race([opened, timeout.promise]);
      return { stream, reader: new WireReader(stream), out: new Outbox(stream), key, reused: false };
    } catch (error) {
      attempt.stream?.destroy();
      opened.then((stream) => stream.destroy(), () => {});
      throw error instanceof UpstreamError ? error : new UpstreamError(describe(error, target));
    } finally {
      clearTimeout(timer);
    }
  }

  async #open(target: Target, attempt: Attempt): Promise<ByteStream> {
    const { proxy, caCerts } = this.#options;
    const tcp = await Deno.connect(proxy ?? { hostname: target.host, port: target.port });
    tcp.setNoDelay(true);
    const plain = new DenoStream(tcp);
    attempt.stream = plain;
    if (attempt.late || target.scheme === "http") return plain;
    if (proxy !== undefined) await openTunnel(plain, target, this.#options.limits.headBytes);
    const tls = await Deno.startTls(tcp, {
      hostname: target.host,
      caCerts: [...caCerts],
      alpnProtocols: ["http/1.1"],
    });
    const stream = new DenoStream(tls);
    attempt.stream = stream;
    if (!attempt.late) await tls.handshake();
    return stream;
  }
}

/** A dial under way. */
interface Attempt {
  /** The limit has passed: nobody waits for it any more. */
  late: boolean;
  /** What to close then. */
  stream: ByteStream | undefined;
}

/** Asks the next proxy for a tunnel; on return the connection carries the host's own bytes. */
async function openTunnel(stream: ByteStream, target: Target, headBytes: number): Promise<void> {
  const name = authority(target.host, target.port);
  await stream.write(toBytes(`CONNECT ${name} HTTP/1.1\r\nHost: ${name}\r\n\r\n`));
  const reader = new WireReader(stream);
  const text = await reader.readHead(headBytes);
  if (text === undefined) throw new UpstreamError("the next proxy closed the connection");
  const head = parseResponseHead(text);
  if (head.status >= 200 && head.status < 300) {
    // The host speaks only after the client's hello: bytes before it are not the host's.
    if (reader.buffered > 0) throw new UpstreamError("the next proxy sent bytes before the tunnel was used");
    return;
  }
  const framing = responseFraming(head, "GET");
  const most = framing.kind === "length" ? Math.min(framing.length, REFUSAL_BYTES) : 0;
  let reason = "";
  while (reason.length < most && (reader.buffered > 0 || await reader.fill())) {
    reason += latin1(reader.take(most - reason.length));
  }
  const said = reason.trim() === "" ? "" : `: ${escapeUntrusted(reason.trim())}`;
  const status = head.status === 403 ? 403 : 502;
  throw new UpstreamError(`the next proxy answered ${head.status} to CONNECT ${name}${said}`, status);
}

function describe(error: unknown, target: Target): string {
  return `${authority(target.host, target.port)} cannot be reached: ${messageOf(error)}`;
}
