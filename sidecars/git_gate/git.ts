/**
 * Runs git the way the gate does: nothing that a pushed repository, a user's or a system's configuration says is
 * obeyed, and only ssh leads outside.
 */

/** The empty tree: the only one that attributes are read from (git ≥ 2.41; older ones read none in a bare repository). */
const EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/** Environment of every git process of the gate, `git daemon` and `git http-backend` included. */
export const GIT_ENV: Readonly<Record<string, string>> = {
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_ATTR_NOSYSTEM: "1",
  GIT_ATTR_SOURCE: EMPTY_TREE,
  // A pushed refs/replace/… would show the scan another commit than the one that leaves.
  GIT_NO_REPLACE_OBJECTS: "1",
  GIT_ALLOW_PROTOCOL: "ssh",
  GIT_TERMINAL_PROMPT: "0",
  GIT_OPTIONAL_LOCKS: "0",
  LC_ALL: "C.UTF-8",
  HOME: "/nonexistent",
};

/** How a program ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** It was killed because it said nothing for too long. */
  readonly silent: boolean;
}

/** What a run can be told. */
export interface RunOptions {
  /** Added to {@linkcode GIT_ENV}. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to standard input, which is closed then. @default none */
  readonly input?: string;
  /** Milliseconds without a byte on standard error after which it is killed. @default no limit */
  readonly silence?: number;
}

/** Output that is kept, bytes; more is read and dropped. */
const MAX_KEPT = 16 * 1024 * 1024;

/** Runs `git -C folder …`; a failure is a status, not an error. */
export async function git(folder: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const child = new Deno.Command("git", {
    args: ["-C", folder, ...args],
    env: { ...GIT_ENV, ...options.env },
    stdin: options.input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const watch = new Watch(child, options.silence);
  const [stdout, stderr] = await Promise.all([
    collect(child.stdout),
    collect(child.stderr, () => watch.heard()),
    options.input === undefined ? undefined : feed(child.stdin, options.input),
  ]);
  const { code } = await child.status;
  watch.stop();
  return { code, stdout, stderr, silent: watch.bit };
}

/** Kills a program that says nothing for too long. */
class Watch {
  bit = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #child: Deno.ChildProcess;
  readonly #limit: number | undefined;

  constructor(child: Deno.ChildProcess, limit: number | undefined) {
    this.#child = child;
    this.#limit = limit;
    this.heard();
  }

  heard(): void {
    this.stop();
    if (this.#limit === undefined || this.bit) return;
    this.#timer = setTimeout(() => {
      this.bit = true;
      this.#child.kill("SIGKILL");
    }, this.#limit);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

async function collect(stream: ReadableStream<Uint8Array>, heard = () => {}): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stream) {
    heard();
    if (text.length < MAX_KEPT) text += decoder.decode(bytes, { stream: true });
  }
  return text + decoder.decode();
}

async function feed(stream: WritableStream<Uint8Array>, text: string): Promise<void> {
  try {
    await new Blob([text]).stream().pipeTo(stream);
  } catch {
    // It ended without reading all of it; its status says why.
  }
}
