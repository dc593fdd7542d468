/** What must hold for every byte stream, whatever is in it. */

import fc from "fast-check";
import { assertQuick, type Tally, type Target } from "../check.ts";
import { answered, chunkedStream, cuts, headLimit, requestStream, responseStream } from "./messages.ts";
import { type Accepted, type Reading, readWithEngine, type Side } from "./ours.ts";
import { assertFramedAlike, type Peer } from "./peer.ts";
import { type Sound, soundRequest, soundResponse } from "./sound.ts";

const CLAIM =
  "what is accepted, other parsers frame the same, and it passes exactly, however it is cut into reads";

/** Longest message that peers are shown: a longer body says nothing new about framing, and takes long. */
const SHOWN = 10_000;

/** The targets for byte streams; each accepted message is shown to every peer. */
export function streamTargets(peers: readonly Peer[]): readonly Target[] {
  return [
    target("requests", requestStream, fc.constant({ kind: "requests" })),
    target("responses", responseStream, answered.map((methods) => ({ kind: "responses", methods }))),
    target("chunked", chunkedStream, fc.constant({ kind: "requests" })),
  ];

  function target(name: string, stream: fc.Arbitrary<string>, side: fc.Arbitrary<Side>): Target {
    return {
      name,
      claim: CLAIM,
      leastAccepted: 0.3,
      property: (tally) =>
        fc.asyncProperty(
          stream,
          side,
          cuts,
          headLimit,
          async (wire, kind, sizes, limit) => void await holds(peers, tally, wire, kind, sizes, limit),
        ),
    };
  }
}

/** The targets for messages that must be accepted. */
export function soundTargets(peers: readonly Peer[]): readonly Target[] {
  return [
    target("sound-requests", soundRequest, { kind: "requests" }),
    target("sound-responses", soundResponse, { kind: "responses", methods: ["GET"] }),
  ];

  function target(name: string, message: fc.Arbitrary<Sound>, side: Side): Target {
    return {
      name,
      claim: "what the grammar allows is accepted, means what was said, and passes exactly",
      leastAccepted: 1,
      property: (tally) =>
        fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 3 }), cuts, async (sound, sizes) => {
          const wire = sound.map((one) => one.wire).join("");
          // A big body byte by byte shows nothing new and takes long.
          const kind = wire.length > 10_000 ? sizes.map((size) => size * 997) : sizes;
          const { messages, end } = await holds(peers, tally, wire, side, kind, 65_536);
          equal("the end", end, "end of stream");
          equal("the number of messages", `${messages.length}`, `${sound.length}`);
          for (const [index, message] of messages.entries()) assertMeans(message, sound[index]!);
        }),
    };
  }
}

function assertMeans({ head, framing, passedOn }: Accepted, said: Sound): void {
  equal(
    "the start",
    "method" in head ? `${head.method} ${head.target}` : `${head.status} ${head.reason}`,
    said.start,
  );
  equal(
    "the fields",
    head.fields.map(({ name, value }) => `${name}: ${value}`).join("\n"),
    said.fields.join("\n"),
  );
  if (framing.kind !== "chunked") return equal("the body", passedOn, said.body);
  const { body, trailers } = unchunked(passedOn);
  equal("the chunks' data", body, said.body);
  equal("the trailers", trailers, `${said.trailers}\r\n`);
}

async function holds(
  peers: readonly Peer[],
  tally: Tally,
  wire: string,
  side: Side,
  sizes: readonly number[],
  limit: number,
): Promise<Reading> {
  const start = performance.now();
  const reading = await readWithEngine(side, wire, { cuts: sizes, limit });
  assertQuick(start);
  for (const message of reading.messages) {
    tally.count(true);
    assertExact(message, wire);
  }
  if (reading.end !== "end of stream") tally.count(false);
  if (sizes.length > 0) {
    assertAlike(reading, await readWithEngine(side, wire, { cuts: [], limit }));
  }
  for (const [index, message] of reading.messages.entries()) {
    if (message.end - message.start > SHOWN) continue;
    for (const peer of peers) await assertFramedAlike(peer, side, index, message, wire.slice(message.start));
  }
  return reading;
}

/** Nothing of a head is lost or changed, and a body that is not chunked passes as it is. */
function assertExact({ head, headText, framing, passedOn, start, end }: Accepted, wire: string): void {
  const first = "method" in head
    ? `${head.method} ${head.target} HTTP/1.${head.minor}`
    : `HTTP/1.${head.minor} ${head.status} ${head.reason}`;
  const [line, ...lines] = headText.slice(0, -4).split("\r\n");
  equal("the head", headText, wire.slice(start, start + headText.length));
  // Before an empty reason the space may be missing.
  equal("the first line", first.trimEnd(), line!.trimEnd());
  equal("the lines", head.fields.map((field) => field.line).join("\r\n"), lines.join("\r\n"));
  const body = wire.slice(start + headText.length, end);
  if (framing.kind !== "chunked") equal("the body", passedOn, body);
  else equal("the chunked body", passedOn, plainChunks(body));
}

/** A chunked body that should be sound, with its sizes in plain hexadecimal and without extensions. */
function plainChunks(body: string): string {
  const { sizes, pieces, trailers } = unchunked(body);
  const chunks = pieces.map((piece, index) => `${sizes[index]!.toString(16)}\r\n${piece}\r\n`);
  return `${chunks.join("")}0\r\n${trailers}`;
}

interface Unchunked {
  readonly sizes: readonly number[];
  readonly pieces: readonly string[];
  readonly body: string;
  readonly trailers: string;
}

/** Takes a chunked body apart that should be sound. */
function unchunked(text: string): Unchunked {
  const sizes: number[] = [];
  const pieces: string[] = [];
  for (let at = 0;;) {
    const line = text.slice(at, text.indexOf("\r\n", at));
    const size = Number.parseInt(line, 16);
    if (Number.isNaN(size)) throw new Error(`a chunk without a size is passed on: ${JSON.stringify(text)}`);
    at += line.length + 2;
    if (size === 0) return { sizes, pieces, body: pieces.join(""), trailers: text.slice(at) };
    sizes.push(size);
    pieces.push(text.slice(at, at + size));
    at += size + 2;
  }
}

function assertAlike(one: Reading, other: Reading): void {
  const shown = ({ messages, end }: Reading) => JSON.stringify({ messages, end });
  equal("the reading in one piece", shown(other), shown(one));
}

function equal(what: string, actual: string, expected: string): void {
  if (actual === expected) return;
  throw new Error(`${what} is ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`);
}
