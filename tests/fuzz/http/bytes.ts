/** Bytes as text, one character a byte: what shrinks, prints and compares most easily. Not the code under test. */

import { Buffer } from "node:buffer";

/** Bytes as Latin-1 text. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** Latin-1 text as bytes. */
export function toBytes(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}
