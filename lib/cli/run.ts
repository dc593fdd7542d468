/** From a command line to an exit status (SPEC 11): every error gets its face here and nowhere else. */

import { messageOf, OperatorError } from "../errors.ts";
import type { CliHost } from "./host.ts";
import { OutputClosed } from "./output.ts";
import { makeProgram } from "./program.ts";
import { Interrupted } from "./signals.ts";

const USAGE = 2;
const FAILED = 1;

/** Commands that hand what stands after `--` to the agent. */
const TAKES_AGENT_ARGS: readonly string[] = ["start", "resume"];

/** Runs a command line and gives the program's exit status; never throws. */
export async function runCli(argv: readonly string[], host: CliHost): Promise<number> {
  try {
    const { own, agentArgs } = splitArgs(argv);
    return await makeProgram(host, agentArgs).run(own);
  } catch (error) {
    return explain(error, host);
  } finally {
    host.output.clear();
  }
}

/** What stands after the first `--` is the agent's: commander never sees it. */
function splitArgs(argv: readonly string[]): { own: readonly string[]; agentArgs: readonly string[] } {
  const dashes = argv.indexOf("--");
  if (dashes < 0) return { own: argv, agentArgs: [] };
  const own = argv.slice(0, dashes);
  const agentArgs = argv.slice(dashes + 1);
  if (agentArgs.length > 0 && !own.some((word) => TAKES_AGENT_ARGS.includes(word))) {
    throw new OperatorError("arguments after -- go to the agent program of `start` and `resume` only", {
      status: USAGE,
    });
  }
  return { own, agentArgs };
}

function explain(error: unknown, { output, env }: CliHost): number {
  if (error instanceof OutputClosed) return 0;
  if (error instanceof Interrupted) return error.status;
  if (error instanceof OperatorError) {
    output.error(error.line);
    if (isDebug(env)) output.trace(stackOf(error));
    return error.status;
  }
  const usage = commanderStatus(error);
  if (usage !== undefined) return usage;
  const hint = isDebug(env) ? "" : " (a bug in bottle; BOT_BOTTLE_DEBUG=1 shows where)";
  output.error(`internal: ${messageOf(error)}${hint}`);
  if (isDebug(env)) output.trace(stackOf(error));
  return FAILED;
}

/** commander has printed its message by the time it throws; help and version are no errors. */
function commanderStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("code" in error) || !("exitCode" in error)) return undefined;
  if (typeof error.code !== "string" || !error.code.startsWith("commander.")) return undefined;
  return error.exitCode === 0 ? 0 : USAGE;
}

function isDebug(env: Readonly<Record<string, string>>): boolean {
  return env.BOT_BOTTLE_DEBUG === "1";
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : `\ncaused by ${stackOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
