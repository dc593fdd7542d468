/** Programs that set-up starts. */

import { messageOf, OperatorError } from "../../lib/errors.ts";
import { escapeUntrusted } from "../../lib/escape.ts";

const LAST_LINES = 12;

/** How a program is run. */
export interface RunOptions {
  readonly cwd?: string;
  /** Variables besides those of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A program that could not be started, or ended with another status than 0. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  /** Last lines of its output, made safe for a terminal. */
  readonly lastLines: readonly string[];

  /** Makes an error from the command line and what the program wrote. */
  constructor(command: string, how: string, output: string) {
    super(`${command}: ${how}`);
    const lines = output.split("\n").filter((line) => line.trim() !== "").slice(-LAST_LINES);
    this.lastLines = lines.map((line) => escapeUntrusted(line.replaceAll("\t", "    ")));
  }
}

/**
 * Runs a program to its end and gives its standard output.
 *
 * @throws {CommandError} it cannot be started, or fails
 */
export async function run(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<string> {
  const [program, ...args] = argv;
  const shown = argv.map((word) => /\s/.test(word) ? `'${word}'` : word).join(" ");
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(program, { args, ...options, stdin: "null" }).output();
  } catch (error) {
    throw new CommandError(shown, messageOf(error), "");
  }
  const decoder = new TextDecoder();
  const stdout = decoder.decode(output.stdout);
  if (output.success) return stdout;
  throw new CommandError(shown, `exit status ${output.code}`, `${stdout}\n${decoder.decode(output.stderr)}`);
}

/** Absolute path of a program on the PATH; undefined when there is none. */
export async function which(program: string, path: string): Promise<string | undefined> {
  for (const folder of path.split(":").filter((name) => name.startsWith("/"))) {
    const candidate = `${folder}/${program}`;
    try {
      const info = await Deno.stat(candidate);
      if (info.isFile && ((info.mode ?? 0) & 0o111) !== 0) return candidate;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) continue;
      if (error instanceof Deno.errors.PermissionDenied) continue;
      throw error;
    }
  }
  return undefined;
}

/** An error for the operator from a failed command; the command's last lines travel as its cause. */
export function commandFailed(what: string, error: unknown, mend: string): OperatorError {
  if (!(error instanceof CommandError)) throw error;
  return new OperatorError(`${what}: ${escapeUntrusted(error.message)}`, { mend, cause: error });
}
