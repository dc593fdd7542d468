/** One request and its response between a client and upstream, streamed both ways at once. */

import type { Peer } from "./peer.ts";
import { pumpBody, type PumpOptions } from "./http/body.ts";
import { isForbiddenTrailer, responseLines } from "./http/fields.ts";
import {
  BadMessage,
  type Framing,
  parseResponseHead,
  type RequestHead,
  responseFraming,
  type ResponseHead,
} from "./http/head.ts";
import type { Mask } from "./http/mask.ts";
import { toBytes, Truncated } from "./http/wire_reader.ts";
import type { Limits } from "./limits.ts";
import { relay } from "./tunnel.ts";
import { type Target, type UpstreamConnection, UpstreamError, type Upstreams } from "./upstream.ts";

/** A request that the policy has let through. */
export interface Outgoing {
  readonly target: Target;
  readonly head: RequestHead;
  readonly framing: Framing;
  /** The head as it goes upstream, the empty line included. */
  readonly bytes: Uint8Array;
  readonly webSocket: boolean;
  readonly keepAlive: boolean;
  /** Keeps the injected credential out of the response; undefined: none was injected. */
  readonly mask: Mask | undefined;
}

/** How an exchange ended. */
export interface Outcome {
  /** Status passed to the client; 0: none. */
  readonly status: number;
  readonly bytesUp: number;
  /** Whether the client connection can carry another request. */
  readonly reusable: boolean;
  /** Why the response was cut short; undefined: it is complete. */
  readonly cut?: string;
}

// Repeating these changes nothing at the server (RFC 9110 9.2.2); without a body they can be sent again.
const REPEATABLE = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/**
 * Sends a request upstream and its response back.
 *
 * @throws {UpstreamError} nothing was answered yet and upstream failed: the caller answers
 * @throws {BadMessage} nothing was answered yet and the request's body is malformed: the caller answers
 */
export async function exchange(
  peer: Peer,
  upstreams: Upstreams,
  outgoing: Outgoing,
  limits: Limits,
): Promise<Outcome> {
  peer.watch.within(limits.dialTimeout * 2);
  const repeatable = outgoing.framing.kind === "none" && REPEATABLE.has(outgoing.head.method);
  let connection = await upstreams.acquire(outgoing.target, false, repeatable);
  try {
    return await new Exchange(peer, connection, outgoing, limits).run(upstreams);
  } catch (error) {
    // A pooled connection may have been closed at the very moment it was taken.
    if (!(error instanceof StaleConnection && repeatable)) throw error;
    connection = await upstreams.acquire(outgoing.target, true);
    return await new Exchange(peer, connection, outgoing, limits).run(upstreams);
  }
}

/** A reused connection ended before it answered anything. */
class StaleConnection extends UpstreamError {}

class Exchange {
  readonly #peer: Peer;
  readonly #upstream: UpstreamConnection;
  readonly #outgoing: Outgoing;
  readonly #limits: Limits;
  readonly #pump: PumpOptions;
  readonly #upStart: number;
  #requestFailure: unknown;
  #requestDone = false;
  #over = false;

