/** Looks for made-up secrets in streams of bytes, however the chunks fall. */

import { Buffer } from "node:buffer";

/** A text to look for. */
export interface Needle {
  /** What it is, for the message; never the text. */
  readonly name: string;
  readonly text: string;
}

/** A secret in the forms in which a careless program would keep it. */
export function formsOf(name: string, secret: string): readonly Needle[] {
  const bytes = new TextEncoder().encode(secret);
  return [
    { name, text: secret },
    { name: `${name} in hex`, text: bytes.toHex() },
    { name: `${name} backwards`, text: [...secret].reverse().join("") },
    ...[0, 1, 2].map((offset) => ({
      name: `${name} in base64 (${offset})`,
      text: base64Inside(bytes, offset),
    })),
  ];
}

/**
 * The characters of base64 that stand for these bytes alone, when so many bytes stand before them.
 * Works for both alphabets where the secret is of letters, digits and `-`: such base64 has no `+` and no `/`
 * only by luck, so the longest run without them is taken.
 */
function base64Inside(bytes: Uint8Array, offset: number): string {
  const whole = new Uint8Array([...new Uint8Array(offset), ...bytes]).toBase64({ omitPadding: true });
  const from = Math.ceil((offset * 8) / 6);
  const to = Math.floor(((offset + bytes.length) * 8) / 6);
  const runs = whole.slice(from, to).split(/[+/]/);
  return runs.reduce((a, b) => b.length > a.length ? b : a);
}

/**
 * Reads a stream to its end.
 *
 * @returns names of the needles found, without doubles
 */
export async function findIn(
  stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  needles: readonly Needle[],
): Promise<readonly string[]> {
  const found = new Set<string>();
  // A needle can lie across a border: so many characters of the last chunk are read again with the next one.
  const overlap = Math.max(...needles.map(({ text }) => text.length)) - 1;
  let rest = "";
  for await (const chunk of stream) {
    const text = rest + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString("latin1");
    for (const needle of needles) {
      if (!found.has(needle.name) && text.includes(needle.text)) found.add(needle.name);
    }
    rest = overlap > 0 ? text.slice(-overlap) : "";
  }
  return [...found];
}

/** A text as a stream for {@linkcode findIn}. */
export function streamOf(text: string): readonly Uint8Array[] {
  return [new TextEncoder().encode(text)];
}
