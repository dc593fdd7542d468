/** The operator's terminal on a program in a container, and a container's standard input at start. */

import { OperatorError } from "../../../lib/errors.ts";
import { escapeUntrusted } from "../../../lib/escape.ts";
import { inspectContainer, startContainer } from "./containers.ts";
import type { Engine } from "./engine.ts";
import { atEdge, EngineError, isRefusal } from "./errors.ts";
import { createExec, type ExecSpec, execStatus } from "./exec.ts";
import { FrameDecoder } from "./frames.ts";
import type { RawStream } from "./raw_stream.ts";
import {
  enterRawMode,
  onResize,
  onTerminal,
  readInput,
  takeBack,
  terminalSize,
  writeErr,
  writeOut,
} from "./terminal.ts";

/**
 * The engine watches input of a TTY for a key sequence that detaches, and holds its first key back until the next
 * one. It cannot be switched off, and its default starts with ctrl-P (previous line in shells and editors); so the
 * sequence is one that nobody types, of the key that programs use least.
 */
const DETACH_KEYS = Array(16).fill("ctrl-^").join(",");

/** A program for the operator's terminal. */
export interface AttachSpec extends ExecSpec {
  /** Give the program a terminal. @default whether standard input and output are one */
  readonly tty?: boolean;
}

/**
 * Runs a program in a container on the operator's own standard input, output and error, and gives its exit status.
 * With a TTY the operator's terminal is raw until the end and its size follows; it is put back in any case.
 *
 * @throws {OperatorError} the container or the engine went away, or refused
 * @throws the signal's reason when it was aborted; the program itself ends with its container
 */
export async function attachTerminal(
  engine: Engine,
  container: string,
  spec: AttachSpec,
  signal?: AbortSignal,
): Promise<number> {
  const what = `attaching to container ${container}`;
  const tty = spec.tty ?? onTerminal();
  const streams = { stdin: true, tty, detachKeys: tty ? DETACH_KEYS : undefined };
  const id = await atEdge(what, createExec(engine, container, spec, streams, signal));
  using raw = await atEdge(
    what,
    engine.hijack(`/exec/${id}/start`, { json: { Detach: false, Tty: tty }, signal }),
  );
  try {
    await (tty ? pumpTerminal(engine, id, raw) : pumpFrames(raw));
    const status = await atEdge(what, statusAfter(engine, container, id, signal));
    if (tty && Deno.stdout.isTerminal()) await takeBack(status === KILLED);
    return status;
  } catch (error) {
    if (tty && Deno.stdout.isTerminal()) await takeBack(true).catch(() => undefined);
    throw error;
  }
}

async function pumpTerminal(engine: Engine, id: string, raw: RawStream): Promise<void> {
  using scope = new DisposableStack();
  if (Deno.stdin.isTerminal()) scope.use(enterRawMode());
  const resize = new Resizer(engine, id);
  if (terminalSize() !== undefined) {
    scope.use(onResize(() => resize.follow()));
    resize.follow();
  }
  scope.use(readInput((chunk) => forward(raw, chunk)));
  try {
    for (let chunk = await raw.read(); chunk !== null; chunk = await raw.read()) await writeOut(chunk);
  } finally {
    await resize.settled();
  }
}

async function pumpFrames(raw: RawStream): Promise<void> {
  using _input = readInput((chunk) => forward(raw, chunk));
  const decoder = new FrameDecoder();
  for (let chunk = await raw.read(); chunk !== null; chunk = await raw.read()) {
    for (const { stream, bytes } of decoder.push(chunk)) {
      await (stream === "stdout" ? writeOut(bytes) : writeErr(bytes));
    }
  }
}

async function forward(raw: RawStream, chunk: Uint8Array | null): Promise<void> {
  try {
    await (chunk === null ? raw.closeWrite() : raw.write(chunk));
  } catch {
    // Aborted: the reading side tells.
  }
}

/** Sends the terminal's size, one request at a time, the last size always. */
class Resizer {
  readonly #engine: Engine;
  readonly #id: string;
  #wanted = false;
  #ended = false;
  #running: Promise<void> | undefined;

