/** Lines of a byte stream, without their newlines; a long one in pieces. */

/** Longest piece, bytes. */
const MAX_PIECE = 64 * 1024;

/** How much of a piece is repeated at the start of the next, so that nothing short is torn, bytes. */
const OVERLAP = 1024;

const NEWLINE = 0x0a;

/**
 * Calls `take` with every line of a stream, one after the other.
 *
 * @param take `first` is false for the later pieces of a line
 */
export async function eachLine(
  stream: ReadableStream<Uint8Array>,
  take: (bytes: Uint8Array, first: boolean) => Promise<void>,
): Promise<void> {
  let held = new Uint8Array(0);
  let first = true;
  for await (const bytes of stream) {
    const data = held.length === 0 ? bytes : joined(held, bytes);
    let at = 0;
    while (true) {
      const end = data.indexOf(NEWLINE, at);
      const stop = end < 0 ? data.length : end;
      while (stop - at > MAX_PIECE) {
        await take(data.subarray(at, at + MAX_PIECE), first);
        first = false;
        at += MAX_PIECE - OVERLAP;
      }
      if (end < 0) break;
      await take(data.subarray(at, end), first);
      first = true;
      at = end + 1;
    }
    held = data.slice(at);
  }
  if (held.length > 0) await take(held, first);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
