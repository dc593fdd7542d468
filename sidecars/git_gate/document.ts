/**
 * One text for one run of gitleaks, made of all the pieces of a push, and the way back from a line of it to its piece.
 *
 * gitleaks reads standard input in chunks. A chunk ends at the first empty line behind what one read gave it, or 25 kB
 * later wherever that is, and a secret across two chunks is in neither. So here only this file writes empty lines, one
 * every `SEGMENT` bytes at most, and behind each one the end of what was before it stands again.
 */

import type { Place } from "./findings.ts";
import { PIECE } from "./lines.ts";

/** Where the text goes. */
export type ByteSink = (bytes: Uint8Array<ArrayBuffer>) => Promise<void>;

/**
 * Newlines at the start. gitleaks takes its first read, of at most so many bytes (`defaultBufferSize`), for a file of
 * its own and says nothing of a whole text that has the marks of an archive in there: `ustar` at byte 257 is enough.
 */
const PREAMBLE = 100_000;

/** Most bytes between two empty lines; gitleaks looks for one for 25,000. */
const SEGMENT = 24_000;

/** How much of a segment stands again in the next, bytes: more than a 4096-bit key takes. */
const OVERLAP = 4096;

/** Bytes that are gathered before they go out. */
const BUFFER = 256 * 1024;

/** What stands beside a line: newlines before it, a form feed in it. */
const SLACK = 4;

const [TAB, NEWLINE, FORM_FEED, CARRIAGE_RETURN, SPACE] = [0x09, 0x0a, 0x0c, 0x0d, 0x20];

interface Entry {
  /** First line of the document, counted from 1, that this is about. */
  readonly from: number;
  readonly place: Place;
}

/** Writes the document. */
export class ScanDocument {
  readonly #sink: ByteSink;
  readonly #entries: Entry[] = [];
  #buffer = new Uint8Array(BUFFER).fill(NEWLINE, 0, PREAMBLE);
  #held = PREAMBLE;
  /** Where the segment begins in the buffer. */
  #segment = PREAMBLE;
  /** The line that is being written, counted from 1. */
  #line = PREAMBLE + 1;
  /** The piece that begins with the next line. */
  #next: Place | undefined;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  /** Begins a piece; `place.line` is the number of its first line, absent where lines do not count. */
  begin(place: Place): void {
    this.#next = place;
  }

  /**
   * Adds a line of the piece, without its newline, or a part of a long one. What no text holds is left out
   * (see {@linkcode readable}).
   *
   * @param first whether it is the line's first part
   */
  add(line: Uint8Array, first = true): void {
    if (line.length > PIECE) throw new RangeError("a line comes in pieces");
    const text = readable(line);
    this.#reserve(text.length + SLACK);
    if (this.#next !== undefined) this.#begin(this.#next);
    else if (this.#held - this.#segment + text.length + SLACK > SEGMENT) this.#goOn(first);
    else if (first) this.#newline();
    // Later parts overlap those before them. A form feed parts them, for the rules a blank, and counts as no line.
    else this.#put(FORM_FEED);
    this.#buffer.set(text, this.#held);
    this.#held += text.length;
    if (isBlank(text)) this.#put(FORM_FEED);
  }

  /** Writes what is held, if that is much. */
  async drain(): Promise<void> {
    if (this.#held > BUFFER / 2) await this.#write(this.#segment);
  }

  /** Writes what is left, at the end. */
  async flush(): Promise<void> {
    await this.#write(this.#held);
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

  #begin(place: Place): void {
    this.#newline();
    this.#newline();
    this.#segment = this.#held;
    this.#entries.push({ from: this.#line, place });
    this.#next = undefined;
  }

  /** Begins a segment of the same piece. */
  #goOn(first: boolean): void {
    const place = this.placeOf(this.#line)!;
    const tail = this.#buffer.slice(Math.max(this.#segment, this.#held - OVERLAP), this.#held);
    const lines = tail.filter((byte) => byte === NEWLINE).length;
    this.#begin({ ...place, ...(place.line !== undefined && { line: place.line - lines }) });
    this.#buffer.set(tail, this.#held);
    this.#held += tail.length;
    this.#line += lines;
    if (first) this.#newline();
    else this.#put(FORM_FEED);
  }

  #newline(): void {
    this.#put(NEWLINE);
    this.#line++;
  }

  #put(byte: number): void {
    this.#buffer[this.#held++] = byte;
  }

  #reserve(bytes: number): void {
    if (this.#held + OVERLAP + bytes <= this.#buffer.length) return;
    const larger = new Uint8Array(this.#buffer.length * 2);
    larger.set(this.#buffer);
    this.#buffer = larger;
  }

  /** Writes the buffer up to there. */
  async #write(end: number): Promise<void> {
    const out = this.#buffer.slice(0, end);
    this.#buffer.copyWithin(0, end, this.#held);
    this.#held -= end;
    this.#segment = Math.max(0, this.#segment - end);
    if (out.length > 0) await this.#sink(out);
  }
}

/** Whether gitleaks would see an empty line in it. */
function isBlank(text: Uint8Array): boolean {
  return text.every((byte) => byte === SPACE || byte === TAB || byte === CARRIAGE_RETURN);
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
    if (byte >= SPACE && byte < 0x7f || byte === TAB) {
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

/** Whether a line holds what text has none of; a carriage return ends lines on some systems. */
function hasControl(line: Uint8Array): boolean {
  for (let at = 0; at < line.length; at++) {
    const byte = line[at]!;
    if (byte < SPACE && byte !== TAB && byte !== CARRIAGE_RETURN) return true;
  }
  return false;
}
