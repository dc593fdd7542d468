/** Work grows with the length of an input and not with its square, up to the longest head that egress reads. */

import { assert } from "@std/assert";
import { decide } from "../../lib/egress/decide.ts";
import { readPath } from "../../lib/egress/path.ts";
import { parseRoutes } from "../../lib/egress/wire.ts";
import { canonicalHost } from "../../lib/net/host_name.ts";
import { DEFAULT_LIMITS } from "../../sidecars/egress/limits.ts";
import { type Reading, readWithEngine } from "./http/ours.ts";

/** Longest input, and one an eighth as long: linear work takes 8 times as long, quadratic work 64 times. */
const LONG = DEFAULT_LIMITS.headBytes;
const SHORT = LONG / 8;
/** Most that the longer one may take of the shorter one's time, and milliseconds that are no matter anyhow. */
const MOST = 32;
const SLACK = 50;

interface Growth {
  readonly name: string;
  /** An input of about that length. */
  readonly input: (length: number) => string;
  readonly work: (input: string) => unknown;
}

const repeat = (text: string) => (length: number) =>
  text.repeat(Math.ceil(length / text.length)).slice(0, length);

const request = (cuts: readonly number[]) => (wire: string): Promise<Reading> =>
  readWithEngine({ kind: "requests" }, wire, { cuts, limit: 2 * LONG });

const GET = "GET / HTTP/1.1\r\n";
const CHUNKED = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";

const HEADS: readonly [name: string, input: Growth["input"]][] = [
  ["one long line", (length) => `${GET}X: ${repeat("a")(length)}\r\n\r\n`],
  ["a line that does not end", (length) => `${GET}X: ${repeat("a")(length)}`],
  ["blanks within a value", (length) => `${GET}X: a${repeat(" ")(length)}b\r\n\r\n`],
  ["blanks alone", (length) => `${GET}X:${repeat("\t ")(length)}\r\n\r\n`],
  ["many lines", (length) => `${GET}${repeat("X: a\r\n")(length)}\r\n\r\n`],
  ["a long target", (length) => `GET /${repeat("%2e")(length)} HTTP/1.1\r\n\r\n`],
  ["lists", (length) => `${GET}Connection: ${repeat(", ")(length)}\r\n\r\n`],
  ["small chunks", (length) => `${CHUNKED}${repeat("1\r\na\r\n")(6 * Math.floor(length / 6))}0\r\n\r\n`],
  [
    "chunk extensions",
    (length) => `${CHUNKED}${repeat(`1;${"a".repeat(995)}\r\na\r\n`)(1002 * Math.floor(length / 1002))}`,
  ],
  ["trailers", (length) => `${CHUNKED}0\r\nX: ${repeat("a")(length)}\r\n\r\n`],
  ["a body", (length) => `POST / HTTP/1.1\r\nContent-Length: ${length}\r\n\r\n${repeat("\n")(length)}`],
];

const PATHS = [
  "%25",
  "%2e%2e%2f",
  "../",
  ".",
  ". ",
  ";",
  "/;",
  "/.;",
  "//",
  "\\",
  "%",
  "%u002e",
  "%ff",
  "%cc%81%cc%a3",
  "%e2%80%a5",
  "%ef%b7%ba",
  "%0a",
  "?",
];

const TABLE = parseRoutes(JSON.stringify({ routes: [{ host: "a.test" }] }));
const ask = (target: string) =>
  decide(TABLE, { scheme: "https", host: "a.test", port: 443, method: "GET", target });

const GROWTHS: readonly Growth[] = [
  ...HEADS.flatMap(([name, input]): Growth[] => [
    { name: `HTTP, ${name}, in one read`, input, work: request([]) },
    { name: `HTTP, ${name}, byte by byte`, input, work: request([1]) },
  ]),
  ...PATHS.map((text): Growth => ({
    name: `path of ${text}`,
    input: (length) => `/v1/${repeat(text)(length)}x`,
    work: readPath,
  })),
  ...["&", "service", "%25", "service=%2525&", ";=", "%26"].map((text): Growth => ({
    name: `query of ${text}`,
    input: (length) => `/?${repeat(text)(length)}`,
    work: ask,
  })),
  ...["a", "a.", "é", "xn--a.", "1:", "0x", "é\u0323\u0301", ".", "\u00ad"].map((text): Growth => ({
    name: `host of ${text}`,
    input: repeat(text),
    work: canonicalHost,
  })),
];

/** The least of three, since what else the machine does only adds. */
async function timeOf({ input, work }: Growth, length: number): Promise<number> {
  const text = input(length);
  let least = Infinity;
  for (let round = 0; round < 3; round++) {
    const start = performance.now();
    await work(text);
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

Deno.test("time grows with the length of the input, not with its square", async (t) => {
  for (const growth of GROWTHS) {
    await t.step(growth.name, async () => {
      const short = await timeOf(growth, SHORT);
      const long = await timeOf(growth, LONG);
      const shown = `${short.toFixed(1)} ms, then ${long.toFixed(1)} ms for 8 times the length`;
      assert(long < MOST * short + SLACK, shown);
    });
  }
});
