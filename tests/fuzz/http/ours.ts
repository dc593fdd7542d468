/** Has the engine read a byte stream as a sequence of messages, as egress does, through its public functions alone. */

import { Outbox, pumpBody } from "../../../sidecars/egress/http/body.ts";
import { isForbiddenTrailer } from "../../../sidecars/egress/http/fields.ts";
import {
  BadMessage,
  type Framing,
  parseRequestHead,
  parseResponseHead,
  requestFraming,
  type RequestHead,
  responseFraming,
  type ResponseHead,
} from "../../../sidecars/egress/http/head.ts";
import { Truncated, WireReader } from "../../../sidecars/egress/http/wire_reader.ts";
import { CutStream, LateSink } from "./wire.ts";

/** Which side's messages a stream carries. */
export type Side =
  | { readonly kind: "requests" }
  /** Method of the request that each response answers, over and over. */
  | { readonly kind: "responses"; readonly methods: readonly string[] };

/** A message that the engine took whole. */
export interface Accepted {
  readonly head: RequestHead | ResponseHead;
  /** The head as it was read, the empty line included. */
  readonly headText: string;
  readonly framing: Framing;
  /** The body as it is passed on. */
  readonly passedOn: string;
  /** Where it begins and ends in the stream, in bytes. */
  readonly start: number;
  readonly end: number;
}

/** How a stream was read. */
export interface Reading {
  readonly messages: readonly Accepted[];
  /** Why it went no further. */
  readonly end: "end of stream" | "bad message" | "truncated";
}

/** How the stream arrives, and how much of it is borne. */
export interface Conditions {
  /** Sizes of the reads; see {@linkcode CutStream}. */
  readonly cuts: readonly number[];
  /** Longest head and longest trailer section. */
  readonly limit: number;
}

/** Reads a stream to its end or to the first message that is refused. Whatever else is thrown passes. */
export async function readWithEngine(side: Side, wire: string, conditions: Conditions): Promise<Reading> {
  const stream = new CutStream(wire, conditions.cuts);
  const reader = new WireReader(stream);
  const messages: Accepted[] = [];
  try {
    for (;;) {
      const message = await readOne(side, stream, reader, messages.length, conditions.limit);
      if (message === undefined) return { messages, end: "end of stream" };
      messages.push(message);
    }
  } catch (error) {
    if (error instanceof BadMessage) return { messages, end: "bad message" };
    if (error instanceof Truncated) return { messages, end: "truncated" };
    throw error;
  }
}

/** Method of the request that the nth response answers. */
export function methodOf(side: Side, index: number): string {
  return side.kind === "requests" ? "" : side.methods[index % side.methods.length] ?? "GET";
}

async function readOne(
  side: Side,
  stream: CutStream,
  reader: WireReader,
  index: number,
  limit: number,
): Promise<Accepted | undefined> {
  const start = stream.given - reader.buffered;
  const headText = await reader.readHead(limit);
  if (headText === undefined) return undefined;
  let head: RequestHead | ResponseHead;
  let framing: Framing;
  if (side.kind === "requests") {
    head = parseRequestHead(headText);
    framing = requestFraming(head);
  } else {
    head = parseResponseHead(headText);
    framing = responseFraming(head, methodOf(side, index));
  }
  const sink = new LateSink();
  await pumpBody(reader, new Outbox(sink), framing, {
    onProgress: () => {},
    trailerBytes: limit,
    isForbiddenTrailer,
  });
  const end = stream.given - reader.buffered;
  return { head, headText, framing, passedOn: sink.text, start, end };
}
