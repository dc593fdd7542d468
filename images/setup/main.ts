/**
 * `deno task setup`: an engine that answers, and the part images of every build. Idempotent; says what it did.
 *
 * Flag `--stand-in-pipelock`: where the real pipelock cannot be had, make the imitation for demo and tests instead of
 * failing.
 */

import { messageOf, OperatorError } from "../../lib/errors.ts";
import { homePaths } from "../../lib/state/paths.ts";
import { loadSettings } from "../../lib/state/settings.ts";
import { PART_KINDS, STAND_IN_PIPELOCK } from "../parts.ts";
import { ensureEngine } from "./engine.ts";
import { ensurePart, type Reach } from "./parts.ts";
import { Report, seconds } from "./report.ts";
import { processor } from "./processor.ts";
import { CommandError } from "./run.ts";
import { realOrStandIn } from "./stand_in.ts";
import type { Surroundings } from "./surroundings.ts";

const HELP = `setup: brings up a docker engine and the parts that images are built from

Usage: deno task setup [--stand-in-pipelock]

  --stand-in-pipelock  where the real pipelock cannot be had, make an imitation for demo and tests
`;

const STAND_IN_FLAG = "--stand-in-pipelock";

async function setUp(standIn: boolean, report: Report): Promise<void> {
  const env = Deno.env.toObject();
  const home = env["HOME"];
  if (!home?.startsWith("/")) throw new OperatorError("HOME is not set to an absolute path");
  const { cache: logs } = homePaths(home);
  const cache = `${logs}/parts`;
  await Deno.mkdir(cache, { recursive: true, mode: 0o700 });
  // The engine's programs are in sbin, which a user's PATH may lack; programs that set-up starts look there too.
  const path = `${env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"}:/usr/local/sbin:/usr/sbin:/sbin`;
  Deno.env.set("PATH", path);
  const at: Surroundings = { env, path, home, cache, logs, arch: processor(), report };
  const settings = await loadSettings(env, home);
  // One set-up at a time: two would download and import the same things.
  using lock = await Deno.open(`${cache}/.lock`, { create: true, write: true });
  await lock.lock(true);
  await using engine = await ensureEngine(at);
  const reach: Reach = new Map();
  for (const kind of PART_KINDS) {
    const real = () => ensurePart(at, engine, settings, kind, reach);
    // An image that the operator names is taken at the word: no imitation in its place.
    const named = settings.pipelockImage !== undefined && settings.pipelockImage !== STAND_IN_PIPELOCK;
    await (kind === "pipelock" && standIn && !named ? realOrStandIn(at, engine, real) : real());
  }
}

async function main(args: readonly string[]): Promise<number> {
  const write = (text: string) => Deno.stderr.writeSync(new TextEncoder().encode(text));
  if (args.includes("--help")) {
    await Deno.stdout.write(new TextEncoder().encode(HELP));
    return 0;
  }
  const unknown = args.find((arg) => arg !== STAND_IN_FLAG);
  if (unknown !== undefined) {
    write(`setup: error: unknown argument ${JSON.stringify(unknown)}\n\n${HELP}`);
    return 2;
  }
  const began = performance.now();
  const report = new Report((line) => write(`${line}\n`));
  try {
    await setUp(args.includes(STAND_IN_FLAG), report);
    report.say(`ready (${seconds(performance.now() - began)})`);
    return 0;
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    for (const line of lastLines(error)) write(`    ${line}\n`);
    write(`setup: error: ${messageOf(error)}\n`);
    return error.status;
  }
}

/** What the command under an error wrote last. */
function lastLines(error: unknown): readonly string[] {
  if (error instanceof CommandError) return error.lastLines;
  return error instanceof Error ? lastLines(error.cause) : [];
}

if (import.meta.main) Deno.exit(await main(Deno.args));
