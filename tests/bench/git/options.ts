/** The command line of the git gate's benchmark. */

import { parseArgs } from "node:util";
import { OperatorError } from "../../../lib/errors.ts";
import type { Transport } from "../../support/git_gate.ts";

/** What is measured, and how often. */
export interface Options {
  /** How often each figure is measured; medians count. */
  readonly rounds: number;
  readonly transports: readonly Transport[];
  /** Commits of the repository. */
  readonly commits: number;
  /** JSON instead of tables. */
  readonly json: boolean;
  readonly help: boolean;
}

const TRANSPORTS: readonly Transport[] = ["git", "http"];

/** The text of `--help`. */
export const HELP = `bench:git: the git gate against git and ssh without it, side by side in one run

  deno task bench:git [OPTIONS]

  --rounds N          how often each figure is measured, in turn; medians are shown (5)
  --transports A,B    how clients reach the gate: of ${TRANSPORTS.join(", ")} (all)
  --commits N         of the repository that is cloned (20000)
  --json              JSON with every sample instead of tables

It needs git, ssh, sshd and the engine that "deno task setup" prepared. A quick check: --rounds 1 --commits 500
`;

/** Reads the command line. @throws {OperatorError} a usage error, status 2 */
export function parseOptions(args: readonly string[]): Options {
  const values = parse(args);
  return {
    rounds: count("--rounds", values.rounds),
    transports: values.transports === undefined ? TRANSPORTS : values.transports.split(",").map(transport),
    commits: count("--commits", values.commits),
    json: values.json,
    help: values.help,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        rounds: { type: "string", default: "5" },
        transports: { type: "string" },
        commits: { type: "string", default: "20000" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (cause) {
    throw usage(cause instanceof Error ? cause.message : String(cause));
  }
}

function transport(name: string): Transport {
  const known = TRANSPORTS.find((known) => known === name);
  if (known === undefined) throw usage(`--transports: ${name} is none of ${TRANSPORTS.join(", ")}`);
  return known;
}

function count(flag: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw usage(`${flag}: ${text} is no positive whole number`);
  return value;
}

function usage(what: string): OperatorError {
  return new OperatorError(what, { mend: "see --help", status: 2 });
}
