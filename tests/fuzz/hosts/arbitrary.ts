/** Generators of host texts: names, numbers and addresses, well written and not. */

import fc from "fast-check";

const char = (from: number, to: number) =>
  fc.integer({ min: from, max: to }).map((code) => String.fromCodePoint(code));

const letter = fc.oneof(
  { weight: 10, arbitrary: fc.constantFrom(..."abcxyzABCXYZ019-_") },
  // Case, width, joiners, dots, deviations, digits and direction: what IDNA treats in some way of its own.
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ..."éÉßẞςſKÅĳŉﬀ½①ａＺ０１ⅷ日本あア가ابא٣۳०\u0301\u00ad\u200b\u200c\u200d\u2060\ufeff🙂。．｡․",
    ),
  },
  {
    weight: 1,
    arbitrary: fc.oneof(char(0x80, 0x24f), char(0x370, 0x6ff), char(0x2000, 0x24ff), char(0xfb00, 0xffee)),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", minLength: 1, maxLength: 1 }) },
);

const label = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: letter, maxLength: 8 }) },
  { weight: 1, arbitrary: fc.string({ unit: letter, maxLength: 8 }).map((text) => `xn--${text}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("xn--bcher-kva", "xn--zca", "xn--fa-hia", "xn--", "xn--a", "xn--xn---epa"),
  },
  { weight: 1, arbitrary: fc.integer({ min: 60, max: 66 }).map((length) => "a".repeat(length)) },
);

const dot = fc.oneof({ weight: 12, arbitrary: fc.constant(".") }, {
  weight: 1,
  arbitrary: fc.constantFrom(..."。．｡․"),
});

const dotted = (part: fc.Arbitrary<string>, maxLength: number): fc.Arbitrary<string> =>
  fc.tuple(
    fc.array(fc.tuple(part, dot), { minLength: 1, maxLength }),
    fc.constantFrom("", "", "", ".", "..", ".com"),
  )
    .map(([parts, end]) =>
      parts.map(([text, mark], index) => index === 0 ? text : mark + text).join("") + end
    );

const name = dotted(label, 5);

const number = fc.tuple(
  fc.oneof(
    { weight: 5, arbitrary: fc.integer({ min: 0, max: 300 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffffffff }) },
  ),
  fc.constantFrom("decimal", "decimal", "decimal", "octal", "hex", "HEX", "padded", "wide", "0x"),
).map(([value, form]) => {
  switch (form) {
    case "octal":
      return `0${value.toString(8)}`;
    case "hex":
      return `0x${value.toString(16)}`;
    case "HEX":
      return `0X${value.toString(16).toUpperCase()}`;
    case "padded":
      return `00${value}`;
    case "wide":
      return `${value}`.replace(/[0-9]/g, (digit) => String.fromCharCode(0xff10 + Number(digit)));
    case "0x":
      return "0x";
    default:
      return `${value}`;
  }
});

const numeric = dotted(number, 5);
const plainV4 = fc.ipV4();

const group = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      "0",
      "ffff",
      "FFFF",
      "1",
      "0001",
      "abcd",
      "7f00",
      "fe80",
      "64",
      "ff9b",
      "2002",
    ),
  },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 0x1ffff }).map((value) => value.toString(16)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("", "g", "00001", "127.0.0.1", "1.2.3", "01.2.3.4", "%eth0", "%25eth0"),
  },
);
const v6 = fc.oneof(
  { weight: 2, arbitrary: fc.ipV6() },
  { weight: 3, arbitrary: fc.array(group, { minLength: 1, maxLength: 9 }).map((groups) => groups.join(":")) },
  {
    weight: 3,
    arbitrary: fc.tuple(
      fc.array(group, { maxLength: 4 }),
      fc.array(group, { maxLength: 4 }),
      fc.constantFrom("", ":127.0.0.1", ":10.0.0.256"),
    ).map(([head, tail, end]) => `${head.join(":")}::${tail.join(":")}${end}`),
  },
  { weight: 1, arbitrary: plainV4.map((text) => `::ffff:${text}`) },
);

const bracketed = fc.tuple(v6, fc.constantFrom("[]", "[]", "[]", "", "[", "]")).map(([text, brackets]) =>
  `${brackets.startsWith("[") ? "[" : ""}${text}${brackets.endsWith("]") ? "]" : ""}`
);

const SPLINTERS = [
  ..."%/\\?#@:*[]<>^|{}`\"'!$&()+,;=~ \t\r\n\0\x7f",
  "%2e",
  "%00",
  "%25",
  ":443",
  "user@",
  "http://",
  "\u2028",
  "\ud800",
  "。",
  "\u00ad",
  "0x",
];

/** Texts that may or may not name a host. */
export const anyHost: fc.Arbitrary<string> = fc.tuple(
  fc.oneof(
    { weight: 4, arbitrary: name },
    { weight: 2, arbitrary: numeric },
    { weight: 1, arbitrary: plainV4 },
    { weight: 2, arbitrary: bracketed },
    { weight: 1, arbitrary: fc.domain() },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 20 }) },
  ),
  fc.oneof(
    { weight: 4, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.tuple(fc.nat(999), fc.constantFrom(...SPLINTERS)) },
  ),
).map(([text, splinter]) => {
  if (splinter === undefined) return text;
  const at = Math.ceil((splinter[0] * text.length) / 999);
  return text.slice(0, at) + splinter[1] + text.slice(at);
});

/** Texts that may or may not be an authority. */
export const anyAuthority: fc.Arbitrary<string> = fc.tuple(
  anyHost,
  fc.constantFrom(
    "",
    ":443",
    ":8080",
    ":80",
    ":0",
    ":65536",
    ":",
    ":+1",
    ":0443",
    ":80:80",
    ":４４３",
    ": 1",
    ":1e3",
    ":-1",
  ),
).map((both) => both.join(""));

const ldh = fc.string({
  unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_"),
  minLength: 1,
  maxLength: 12,
})
  .filter((text) => !/^-|-$|^..--/.test(text));

/** Names that every resolver takes, and addresses in their plain forms. */
export const plainHost: fc.Arbitrary<{ readonly text: string; readonly canonical: string }> = fc.oneof(
  fc.tuple(
    fc.array(ldh, { maxLength: 4 }),
    fc.constantFrom("com", "test", "Example", "x1"),
    fc.constantFrom("", "."),
  )
    .map(([labels, last, end]) => {
      const text = [...labels, last].join(".");
      return { text: `${text}${end}`, canonical: text.toLowerCase() };
    }),
  plainV4.map((text) => ({ text, canonical: text })),
);
