/** HTTP/2 inside a tunnel: the session, its bounds, and each of its streams served as a request of its own. */

import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { Duplex } from "node:stream";
import { faultOf } from "../../../lib/egress/denial.ts";
import type { Egress } from "../context.ts";
import { BadMessage } from "../http/head.ts";
import { Peer } from "../peer.ts";
import { serveTunnelRequest } from "../requests.ts";
import type { ByteStream } from "../streams.ts";
import type { Target } from "../upstream.ts";
import type { Watch } from "../watch.ts";
import { sendRequest, sendResponse, VirtualConnection } from "./exchange.ts";
import { toHttp1 } from "./head.ts";

/** Streams at once on one connection: what RFC 9113 6.5.2 recommends at least. */
const STREAMS = 100;
/** Bytes of a request's body that may wait in memory. */
const WINDOW = 256 * 1024;
/** Bytes of all bodies of a connection that may wait in memory. */
const CONNECTION_WINDOW = 1024 * 1024;

/** Serves a client that has chosen HTTP/2; resolves when its connection has ended. */
export async function serveHttp2(
  egress: Egress,
  tls: ByteStream,
  watch: Watch,
  tunnel: Target,
): Promise<void> {
  const session = performServerHandshake(asDuplex(tls), {
    settings: {
      maxConcurrentStreams: STREAMS,
      maxHeaderListSize: egress.limits.headBytes,
      initialWindowSize: WINDOW,
      enablePush: false,
      enableConnectProtocol: false,
    },
  });
  session.setLocalWindowSize(CONNECTION_WINDOW);
  const ended = new Promise<void>((resolve) => session.once("close", () => resolve()));
  // It is told by `close` too.
  session.on("error", () => {});
  session.on(
    "stream",
    (stream: ServerHttp2Stream, _fields: unknown, _flags: unknown, raw: readonly string[]) => {
      void serveStream(egress, session, stream, raw, tunnel, watch);
    },
  );
  watch.within(egress.limits.headTimeout);
  await ended;
  tls.destroy();
}

async function serveStream(
  egress: Egress,
  session: ServerHttp2Session,
  stream: ServerHttp2Stream,
  fields: readonly string[],
  tunnel: Target,
  connectionWatch: Watch,
): Promise<void> {
  // While there are streams, their own deadlines hold.
  connectionWatch.within(Number.POSITIVE_INFINITY);
  egress.streams.add(stream);
  stream.on("error", () => {});
  const connection = new VirtualConnection();
  using watch = egress.watches.start(() => connection.destroy());
  stream.once("close", () => connection.isAnswered || connection.destroy());
  try {
    if (egress.streams.size > egress.limits.connections) {
      return stream.close(constants.NGHTTP2_REFUSED_STREAM);
    }
    await serveRequest(egress, new Peer(connection, watch), connection, stream, fields, tunnel);
  } catch {
    stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  } finally {
    egress.streams.delete(stream);
    if (session.closed || session.destroyed) connectionWatch.within(egress.limits.lingerTimeout);
    else connectionWatch.within(egress.limits.keepAliveTimeout);
  }
}

/** Runs both directions and the proxy between them; rejects when the stream must be broken off. */
async function serveRequest(
  egress: Egress,
  peer: Peer,
  connection: VirtualConnection,
  stream: ServerHttp2Stream,
  fields: readonly string[],
  tunnel: Target,
): Promise<void> {
  let head;
  try {
    head = toHttp1(fields, stream.endAfterHeaders);
  } catch (error) {
    if (!(error instanceof BadMessage)) throw error;
    const { status, body } = faultOf(error.status, "bad-request", error.message);
    stream.respond({ ":status": status, "content-type": "text/plain; charset=utf-8" });
    stream.end(body);
    const nothing = { bytesUp: 0, bytesDown: body.length, ms: 0 };
    egress.log.add({
      method: "",
      host: tunnel.host,
      verdict: "fault",
      rule: "bad-request",
      status,
      ...nothing,
    });
    return;
  }
  const method = head.text.slice(0, head.text.indexOf(" "));
  const sending = sendRequest(stream, head, connection.request).catch((error: unknown) => {
    connection.request.destroy(error instanceof Error ? error : undefined);
  });
  const responding = sendResponse(connection, method, stream);
  responding.catch(() => connection.destroy());
  const then = await serveTunnelRequest(egress, peer, tunnel);
  if (then === "cut") connection.destroy();
  else connection.response.end();
  await responding;
  if (stream.readableEnded) return;
  // The answer is complete; what the client still sends of its request is not waited for (RFC 9113 8.1).
  connection.request.destroy();
  // With NO_ERROR, which RFC 9113 8.1 has for this, the runtime sends no reset at all and the client would wait.
  stream.close(constants.NGHTTP2_CANCEL);
  await sending;
}

/** A byte stream as node's: HTTP/2 runs on one of these only if it is not a socket of the runtime's own. */
function asDuplex(stream: ByteStream): Duplex {
  return new Duplex({
    read() {
      // The bytes may be overwritten by the next read.
      stream.read().then(
        (bytes) => this.push(bytes === null ? null : bytes.slice()),
        (error) => this.destroy(error),
      );
    },
    write(bytes: Uint8Array, _encoding, done) {
      stream.write(bytes).then(() => done(), done);
    },
    final(done) {
      stream.endWrite().then(() => done(), done);
    },
    destroy(error, done) {
      stream.destroy();
      done(error);
    },
  });
}