  constructor(peer: Peer, upstream: UpstreamConnection, outgoing: Outgoing, limits: Limits) {
    this.#peer = peer;
    this.#upstream = upstream;
    this.#outgoing = outgoing;
    this.#limits = limits;
    this.#upStart = upstream.out.total;
    this.#pump = {
      // Not once it is over: a body left behind must not move the deadline of what comes after it.
      onProgress: () => this.#over || peer.watch.within(limits.idleTimeout),
      trailerBytes: limits.headBytes,
      isForbiddenTrailer,
    };
  }

  async run(upstreams: Upstreams): Promise<Outcome> {
    try {
      return await this.#run(upstreams);
    } finally {
      this.#over = true;
    }
  }

  async #run(upstreams: Upstreams): Promise<Outcome> {
    const { stream } = this.#upstream;
    this.#pump.onProgress();
    const sending = this.#send();
    // Notices a client that is gone while the response is awaited; one that has half-closed still gets it.
    if (this.#outgoing.framing.kind === "none" && this.#peer.reader.buffered === 0) {
      // Not later: the connection may be serving someone else by then.
      this.#peer.reader.readAhead().catch(() => this.#over || stream.destroy());
    }
    let head: ResponseHead;
    try {
      head = await this.#responseHead();
      if (head.status === 101) return await this.#switchProtocols(head);
    } catch (error) {
      stream.destroy();
      // A body is not waited for: its client may be waiting for this very answer. What it still sends finds upstream
      // closed; what was wrong with it is known by now.
      if (this.#outgoing.framing.kind === "none") await sending;
      throw this.#causeOf(error);
    }
    const framing = responseFraming(head, this.#outgoing.head.method);
    const { reusable, cut } = await this.#receive(head, framing, upstreams);
    return { status: head.status, bytesUp: this.#bytesUp, reusable, ...cut !== undefined && { cut } };
  }

  get #bytesUp(): number {
    return this.#upstream.out.total - this.#upStart;
  }

  /** Sends head and body; never rejects: what went wrong is kept for whoever waits for the response. */
  async #send(): Promise<void> {
    const { out, stream } = this.#upstream;
    try {
      out.push(this.#outgoing.bytes);
      if (this.#outgoing.framing.kind === "none") await out.flush();
      else await pumpBody(this.#peer.reader, out, this.#outgoing.framing, this.#pump);
      this.#requestDone = true;
    } catch (error) {
      this.#requestFailure = error;
      // The client's fault ends it here; upstream's own failure may have left an early answer to be read.
      if (error instanceof BadMessage || error instanceof Truncated) stream.destroy();
    }
  }

  /** Reads up to the final response head; interim ones are passed on as they come. */
  async #responseHead(): Promise<ResponseHead> {
    const { reader } = this.#upstream;
    for (;;) {
      const text = await reader.readHead(this.#limits.headBytes);
      this.#pump.onProgress();
      if (text === undefined) throw new Truncated("upstream closed the connection before it answered");
      const head = parseResponseHead(text);
      responseFraming(head, this.#outgoing.head.method);
      if (head.status >= 200) return head;
      if (head.status === 101) {
        if (!this.#outgoing.webSocket) throw new BadMessage("upstream switched protocols unasked");
        return head;
      }
      this.#pushHead(head, undefined);
      await this.#peer.out.flush();
    }
  }

  async #receive(
    head: ResponseHead,
    framing: Framing,
    upstreams: Upstreams,
  ): Promise<{ reusable: boolean; cut?: string }> {
    const { reader, stream } = this.#upstream;
    // The answer to a body's last byte can be seen before the write of that byte is.
    if (!this.#requestDone) await nextTurn();
    const keep = this.#outgoing.keepAlive && framing.kind !== "close" &&
      this.#requestDone;
    try {
      this.#pushHead(head, keep ? undefined : "close");
      await pumpBody(reader, this.#peer.out, framing, { ...this.#pump, mask: this.#outgoing.mask });
    } catch (error) {
      stream.destroy();
      return { reusable: false, cut: error instanceof Error ? error.message : String(error) };
    }
    const clean = this.#requestDone && framing.kind !== "close" && head.minor === 1 && !saysClose(head);
    if (clean) upstreams.release(this.#upstream);
    else stream.destroy();
    return { reusable: keep };
  }

  async #switchProtocols(head: ResponseHead): Promise<Outcome> {
    this.#pushHead(head, "upgrade");
    await this.#peer.out.flush();
    await relay(this.#peer, this.#upstream, this.#pump, this.#outgoing.mask);
    this.#upstream.stream.destroy();
    return { status: 101, bytesUp: this.#bytesUp, reusable: false };
  }

  #pushHead(head: ResponseHead, connection: "close" | "upgrade" | undefined): void {
    const status = `HTTP/1.1 ${head.status} ${head.reason}`;
    const text = `${[status, ...responseLines(head, connection)].join("\r\n")}\r\n\r\n`;
    this.#peer.out.push(toBytes(this.#outgoing.mask?.text(text) ?? text));
  }

  #causeOf(error: unknown): unknown {
    const request = this.#requestFailure;
    if (request instanceof BadMessage || request instanceof Truncated) return request;
    const what = error instanceof Error ? error.message : String(error);
    if (error instanceof BadMessage) return new UpstreamError(`upstream's answer is malformed: ${what}`);
    return this.#upstream.reused
      ? new StaleConnection(`upstream closed the connection: ${what}`)
      : new UpstreamError(`upstream closed the connection: ${what}`);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

function saysClose(head: ResponseHead): boolean {
  return head.fields.some(({ name, value }) =>
    name === "connection" && /(?:^|,)\s*close\s*(?:,|$)/i.test(value)
  );
}
