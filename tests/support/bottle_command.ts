/** The compiled executable as an operator has it: no checkout, no Deno and no Node on its PATH, the lab's environment. */

import type { Lab } from "./lab.ts";

/** The executable; `deno task compile` makes it. */
export const EXECUTABLE: string = new URL("../../dist/bottle", import.meta.url).pathname;

/** The only programs that the executable could find. */
const SEARCH_PATH = "/usr/bin:/bin";

/** How a command ended. */
export interface CommandResult {
  /** Exit status, or 128 and the signal's number. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a command is run. */
export interface CommandOptions {
  /** Folder that it runs in. @default an empty temporary folder */
  readonly cwd?: string;
  /** Environment over the lab's; an undefined value takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Program and arguments to run the executable by, e.g. as another user. */
  readonly through?: readonly string[];
  /** Longest time it may take, in milliseconds; then it is killed and the wait fails. @default 90000 */
  readonly patience?: number;
}

/** A command that runs. */
export interface RunningCommand extends AsyncDisposable {
  readonly pid: number;
  /** Standard error so far. */
  readonly stderr: () => string;
  /** Standard output so far. */
  readonly stdout: () => string;
  /** Waits until standard error has a text. @throws {Error} it ended without it */
  says(text: string): Promise<void>;
  /** Waits until standard output has a text. @throws {Error} it ended without it */
  prints(text: string): Promise<void>;
  /** Writes to its standard input. */
  write(text: string): Promise<void>;
  /** Ends its standard input. */
  closeInput(): Promise<void>;
  kill(signal: Deno.Signal): void;
  /** How it ended. */
  readonly ended: Promise<CommandResult>;
}

/** The environment that a command gets. */
export function commandEnv(lab: Lab, changes: CommandOptions["env"] = {}): Record<string, string> {
  const env: Record<string, string | undefined> = { ...lab.env, PATH: SEARCH_PATH, ...changes };
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** Runs a command to its end, with nothing on its standard input. */
export async function bottle(
  lab: Lab,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  await using command = await startBottle(lab, args, options);
  await command.closeInput();
  return await command.ended;
}

/** Starts a command; disposing kills it if it still runs. */
export async function startBottle(
  lab: Lab,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<RunningCommand> {
  const empty = options.cwd === undefined ? await Deno.makeTempDir({ prefix: "bottle-empty-" }) : undefined;
  const [program = EXECUTABLE, ...before] = [...options.through ?? [], EXECUTABLE];
  const child = new Deno.Command(program, {
    args: [...before, ...args],
    cwd: options.cwd ?? empty,
    clearEnv: true,
    env: commandEnv(lab, options.env),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const input = child.stdin.getWriter();
  const closeInput = () => input.close().catch(() => undefined);
  const patience = options.patience ?? 90_000;
  const kill = (signal: Deno.Signal): void => {
    try {
      child.kill(signal);
    } catch {
      // It has ended.
    }
  };
  const late = setTimeout(() => kill("SIGKILL"), patience);
  const started = performance.now();
  const ended = (async () => {
    const [status] = await Promise.all([child.status, stdout.ended, stderr.ended]);
    clearTimeout(late);
    await closeInput();
    if (empty !== undefined) await Deno.remove(empty, { recursive: true });
    if (performance.now() - started >= patience) {
      throw new Error(`bottle ${args.join(" ")} did not end within ${patience} ms:\n${stderr.text()}`);
    }
    return { status: status.code, stdout: stdout.text(), stderr: stderr.text() };
  })();
  return {
    pid: child.pid,
    stderr: stderr.text,
    stdout: stdout.text,
    says: (text) => stderr.has(text),
    prints: (text) => stdout.has(text),
    write: (text) => input.write(new TextEncoder().encode(text)),
    closeInput: async () => void await closeInput(),
    kill,
    ended,
    [Symbol.asyncDispose]: async () => {
      kill("SIGKILL");
      await ended.catch(() => undefined);
    },
  };
}

/** Gathers a stream as text and lets callers wait for parts of it. */
function collect(stream: ReadableStream<Uint8Array>) {
  let text = "";
  let over = false;
  let wake = Promise.withResolvers<void>();
  const ended = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      text += decoder.decode(chunk, { stream: true });
      wake.resolve();
      wake = Promise.withResolvers();
    }
    over = true;
    wake.resolve();
  })();
  const has = async (wanted: string): Promise<void> => {
    while (!text.includes(wanted)) {
      if (over) throw new Error(`it ended without ${JSON.stringify(wanted)}:\n${text}`);
      await wake.promise;
    }
  };
  return { text: () => text, ended, has };
}
