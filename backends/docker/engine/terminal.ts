/** The operator's end of an attached program: standard input, output, error, and the terminal if they are one. */

import process from "node:process";
import { messageOf, OperatorError } from "../../../lib/errors.ts";

/** Leaves the alternate screen and begins a line: for a program that was cut off in the middle of one. */
const UNDO_SCREEN = "\x1b[?1049l\r\n";

/**
 * Undoes what a program sets and may leave: hidden cursor, mouse, focus and paste reports, keyboard protocol, colours.
 * Harmless where nothing was set.
 */
const UNDO_MODES = "\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2004l" +
  "\x1b[<u\x1b[>4m\x1b[0m";

/** Size in character cells. */
export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** Whether standard input and output are both a terminal. */
export function onTerminal(): boolean {
  return Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
}

/** Size of the terminal, undefined without one. */
export function terminalSize(): TerminalSize | undefined {
  try {
    const { rows, columns } = Deno.consoleSize();
    return rows > 0 && columns > 0 ? { rows, columns } : undefined;
  } catch {
    return undefined; // not a terminal
  }
}

/** Puts the terminal into raw mode until disposed. */
export function enterRawMode(): Disposable {
  process.stdin.setRawMode(true);
  return { [Symbol.dispose]: () => void process.stdin.setRawMode(false) };
}

/** Takes the terminal back from a program. @param cutOff it had no chance to tidy up */
export async function takeBack(cutOff: boolean): Promise<void> {
  await writeOut(new TextEncoder().encode(cutOff ? UNDO_SCREEN + UNDO_MODES : UNDO_MODES));
}

/** Calls back at each change of the terminal's size until disposed. */
export function onResize(changed: () => void): Disposable {
  Deno.addSignalListener("SIGWINCH", changed);
  return { [Symbol.dispose]: () => Deno.removeSignalListener("SIGWINCH", changed) };
}

/**
 * Reads standard input into a sink, one chunk at a time, until its end or until disposed. Disposing lets go of the
 * input without taking a byte more than was given to the sink: the next reader (a dashboard, a shell) gets them.
 * `Deno.stdin.read` cannot do that, a read once begun swallows the next key.
 *
 * @param sink takes a chunk (null: the end); the next one is read when it resolves
 */
export function readInput(sink: (chunk: Uint8Array | null) => Promise<void>): Disposable {
  const input = process.stdin;
  let released = false;
  const onData = (chunk: Uint8Array): void => {
    input.pause();
    sink(chunk).then(() => {
      if (!released) input.resume();
    });
  };
  const onEnd = (): void => void sink(null);
  input.on("data", onData);
  input.on("end", onEnd);
  // A terminal that is closed while the program runs gives an error (EIO): it is an end, and must not be thrown.
  input.on("error", onEnd);
  input.resume();
  return {
    [Symbol.dispose]: () => {
      released = true;
      input.off("data", onData);
      input.off("end", onEnd);
      input.off("error", onEnd);
      input.pause();
    },
  };
}

/** Writes to standard output. @throws {OperatorError} its reader is gone, or its disk is full */
export async function writeOut(bytes: Uint8Array): Promise<void> {
  await writeAll(Deno.stdout, bytes, "output");
}

/** Writes to standard error. @throws {OperatorError} its reader is gone, or its disk is full */
export async function writeErr(bytes: Uint8Array): Promise<void> {
  await writeAll(Deno.stderr, bytes, "error");
}

async function writeAll(
  to: { write(bytes: Uint8Array): Promise<number> },
  bytes: Uint8Array,
  name: string,
): Promise<void> {
  try {
    for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
  } catch (cause) {
    if (cause instanceof Deno.errors.BrokenPipe) {
      throw new OperatorError(`standard ${name} was closed while the program ran`, { cause });
    }
    throw new OperatorError(`standard ${name} cannot be written to: ${messageOf(cause)}`, { cause });
  }
}
