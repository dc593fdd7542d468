/** Lines of a byte stream, without their newlines; a long one in pieces. */

/** Longest piece, bytes. */
export const PIECE: number = 16 * 1024;

/** How much of a piece is repeated at the start of the next, so that no token is torn, bytes. */
const OVERLAP = 1024;

const NEWLINE = 0x0a;

/** Takes a line, or a piece of one; `first` is false for the later pieces of a line. */
export type TakeLine = (bytes: Uint8Array, first: boolean) => void;

/**
 * Calls `take` with every line of a stream, one after the other.
 *
 * @param drain waited for again and again, so that what `take` gathers can go elsewhere
 */
export async function eachLine(
  stream: ReadableStream<Uint8Array>,
  take: TakeLine,
  drain: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  let held = new Uint8Array(0);
  let first = true;
  for await (const bytes of stream) {
    const data = held.length === 0 ? bytes : joined(held, bytes);
    let at = 0;
    while (true) {
      const end = data.indexOf(NEWLINE, at);
      const stop = end < 0 ? data.length : end;
      while (stop - at > PIECE) {
        take(data.subarray(at, at + PIECE), first);
        first = false;
        at += PIECE - OVERLAP;
      }
      if (end < 0) break;
      take(data.subarray(at, end), first);
      first = true;
      at = end + 1;
    }
    held = data.slice(at);
    await drain();
  }
  if (held.length > 0) take(held, first);
  await drain();
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
