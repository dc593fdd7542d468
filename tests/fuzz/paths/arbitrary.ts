/** Generators of route prefixes and of request paths that want to get out of them. */

import fc from "fast-check";

/** Prefixes as manifests have them. */
export const PREFIXES = ["/v1", "/v1/", "/", "/a/b", "/a/b/", "/repos/o/r.git", "/v1/a", "/~u/-_"];

const PIECES = [
  "/",
  "/",
  "/",
  "//",
  "\\",
  ".",
  "..",
  "..",
  "...",
  ";",
  ";a=b",
  "a",
  "b",
  "v1",
  "x",
  " ",
  "+",
  "?",
  "&",
  "@",
  ":",
  "~",
  "%",
  "%25",
  "%2",
  "%zz",
  "%2e",
  "%2E",
  "%2f",
  "%2F",
  "%5c",
  "%5C",
  "%3b",
  "%3f",
  "%23",
  "%20",
  "%00",
  "%09",
  "%0a",
  "%7f",
  "%c0%ae",
  "%c0%af",
  "%c1%9c",
  "%e0%80%ae",
  "%f0%80%80%ae",
  "%u002e",
  "%u002e%u002e",
  "%u2215",
  "%ef%bc%85",
  "%ef%bc%85",
  "%ef%bc%852e",
  "%ef%bc%852f",
  "%uff0e",
  "2e",
  "2f",
  "u002e",
  "%ff",
  "%c3%a9",
  "git-receive-pack",
  "/git-receive-pack",
  "git-receive-pack/",
  "info/refs",
];

/** Characters that are dots, slashes, percent signs, semicolons, digits or blanks to who folds them. */
const COMPATIBLE = "．․‥…。／⁄∕＼∖％﹪；﹔：＃？　\u00a0\u200b\u00ad２ｅＥｆ５ｃ\ufeff\u2028\u0301";

const triplet = (byte: number): string => `%${byte.toString(16).padStart(2, "0")}`;
const utf8 = (text: string): string => [...new TextEncoder().encode(text)].map(triplet).join("");

/** Encodes every character that is not a letter or digit; or all of them, or the percent signs alone. */
function encoded(text: string, how: number): string {
  const pattern = how === 0 ? /[^0-9A-Za-z]/g : how === 1 ? /./g : /%/g;
  return text.replace(pattern, (char) => triplet(char.charCodeAt(0)));
}

const piece = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...PIECES) },
  { weight: 2, arbitrary: fc.constantFrom(...COMPATIBLE).map(utf8) },
  {
    weight: 1,
    arbitrary: fc.string({
      unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
      maxLength: 4,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.string({ unit: "binary", maxLength: 3 }).map((text) => utf8(text.toWellFormed())),
  },
);

/** A run of pieces, encoded a few times over. */
const run = fc.tuple(
  fc.array(piece, { minLength: 1, maxLength: 6 }),
  fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, {
    weight: 1,
    arbitrary: fc.array(fc.nat(2), { minLength: 1, maxLength: 3 }),
  }),
).map(([pieces, layers]) => layers.reduce<string>(encoded, pieces.join("")));

/** A path that begins as some prefix does, most of the time. */
export const hostilePath: fc.Arbitrary<string> = fc.tuple(
  fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...PREFIXES) }, { weight: 1, arbitrary: fc.constant("") }),
  fc.constantFrom("", "/", "/", "/"),
  fc.array(run, { maxLength: 3 }),
).map(([prefix, slash, runs]) => `${prefix}${slash}${runs.join("")}`);

const QUERY_PIECES = [
  "service=git-receive-pack",
  "service",
  "git-receive-pack",
  "git-upload-pack",
  "=",
  "=",
  "&",
  "&",
  ";",
  "?",
  "+",
  "a=b",
  "SERVICE",
  "[]",
  "%00",
  "%20",
  "%",
];

/** A query in which a push may be asked for. */
export const hostileQuery: fc.Arbitrary<string> = fc.array(
  fc.tuple(
    fc.constantFrom(...QUERY_PIECES),
    fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, {
      weight: 1,
      arbitrary: fc.array(fc.nat(2), { maxLength: 2 }),
    }),
  )
    .map(([text, layers]) => layers.reduce<string>(encoded, text)),
  { maxLength: 7 },
).map((pieces) => pieces.join(""));

const plainChar = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(..."abcXYZ0189-_~.!$&'()*+,=:@;") },
  {
    weight: 1,
    arbitrary: fc.constantFrom("é", "ü", "日", "本", "🙂", " ", "%z", "/", "ａ").map(encodeURIComponent),
  },
);

/** Text of a segment that no server takes for a dot segment, whatever it drops. */
const plainSegment = fc.string({ unit: plainChar, maxLength: 6 }).filter((text) =>
  decodeURIComponent(text).split(/[/;]/).every((part) => !/^[. ]+$/.test(part))
);

/** A prefix, and a path inside it that every well-behaved client may send. */
export const plainPath: fc.Arbitrary<{ readonly prefix: string; readonly path: string }> = fc.tuple(
  fc.constantFrom(...PREFIXES),
  fc.array(plainSegment, { maxLength: 4 }),
  fc.constantFrom("", "/"),
).map(([prefix, segments, end]) => ({
  prefix,
  path: segments.length === 0 ? prefix : `${prefix.replace(/\/$/, "")}/${segments.join("/")}${end}`,
}));
