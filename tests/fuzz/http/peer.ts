/** Other parsers, and what it means to frame a message as they do. */

import { type LlhttpVerdict, readWithLlhttp } from "../oracles/llhttp.ts";
import { type Accepted, methodOf, type Side } from "./ours.ts";

/** What a parser makes of the first message of some bytes, after which the connection ends. */
export type PeerVerdict = LlhttpVerdict;

/** What is to be read. */
export interface PeerTask {
  readonly side: Side["kind"];
  /** Method of the request that a response answers. */
  readonly answers: string;
  readonly wire: string;
  /** As it came from the other side, or as the engine passes it on. */
  readonly stage: "came" | "passed on";
}

/** Another HTTP/1.1 parser. */
export interface Peer {
  readonly name: string;
  /** Reads the first message. */
  readonly read: (task: PeerTask) => PeerVerdict | Promise<PeerVerdict>;
  /** Fields that it does not report as they were written, in lower case. */
  readonly rewrites: ReadonlySet<string>;
  /** Whether it may refuse a message that the engine takes, for a reason other than how long the message is. */
  readonly mayRefuse: (code: string, message: Accepted, task: PeerTask) => boolean;
}

/** Node's parser. */
export const LLHTTP: Peer = {
  name: "llhttp",
  read: ({ side, answers, wire }) =>
    readWithLlhttp(
      side === "requests" ? { type: "request" } : { type: "response", bodiless: answers === "HEAD" },
      wire,
    ),
  rewrites: new Set(),
  mayRefuse: (code, { head, framing }, task) => {
    if ("method" in head) {
      // It knows a list of methods, and the forms of targets.
      if (code === "HPE_INVALID_METHOD") return !PLAIN_METHOD.test(head.method);
      if (code === "HPE_INVALID_URL") return !head.target.startsWith("/");
    }
    // It takes fewer chunk extensions.
    return hasExtension(framing, task) && (code === "HPE_STRICT" || code === "HPE_INVALID_CHUNK_SIZE");
  },
};

/** Whether there may be a chunk extension: not in what is passed on. */
export function hasExtension(framing: Accepted["framing"], { stage, wire }: PeerTask): boolean {
  return framing.kind === "chunked" && stage === "came" &&
    /\r\n[0-9A-Fa-f]+[ \t]*;[\t\x20-\x7e\x80-\xff]*\r\n/.test(wire);
}

const PLAIN_METHOD = /^(?:GET|POST|HEAD|PUT|DELETE|OPTIONS|PATCH|QUERY)$/;

/**
 * Checks that a peer reads a message as the engine did: once from the bytes that came, and once from those that are
 * passed on.
 *
 * @param rest the stream from the message's first byte to its end
 * @throws {Error} it frames either of them differently
 */
export async function assertFramedAlike(
  peer: Peer,
  side: Side,
  index: number,
  message: Accepted,
  rest: string,
): Promise<void> {
  const raw: PeerTask = { side: side.kind, answers: methodOf(side, index), wire: rest, stage: "came" };
  // What follows on the connection must not change how long the message is.
  const next = message.framing.kind === "close" ? "" : "GET /next HTTP/1.1\r\n\r\n";
  const sent = `${message.headText}${message.passedOn}`;
  const passed: PeerTask = { ...raw, wire: sent + next, stage: "passed on" };
  const came = await compare(peer, message, raw, message.end - message.start);
  const went = await compare(peer, message, passed, sent.length);
  if (came === undefined || went === undefined) return;
  same(peer, "body", came.body, went.body);
  same(peer, "trailers", comparable(peer, came.trailers), comparable(peer, went.trailers));
  if (message.framing.kind !== "chunked") same(peer, "body passed on", went.body, message.passedOn);
}

async function compare(
  peer: Peer,
  message: Accepted,
  task: PeerTask,
  length: number,
): Promise<Extract<PeerVerdict, { kind: "message" }> | undefined> {
  const verdict = await peer.read(task);
  if (verdict.kind === "refused" && peer.mayRefuse(verdict.code, message, task)) return undefined;
  if (verdict.kind !== "message") {
    const why = verdict.kind === "refused" ? verdict.code : "it waits for more";
    throw new Error(`${peer.name} does not take ${JSON.stringify(task.wire.slice(0, length))}: ${why}`);
  }
  const { head } = message;
  same(peer, "length", verdict.length, length);
  same(peer, "minor version", verdict.minor, head.minor);
  if ("method" in head) {
    same(peer, "method", verdict.method, head.method);
    same(peer, "target", verdict.target, head.target);
  } else {
    same(peer, "status", verdict.status, head.status);
  }
  const theirs = verdict.fields.map((line) => line.replace(/^[^:]*/, (name) => name.toLowerCase()));
  const ours = head.fields.map(({ name, value }) => `${name}: ${value}`);
  same(peer, "fields", comparable(peer, theirs), comparable(peer, ours));
  return verdict;
}

/** The fields in their order, where the peer keeps it. */
function comparable({ rewrites }: Peer, fields: readonly string[]): string {
  if (rewrites.size === 0) return fields.join("\n");
  const nameOf = (line: string) => line.slice(0, line.indexOf(":"));
  return fields.filter((line) => !rewrites.has(nameOf(line)))
    .toSorted((a, b) => nameOf(a) < nameOf(b) ? -1 : nameOf(a) > nameOf(b) ? 1 : 0).join("\n");
}

function same<T>(peer: Peer, what: string, theirs: T, ours: T): void {
  if (theirs === ours) return;
  throw new Error(`${what}: ${peer.name} reads ${JSON.stringify(theirs)}, expected ${JSON.stringify(ours)}`);
}
