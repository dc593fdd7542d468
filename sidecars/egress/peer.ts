/** The agent's side of a connection: its reader and writer, and how egress itself answers on it. */

import type { Denial } from "../../lib/egress/denial.ts";
import { Outbox } from "./http/body.ts";
import { toBytes, WireReader } from "./http/wire_reader.ts";
import type { Limits } from "./limits.ts";
import type { ByteStream } from "./streams.ts";
import type { Watch } from "./watch.ts";

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  417: "Expectation Failed",
  421: "Misdirected Request",
  431: "Request Header Fields Too Large",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
};

/** An answer made here. */
export interface LocalAnswer extends Denial {
  /** @default "text/plain; charset=utf-8" */
  readonly contentType?: string;
  /** The request was HEAD: no body is sent. */
  readonly head?: boolean;
  /** The connection ends with this answer. */
  readonly close: boolean;
}

/** One client connection, plain or inside a tunnel's TLS. */
export class Peer {
  readonly stream: ByteStream;
  readonly reader: WireReader;
  readonly out: Outbox;
  readonly watch: Watch;

  /** Takes a stream over; the watch ends the connection when its deadline passes. */
  constructor(stream: ByteStream, watch: Watch) {
    this.stream = stream;
    this.reader = new WireReader(stream);
    this.out = new Outbox(stream);
    this.watch = watch;
  }

  /** Sends an answer of egress itself. */
  async answer(answer: LocalAnswer): Promise<void> {
    const body = new TextEncoder().encode(answer.body);
    const lines = [
      `HTTP/1.1 ${answer.status} ${REASONS[answer.status] ?? "Error"}`,
      `Content-Type: ${answer.contentType ?? "text/plain; charset=utf-8"}`,
      `Content-Length: ${body.length}`,
      ...answer.close ? ["Connection: close"] : [],
    ];
    this.out.push(toBytes(`${lines.join("\r\n")}\r\n\r\n`));
    if (answer.head !== true) this.out.push(body);
    await this.out.flush();
  }

  /**
   * Ends the connection so that the last answer arrives: closing with unread bytes would reset it, and the reset
   * can overtake the answer. What still comes is read and dropped, up to the limits.
   */
  async closeGently(limits: Limits): Promise<void> {
    this.watch.within(limits.lingerTimeout);
    try {
      await this.stream.endWrite();
      let left = limits.lingerBytes;
      while (left > 0 && await this.reader.fill()) left -= this.reader.take(limits.lingerBytes).length;
    } catch {
      // It is closed: that was the aim.
    }
    this.stream.destroy();
  }
}
