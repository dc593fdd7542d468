/** Programs run in a running container, their output collected. */

import type { Engine } from "./engine.ts";
import { FrameDecoder, type FrameStream } from "./frames.ts";

/** A program to run. */
export interface ExecSpec {
  readonly argv: readonly string[];
  /** Added to the container's environment. Values do not show in the container's `inspect`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Name or `uid:gid`. @default the container's */
  readonly user?: string;
  /** Absolute folder. @default the container's */
  readonly workdir?: string;
}

/** A program to run to its end. */
export interface RunSpec extends ExecSpec {
  /** Written to standard input, which is then closed. @default no input */
  readonly stdin?: Uint8Array;
  /** Bytes kept of each stream; the rest is read and dropped. @default 1 MiB */
  readonly maxBytes?: number;
}

/** What a finished program left. */
export interface ExecOutcome {
  /** Exit status; 126 and 127 also when the program could not be started (the reason is in the output). */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Whether some output was dropped. */
  readonly truncated: boolean;
}

const DEFAULT_MAX_BYTES = 1024 * 1024;

/** Makes an exec and gives its id. @throws {EngineError} 404 no such container, 409 it does not run */
export async function createExec(
  engine: Engine,
  container: string,
  spec: ExecSpec,
  streams: { readonly stdin: boolean; readonly tty: boolean; readonly detachKeys?: string },
  signal?: AbortSignal,
): Promise<string> {
  const { Id } = await engine.json<{ Id: string }>(
    "POST",
    `/containers/${encodeURIComponent(container)}/exec`,
    {
      json: {
        Cmd: spec.argv,
        Env: Object.entries(spec.env ?? {}).map(([name, value]) => `${name}=${value}`),
        User: spec.user,
        WorkingDir: spec.workdir,
        AttachStdin: streams.stdin,
        AttachStdout: true,
        AttachStderr: true,
        Tty: streams.tty,
        DetachKeys: streams.detachKeys,
      },
      signal,
    },
  );
  return Id;
}

/**
 * Runs a program to its end. An abort stops waiting; the program itself ends with its container.
 *
 * @throws {EngineError} 404 no such container, 409 it does not run, 400 the program cannot be started (newer engines)
 */
export async function runExec(
  engine: Engine,
  container: string,
  spec: RunSpec,
  signal?: AbortSignal,
): Promise<ExecOutcome> {
  const id = await createExec(
    engine,
    container,
    spec,
    { stdin: spec.stdin !== undefined, tty: false },
    signal,
  );
  using raw = await engine.hijack(`/exec/${id}/start`, { json: { Detach: false, Tty: false }, signal });
  const limit = spec.maxBytes ?? DEFAULT_MAX_BYTES;
  const kept: Record<FrameStream, Bounded> = { stdout: new Bounded(limit), stderr: new Bounded(limit) };
  const decoder = new FrameDecoder();
  const write = async (): Promise<void> => {
    if (spec.stdin === undefined) return;
    if (await raw.write(spec.stdin)) await raw.closeWrite();
  };
  const read = async (): Promise<void> => {
    for (let chunk = await raw.read(); chunk !== null; chunk = await raw.read()) {
      for (const { stream, bytes } of decoder.push(chunk)) kept[stream].push(bytes);
    }
    raw.close(); // a program that ended without reading its input must not leave the writer waiting
  };
  await Promise.all([write(), read()]);
  return {
    status: await execStatus(engine, id, signal),
    stdout: kept.stdout.text(),
    stderr: kept.stderr.text(),
    truncated: kept.stdout.truncated || kept.stderr.truncated,
  };
}

interface ExecInfo {
  readonly Running: boolean;
  readonly ExitCode: number | null;
}

const FIRST_POLL_MS = 5;
const LAST_POLL_MS = 250;

/**
 * Exit status of an exec. The output may end a moment before the program does, so it is asked until then.
 *
 * @throws {EngineError} 404 the container is gone
 */
export async function execStatus(engine: Engine, id: string, signal?: AbortSignal): Promise<number> {
  for (let pause = FIRST_POLL_MS;; pause = Math.min(pause * 2, LAST_POLL_MS)) {
    const { Running, ExitCode } = await engine.json<ExecInfo>("GET", `/exec/${id}/json`, { signal });
    if (!Running && ExitCode !== null) return ExitCode;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** Keeps the first bytes of a stream. */
class Bounded {
  truncated = false;
  readonly #limit: number;
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(bytes: Uint8Array<ArrayBuffer>): void {
    const room = this.#limit - this.#length;
    if (bytes.length > room) this.truncated = true;
    if (room === 0 || bytes.length === 0) return;
    // A copy: a piece is a view, and would keep the whole chunk that it came in.
    const piece = bytes.slice(0, room);
    this.#chunks.push(piece);
    this.#length += piece.length;
  }

  text(): string {
    const decoder = new TextDecoder();
    return this.#chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join("") + decoder.decode();
  }
}
