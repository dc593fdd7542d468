/**
 * Questions on the terminal.
 *
 * Read byte by byte from standard input and only while a question is open: what is typed after the answer belongs
 * to the agent, whose program gets the same terminal. A prompt library reads all that is there and drops what follows
 * the answer (found with @clack/prompts 1.9.0: `y`, Enter and a word in one burst, and the word was gone); a blocking
 * read (std's `promptSecret`) would not see a signal.
 */

import { OperatorError } from "../errors.ts";
import type { Output } from "./output.ts";

/** The keyboard. */
export interface Keyboard {
  /** Whether a person is there. */
  isTerminal(): boolean;
  /** Turns echo and line editing of the terminal off or on; signals stay on. */
  setRaw(raw: boolean, options?: { cbreak: boolean }): void;
  /** Reads at least one byte; null at the end. */
  read(into: Uint8Array): Promise<number | null>;
}

const LF = 0x0a;
const CR = 0x0d;
const END = 0x04;
const BACKSPACE = 0x08;
const KILL_LINE = 0x15;
const DELETE = 0x7f;

/** Makes sure that a y/N question can be answered. @throws {OperatorError} a usage error when nobody is there */
export function requireTerminal(keyboard: Keyboard, what: string): void {
  if (keyboard.isTerminal()) return;
  throw new OperatorError(`standard input is not a terminal, so ${what} cannot be confirmed`, {
    mend: "pass --yes",
    status: 2,
  });
}

/** Asks y/N; anything but y or yes is no, the end of the input too. @throws the signal's reason */
export async function confirm(
  output: Output,
  keyboard: Keyboard,
  question: string,
  signal: AbortSignal,
): Promise<boolean> {
  output.ask(`${question} [y/N] `);
  const bytes: number[] = [];
  for await (const byte of keys(output, keyboard, signal)) {
    if (byte === LF || byte === CR) return /^y(es)?$/i.test(decode(bytes).trim());
    bytes.push(byte);
  }
  output.endLine();
  return false;
}

/**
 * Asks for a value; what is typed is not shown.
 *
 * @throws {OperatorError} when there is nobody to ask, or the input ends
 * @throws the signal's reason
 */
export async function askSecret(
  output: Output,
  keyboard: Keyboard,
  name: string,
  text: string,
  signal: AbortSignal,
): Promise<string> {
  if (!keyboard.isTerminal()) {
    throw new OperatorError(`env.${name} asks for a value, and standard input is not a terminal`, {
      mend: "run it from a terminal, or let the manifest read a host variable: ${NAME}",
    });
  }
  // Before the question: whoever answers at once, or pastes, must not see it echoed.
  keyboard.setRaw(true, { cbreak: true });
  try {
    output.ask(`${name}: ${text} (not shown): `);
    return await readHidden(keys(output, keyboard, signal), name);
  } finally {
    keyboard.setRaw(false);
    if (!signal.aborted) output.endLine();
  }
}

async function readHidden(typed: AsyncIterable<number>, name: string): Promise<string> {
  const bytes: number[] = [];
  for await (const byte of typed) {
    if (byte === LF || byte === CR) return decode(bytes);
    if (byte === END) break;
    if (byte === KILL_LINE) bytes.length = 0;
    else if (byte === BACKSPACE || byte === DELETE) dropCharacter(bytes);
    else bytes.push(byte);
  }
  throw new OperatorError(`no value was given for ${name}`);
}

/** One UTF-8 character: its last byte and the continuation bytes before the first. */
function dropCharacter(bytes: number[]): void {
  let byte = bytes.pop();
  while (byte !== undefined && (byte & 0xc0) === 0x80) byte = bytes.pop();
}

async function* keys(output: Output, keyboard: Keyboard, signal: AbortSignal): AsyncGenerator<number> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => {
    output.endLine();
    reject(signal.reason);
  };
  // Nobody may be waiting when it is rejected.
  aborted.catch(() => {});
  signal.throwIfAborted();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const one = new Uint8Array(1);
    while (await Promise.race([keyboard.read(one), aborted]) !== null) yield one[0]!;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function decode(bytes: readonly number[]): string {
  return new TextDecoder().decode(Uint8Array.from(bytes));
}