  constructor(engine: Engine, id: string) {
    this.#engine = engine;
    this.#id = id;
  }

  follow(): void {
    this.#wanted = true;
    this.#running ??= this.#run().finally(() => this.#running = undefined);
  }

  async settled(): Promise<void> {
    this.#ended = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#wanted && !this.#ended) {
      this.#wanted = false;
      // The program may not be up yet at the first size, and may be gone at the last: then nothing is lost.
      for (let left = 5; left > 0 && !this.#ended && !(await this.#send()); left--) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  async #send(): Promise<boolean> {
    const size = terminalSize();
    if (size === undefined) return true;
    try {
      await this.#engine.send("POST", `/exec/${this.#id}/resize`, {
        query: { h: size.rows, w: size.columns },
      });
      return true;
    } catch (error) {
      return !(error instanceof EngineError); // an engine that is gone is told by the reading side
    }
  }
}

/** Status of what was killed: the program alone, or the container with it. */
const KILLED = 137;
const DYING_MS = 1000;

/** The program's status, unless its output ended because the container did. */
async function statusAfter(
  engine: Engine,
  container: string,
  id: string,
  signal?: AbortSignal,
): Promise<number> {
  let status: number | undefined;
  try {
    status = await execStatus(engine, id, signal);
  } catch (error) {
    if (!isRefusal(error, 404)) throw error;
  }
  // The engine hears of the program's end first, and of its container's a moment later.
  const until = performance.now() + (status === KILLED ? DYING_MS : 0);
  let info = await inspectContainer(engine, container, signal);
  while (info?.State.Running && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    info = await inspectContainer(engine, container, signal);
  }
  if (info?.State.Running && status !== undefined) return status;
  const end = info === undefined ? "was removed" : `stopped (status ${info.State.ExitCode})`;
  const why = info?.State.OOMKilled ? ", out of memory" : "";
  throw new OperatorError(`container ${escapeUntrusted(container)} ${end} while its program ran${why}`);
}

/** How long the engine may take to hang up after it was given a container's input, milliseconds. */
const HANG_UP_MS = 500;

async function hangUp(raw: RawStream): Promise<void> {
  const timer = setTimeout(() => raw.close(), HANG_UP_MS);
  try {
    while (await raw.read() !== null);
  } finally {
    clearTimeout(timer);
  }
}

/** Standard input of a running container's first process, held open until it is given or let go. */
export interface HeldInput extends Disposable {
  /**
   * Gives the process these bytes and then the end. They are in no request, file or `inspect`.
   *
   * @throws {OperatorError} the container ended before it took them
   */
  give(bytes: Uint8Array): Promise<void>;
}

/**
 * Starts a container that was created with `OpenStdin`, `StdinOnce` and `AttachStdin`, and holds its standard input.
 *
 * @throws {EngineError} the engine refused
 */
export async function startHoldingInput(
  engine: Engine,
  container: string,
  signal?: AbortSignal,
): Promise<HeldInput> {
  const raw = await engine.hijack(`/containers/${encodeURIComponent(container)}/attach`, {
    query: { stream: true, stdin: true },
    signal,
  });
  try {
    await startContainer(engine, container, signal);
  } catch (error) {
    raw.close();
    throw error;
  }
  return {
    give: (bytes) => giveInput(raw, container, bytes),
    [Symbol.dispose]: () => raw.close(),
  };
}

async function giveInput(raw: RawStream, container: string, bytes: Uint8Array): Promise<void> {
  using _closed = raw;
  const taken = await raw.write(bytes);
  await raw.closeWrite();
  // The engine hangs up when it has handed all of it over, or when the container has ended. Not always: where the
  // start overtakes the attach inside it, it keeps the connection until the container ends (StdinOnce). The bytes are
  // its own by then, closed connection or not, so the wait is bounded.
  await hangUp(raw);
  if (!taken) {
    throw new OperatorError(`container ${escapeUntrusted(container)} ended before it read its input`);
  }
}
