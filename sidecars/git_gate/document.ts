/**
 * One text for one run of gitleaks, made of all the pieces of a push, and the way back from a line of it to its piece.
 *
 * gitleaks reads standard input in chunks that end at empty lines where there are some, so pieces are set apart by
 * them and long ones get some.
 */

import type { Place } from "./findings.ts";

/** Where the text goes. */
export type ByteSink = (bytes: Uint8Array<ArrayBuffer>) => Promise<void>;

/** Bytes that are gathered before they go out. */
const BUFFER = 256 * 1024;

/** Bytes of one piece after which an empty line is put in; gitleaks looks for one for 25 kB. */
const STRETCH = 16 * 1024;

const NEWLINE = 0x0a;

/** Most newlines that go in beside a line. */
const SLACK = 8;

interface Entry {
  /** First line of the document, counted from 1, that this is about. */
  readonly from: number;
  readonly place: Place;
}

/** Writes the document. */
export class ScanDocument {
  readonly #sink: ByteSink;
  readonly #entries: Entry[] = [];
  #buffer = new Uint8Array(BUFFER);
  #held = 0;
  /** The line that is written next, counted from 1. */
  #line = 1;
  #stretch = 0;
  /** The piece that begins with the next line. */
  #next: Place | undefined;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  /** Begins a piece; `place.line` is the number of its first line, absent where lines do not count. */
  begin(place: Place): void {
    this.#next = place;
  }

  /** Adds a line of the piece, without its newline. What no text holds is left out (see `readable`). */
  async add(line: Uint8Array): Promise<void> {
    const text = readable(line);
    if (text.length + SLACK > BUFFER) throw new RangeError("a line is longer than the buffer");
    if (this.#held + text.length + SLACK > BUFFER) await this.flush();
    if (this.#next !== undefined) this.#set(this.#next);
    this.#buffer.set(text, this.#held);
    this.#held += text.length;
    this.#newline();
    this.#stretch += text.length + 1;
    if (this.#stretch > STRETCH) this.#set(this.placeOf(this.#line)!);
  }

  /** Writes what is held. */
  async flush(): Promise<void> {
    const out = this.#buffer.subarray(0, this.#held);
    this.#buffer = new Uint8Array(BUFFER);
    this.#held = 0;
    if (out.length > 0) await this.#sink(out);
  }

  /** The piece that a line of the document belongs to, with the line in it. */
  placeOf(line: number): Place | undefined {
    let [low, high] = [0, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#entries[middle]!.from <= line) low = middle + 1;
      else high = middle;
    }
    const entry = this.#entries[low - 1];
    if (entry?.place.line === undefined) return entry?.place;
    return { ...entry.place, line: entry.place.line + line - entry.from };
  }

  /** Sets what follows apart from what was before. */
  #set(place: Place): void {
    this.#newline();
    this.#newline();
    this.#entries.push({ from: this.#line, place });
    this.#next = undefined;
    this.#stretch = 0;
  }

  #newline(): void {
    this.#buffer[this.#held++] = NEWLINE;
    this.#line++;
  }
}

/** Shortest run of printable characters of a binary line that is kept. */
const MIN_RUN = 8;

/**
 * A line as gitleaks should see it: text as it is; of binary data the runs of printable characters, as strings(1) has
 * them, with UTF-16's zero bytes taken out first. Random bytes as text would take gitleaks a second for 2 MB.
 */
export function readable(line: Uint8Array): Uint8Array {
  if (!hasControl(line)) return line;
  const out = new Uint8Array(line.length);
  let [length, run] = [0, 0];
  for (let at = 0; at < line.length; at++) {
    const byte = line[at]!;
    if (byte === 0) continue;
    if (byte >= 0x20 && byte < 0x7f || byte === TAB) {
      out[length++] = byte;
      run++;
    } else {
      if (run < MIN_RUN) length -= run;
      else out[length++] = SPACE;
      run = 0;
    }
  }
  if (run < MIN_RUN) length -= run;
  return out.subarray(0, length);
}

const [TAB, CARRIAGE_RETURN, SPACE] = [0x09, 0x0d, 0x20];

/** Whether a line holds what text has none of; a carriage return ends lines on some systems. */
function hasControl(line: Uint8Array): boolean {
  for (let at = 0; at < line.length; at++) {
    const byte = line[at]!;
    if (byte < SPACE && byte !== TAB && byte !== CARRIAGE_RETURN) return true;
  }
  return false;
}
