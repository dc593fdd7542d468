/** Generators of messages that every well-behaved peer may send, with what they mean. */

import fc from "fast-check";
import { anyBytes } from "./messages.ts";
import { BODIES } from "./pieces.ts";

/** A sound message and what it says. */
export interface Sound {
  readonly wire: string;
  /** Method and target, or status and reason, with a space between. */
  readonly start: string;
  /** `name: value`, the name in lower case, the value without the blanks around it. */
  readonly fields: readonly string[];
  /** The body's bytes. */
  readonly body: string;
  /** Trailer lines as they were written, with their ends. */
  readonly trailers: string;
}

const chars = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => String.fromCharCode(from + index));
const ALNUM = [...chars(0x30, 0x39), ...chars(0x41, 0x5a), ...chars(0x61, 0x7a)];
const TOKEN = [...ALNUM, ..."!#$%&'*+-.^_`|~"];
const VISIBLE = [...chars(0x21, 0x7e), ...chars(0x80, 0xff)];
const PCHAR = [...ALNUM, ..."-._~!$&'()*+,;=:@/", "%20", "%2F", "%C3%A9"];

const text = (unit: readonly string[], minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...unit), minLength, maxLength });

const blanks = fc.constantFrom("", " ", " ", " ", "  ", "\t", " \t ");

// Nothing that frames, that egress judges elsewhere, or that may not be a trailer.
const fieldName = fc.oneof(
  text(TOKEN, 1, 12).map((name) => `X-${name}`),
  fc.constantFrom(
    "Accept",
    "user-agent",
    "CONTENT-TYPE",
    "Cookie",
    "set-cookie",
    "Authorization",
    "Via",
    "Date",
  ),
);
const fieldValue = fc.array(text(VISIBLE, 1, 10), { maxLength: 3 }).map((words) => words.join(" \t"));
const field = fc.tuple(fieldName, blanks, fieldValue, blanks).map(([name, before, value, after]) => ({
  line: `${name}:${before}${value}${after}`,
  said: `${name.toLowerCase()}: ${value}`,
}));
const trailer = fc.tuple(text(ALNUM, 1, 8), fieldValue).map(([name, value]) => `Sum-${name}X: ${value}\r\n`);

const data = fc.oneof(
  { weight: 50, arbitrary: fc.constantFrom(...BODIES) },
  { weight: 50, arbitrary: anyBytes },
  // More than is gathered for one write.
  {
    weight: 1,
    arbitrary: fc.integer({ min: 60_000, max: 140_000 }).map((size) => "\r\n0123".repeat(size / 6)),
  },
);

const extension = fc.constantFrom("", "", "", ";a", ";a=b", ';a="b c"', ';a="\\""', ";a=b;c", " ; a = b");

interface Framed {
  readonly said: readonly string[];
  readonly lines: readonly string[];
  readonly onWire: string;
  readonly body: string;
  readonly trailers: string;
}

const NOTHING: Framed = { said: [], lines: [], onWire: "", body: "", trailers: "" };

const withLength = data.map((body): Framed => ({
  ...NOTHING,
  said: [`content-length: ${body.length}`],
  lines: [`Content-Length: ${body.length}`],
  onWire: body,
  body,
}));

const withChunks = fc.tuple(
  fc.array(fc.tuple(data.filter((bytes) => bytes !== ""), extension, fc.nat(3)), { maxLength: 4 }),
  extension,
  fc.array(trailer, { maxLength: 2 }),
).map(([chunks, last, trailers]): Framed => {
  const onWire = chunks.map(([bytes, ext, zeros]) =>
    `${"0".repeat(zeros)}${bytes.length.toString(16)}${ext}\r\n${bytes}\r\n`
  );
  return {
    said: ["transfer-encoding: chunked"],
    lines: ["Transfer-Encoding: chunked"],
    onWire: `${onWire.join("")}0${last}\r\n${trailers.join("")}\r\n`,
    body: chunks.map(([bytes]) => bytes).join(""),
    trailers: trailers.join(""),
  };
});

const framed = fc.oneof(fc.constant(NOTHING), withLength, withChunks);

function message(
  first: fc.Arbitrary<{ line: string; start: string }>,
  body: fc.Arbitrary<Framed>,
): fc.Arbitrary<Sound> {
  return fc.tuple(first, fc.array(field, { maxLength: 5 }), body, fc.nat(5)).map(
    ([{ line, start }, fields, { said, lines, onWire, body, trailers }, at]) => {
      const all = fields.map((one) => one.line).toSpliced(at, 0, ...lines);
      return {
        wire: `${[line, ...all].map((text) => `${text}\r\n`).join("")}\r\n${onWire}`,
        start,
        fields: fields.map((one) => one.said).toSpliced(at, 0, ...said),
        body,
        trailers,
      };
    },
  );
}

const requestStart = fc.tuple(
  fc.oneof(fc.constantFrom("GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS"), text(ALNUM, 1, 10)),
  text(PCHAR, 0, 12),
).filter(([method]) => method.toUpperCase() !== "CONNECT" && method !== "PRI").map(([method, path]) => ({
  line: `${method} /${path} HTTP/1.1`,
  start: `${method} /${path}`,
}));

const statusStart = (status: fc.Arbitrary<number>) =>
  fc.tuple(status, fc.oneof(fc.constant("OK"), fieldValue)).map(([code, reason]) => ({
    line: `HTTP/1.1 ${code} ${reason}`,
    start: `${code} ${reason}`,
  }));

/** Requests that must be taken. */
export const soundRequest: fc.Arbitrary<Sound> = message(requestStart, framed);

/** Responses to GET that must be taken, and after which another may follow. */
export const soundResponse: fc.Arbitrary<Sound> = fc.oneof(
  { weight: 1, arbitrary: message(statusStart(fc.constantFrom(100, 103, 204, 304)), fc.constant(NOTHING)) },
  {
    weight: 3,
    arbitrary: message(
      statusStart(fc.integer({ min: 200, max: 599 }).filter((code) => code !== 204 && code !== 304)),
      fc.oneof(withLength, withChunks),
    ),
  },
);
