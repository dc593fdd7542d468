/** Generators of HTTP/1.1 byte streams: messages by the grammar, then broken in a few places. */

import fc from "fast-check";
import {
  BODIES,
  CHUNK_EXTENSIONS,
  CHUNK_SIZES,
  FRAMING_LINES,
  LINE_ENDS,
  METHODS,
  OTHER_LINES,
  SPLINTERS,
  STATUSES,
  TARGETS,
  TRAILER_LINES,
  VERSIONS,
} from "./pieces.ts";

const pick = (texts: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...texts);
/** The first text three times of four, else any: so that most of a message is sound. */
const mostly = (usual: string, texts: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: pick(texts) });
const rarely = (usual: string, texts: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof({ weight: 40, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: pick(texts) });

/** Any bytes, as text. */
export const anyBytes: fc.Arbitrary<string> = fc.string({
  unit: fc.nat(255).map((code) => String.fromCharCode(code)),
  maxLength: 40,
});

const data = fc.oneof(pick(BODIES), anyBytes);
const lineEnd = rarely("\r\n", LINE_ENDS);

const headerLine = fc.oneof(
  { weight: 12, arbitrary: pick(OTHER_LINES.slice(0, 20)) },
  { weight: 1, arbitrary: pick(OTHER_LINES) },
  { weight: 1, arbitrary: pick(FRAMING_LINES) },
  { weight: 1, arbitrary: anyBytes.map((text) => `X-Any: ${text}`) },
);

const requestLine = fc.tuple(mostly("POST", METHODS), rarely("/v1/x", TARGETS), rarely("HTTP/1.1", VERSIONS))
  .map((words) => words.join(" "));

const statusLine = fc.tuple(
  rarely("HTTP/1.1", VERSIONS),
  mostly("200", STATUSES),
  mostly(" OK", ["", " ", " Not Found", " caf\xe9", "\tOK", " a\x00", "  "]),
).map(([version, status, reason]) => `${version} ${status}${reason}`);

const chunk = fc.tuple(
  data,
  rarely("", CHUNK_SIZES),
  mostly("", CHUNK_EXTENSIONS),
  fc.boolean(),
  fc.nat(3),
  lineEnd,
  lineEnd,
).map(([bytes, size, extension, upper, zeros, first, second]) => {
  const hex = "0".repeat(zeros) + bytes.length.toString(16);
  return `${size || (upper ? hex.toUpperCase() : hex)}${extension}${first}${bytes}${second}`;
});

/** A chunked body; an empty chunk amid others ends it early. */
export const chunkedBody: fc.Arbitrary<string> = fc.tuple(
  fc.array(chunk, { maxLength: 4 }),
  mostly("0", ["00", "0;a=b", "000 ;x", "", "0 ", "-0", "0x0"]),
  lineEnd,
  fc.array(fc.tuple(mostly("X-T: 1", TRAILER_LINES), lineEnd).map((both) => both.join("")), { maxLength: 2 }),
  lineEnd,
).map(([chunks, last, end, trailers, empty]) =>
  `${chunks.join("")}${last}${end}${trailers.join("")}${empty}`
);

/** A body and the header line that announces it. */
const framed = fc.oneof(
  { weight: 2, arbitrary: fc.constant({ line: "", body: "" }) },
  {
    weight: 3,
    arbitrary: fc.tuple(data, pick(["Content-Length", "content-length", "CONTENT-LENGTH"]))
      .map(([body, name]) => ({ line: `${name}: ${body.length}`, body })),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(chunkedBody, pick(["Transfer-Encoding: chunked", "transfer-encoding:  Chunked "]))
      .map(([body, line]) => ({ line, body })),
  },
  { weight: 1, arbitrary: fc.tuple(pick(FRAMING_LINES), data).map(([line, body]) => ({ line, body })) },
);

const message = (start: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(start, fc.array(headerLine, { maxLength: 4 }), framed, fc.nat(4), lineEnd, lineEnd)
    .map(([first, others, { line, body }, at, end, last]) => {
      const lines = line === "" ? others : others.toSpliced(at, 0, line);
      // One line end of a head is the one that may be wrong.
      const ends = [first, ...lines].map((text, index) => text + (index === at ? end : "\r\n"));
      return `${ends.join("")}${last}${body}`;
    });

/** One break: at a place given as a part of the whole, some bytes taken out and a splinter put in. */
const fault = fc.record({
  at: fc.nat(999),
  remove: fc.oneof(fc.constant(0), fc.nat(4)),
  insert: fc.oneof(fc.constant(""), pick(SPLINTERS), pick(FRAMING_LINES).map((line) => `\r\n${line}`)),
});

const faults = fc.oneof(
  { weight: 3, arbitrary: fc.constant([]) },
  { weight: 2, arbitrary: fc.array(fault, { minLength: 1, maxLength: 3 }) },
);

/** Breaks a text. */
export function broken(whole: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(whole, faults).map(([text, breaks]) =>
    breaks.reduce((current, { at, remove, insert }) => {
      const index = Math.floor((at * current.length) / 1000);
      return current.slice(0, index) + insert + current.slice(index + remove);
    }, text)
  );
}

/** A stream of pipelined requests. */
export const requestStream: fc.Arbitrary<string> = broken(
  fc.array(message(requestLine), { minLength: 1, maxLength: 3 }).map((all) => all.join("")),
);

/** A stream of responses. */
export const responseStream: fc.Arbitrary<string> = broken(
  fc.array(message(statusLine), { minLength: 1, maxLength: 3 }).map((all) => all.join("")),
);

/** A request whose head is sound and whose chunked body is not. */
export const chunkedStream: fc.Arbitrary<string> = broken(chunkedBody).map((body) =>
  `POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n${body}GET /next HTTP/1.1\r\n\r\n`
);

/** Methods of the requests that responses answer. */
export const answered: fc.Arbitrary<string[]> = fc.array(pick(["GET", "HEAD", "POST"]), {
  minLength: 1,
  maxLength: 3,
});

/** Sizes of reads: all at once, byte by byte, or any, empty ones among them. */
export const cuts: fc.Arbitrary<readonly number[]> = fc.oneof<fc.Arbitrary<readonly number[]>[]>(
  fc.constant([]),
  fc.constant([1]),
  fc.array(fc.nat(20), { minLength: 1, maxLength: 6 }),
  fc.array(fc.nat(200), { minLength: 1, maxLength: 3 }),
);

/** Limits of heads: one that nothing here reaches, most of the time. */
export const headLimit: fc.Arbitrary<number> = fc.oneof(
  { weight: 6, arbitrary: fc.constant(65_536) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 200 }) },
);
