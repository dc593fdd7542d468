/** The command line of the egress benchmark. */

import { parseArgs } from "node:util";
import { OperatorError } from "../../../lib/errors.ts";
import { FIGURE_NAMES, type FigureName } from "./figures.ts";
import { PEER_NAMES, type PeerName } from "./peers.ts";

/** What is measured, and how long. */
export interface Options {
  readonly peers: readonly PeerName[];
  readonly figures: readonly FigureName[];
  /** How often each figure of each peer is measured; the median counts. */
  readonly rounds: number;
  /** Length of one load. */
  readonly seconds: number;
  /** The real pipelock; undefined: its peers are not run. */
  readonly pipelock: string | undefined;
  /** The Python that mitmproxy gets; undefined: the newest found. */
  readonly python: string | undefined;
  /** JSON instead of tables. */
  readonly json: boolean;
  readonly help: boolean;
}

/** The text of `--help`. */
export const HELP = `bench:egress: egress against its peers, side by side in one run

  deno task bench:egress [OPTIONS]

  --peers A,B,…      of ${PEER_NAMES.join(", ")} (all)
  --figures A,B,…    of ${FIGURE_NAMES.join(", ")} (all)
  --rounds N         how often each figure of each peer is measured, in turn; medians are shown (3)
  --seconds S        length of one load (3)
  --pipelock FILE    the real pipelock (BOT_BOTTLE_TEST_PIPELOCK)
  --python FILE      the Python that gets mitmproxy; its newest needs 3.12 (the newest found)
  --json             JSON with every sample instead of tables

A quick check: --peers direct,ours --figures req10 --rounds 1 --seconds 2
`;

/** Reads the command line. @throws {OperatorError} a usage error, status 2 */
export function parseOptions(args: readonly string[], pipelock: string | undefined): Options {
  const values = parse(args);
  return {
    peers: names("--peers", values.peers, PEER_NAMES),
    figures: names("--figures", values.figures, FIGURE_NAMES),
    rounds: positive("--rounds", values.rounds),
    seconds: positive("--seconds", values.seconds),
    pipelock: values.pipelock ?? pipelock,
    python: values.python,
    json: values.json,
    help: values.help,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        peers: { type: "string" },
        figures: { type: "string" },
        rounds: { type: "string", default: "3" },
        seconds: { type: "string", default: "3" },
        pipelock: { type: "string" },
        python: { type: "string" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (cause) {
    throw usage(cause instanceof Error ? cause.message : String(cause));
  }
}

function names<Name extends string>(
  flag: string,
  text: string | undefined,
  known: readonly Name[],
): readonly Name[] {
  if (text === undefined) return known;
  return text.split(",").map((name) =>
    known.find((candidate) => candidate === name) ?? fail(`${flag}: ${name} is none of ${known.join(", ")}`)
  );
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  return value > 0 ? value : fail(`${flag}: ${text} is no positive number`);
}

function fail(what: string): never {
  throw usage(what);
}

function usage(what: string): OperatorError {
  return new OperatorError(what, { mend: "see --help", status: 2 });
}
