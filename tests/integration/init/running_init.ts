/** Starts init with a table of small programs and watches what it prints. */

import type { SmallTable } from "./small_init.ts";

const SMALL_INIT = new URL("small_init.ts", import.meta.url).pathname;
const PATIENCE_MS = 10_000;

/** What {@linkcode startInit} is given. */
export interface StartOptions extends Partial<SmallTable> {
  readonly programs: SmallTable["programs"];
  /** Written to standard input, which is then closed; undefined: left open and silent. @default "" */
  readonly input?: string;
  readonly keepInputOpen?: boolean;
  /** Value of BOT_BOTTLE_SIDECAR_DAEMONS. */
  readonly daemons?: string;
}

/** A running init. */
export interface RunningInit extends AsyncDisposable {
  /** Everything printed so far, both streams, line by line. */
  readonly lines: readonly string[];
  /** Folder of the CA files. */
  readonly dir: string;
  /** Waits for the nth line that matches. */
  line(pattern: RegExp, count?: number): Promise<string>;
  signal(name: Deno.Signal): void;
  /** Exit status. */
  ended(): Promise<number>;
}

/** Starts init as a process of its own; disposing of it kills it. */
export async function startInit(options: StartOptions): Promise<RunningInit> {
  const dir = options.dir ?? await Deno.makeTempDir({ prefix: "bottle-init-" });
  const table: SmallTable = { programs: options.programs, dir, graceMs: options.graceMs ?? 5_000 };
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-prompt", SMALL_INIT, JSON.stringify(table)],
    env: options.daemons === undefined ? {} : { BOT_BOTTLE_SIDECAR_DAEMONS: options.daemons },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stdin = process.stdin.getWriter();
  await stdin.write(new TextEncoder().encode(options.input ?? ""));
  if (!options.keepInputOpen) await stdin.close();
  const lines: string[] = [];
  const watchers = new Set<() => void>();
  const pumps = [collect(process.stdout, lines, watchers), collect(process.stderr, lines, watchers)];
  return {
    lines,
    dir,
    line: (pattern, count = 1) => waitForLine(lines, watchers, pattern, count),
    signal: (name) => process.kill(name),
    ended: async () => {
      const status = await process.status;
      await Promise.all(pumps);
      return status.code;
    },
    [Symbol.asyncDispose]: async () => {
      try {
        process.kill("SIGKILL");
      } catch {
        // It has ended already.
      }
      await process.status;
      await Promise.all(pumps);
      if (options.keepInputOpen) await stdin.close().catch(() => {});
      await Deno.remove(dir, { recursive: true });
    },
  };
}

async function collect(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  lines: string[],
  watchers: Set<() => void>,
): Promise<void> {
  let held = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (held + text).split("\n");
    held = parts.pop()!;
    lines.push(...parts);
    for (const look of watchers) look();
  }
}

function waitForLine(
  lines: readonly string[],
  watchers: Set<() => void>,
  pattern: RegExp,
  count: number,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      watchers.delete(look);
      reject(new Error(`no line ${pattern} (${count}) in:\n${lines.join("\n")}`));
    }, PATIENCE_MS);
    const look = () => {
      const found = lines.filter((line) => pattern.test(line))[count - 1];
      if (found === undefined) return;
      clearTimeout(timer);
      watchers.delete(look);
      resolve(found);
    };
    watchers.add(look);
    look();
  });
}
