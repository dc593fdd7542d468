/** Fuzzes by hand, at night, or one input again that failed; `--help` says how. */

import { parseArgs } from "node:util";
import { messageOf } from "../../lib/errors.ts";
import { run } from "./check.ts";
import { startNetHttp } from "./oracles/net_http.ts";
import { targets } from "./targets.ts";

const HELP =
  `deno task fuzz                                     every target, 10 000 inputs, a seed of its own
deno task fuzz --runs 100000 hosts paths           the targets named
deno task fuzz --seed 7 --path 812:0:3 requests    one input and how it was shrunk
deno task fuzz:nightly                             a million inputs each, Go's parser asked too (--go)`;

const encoder = new TextEncoder();

function say(text: string): void {
  Deno.stdout.writeSync(encoder.encode(`${text}\n`));
}

function fail(text: string): never {
  say(text);
  Deno.exit(2);
}

function whole(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  return Number.isSafeInteger(value) ? value : fail(`--${name} must be a whole number`);
}

function parsed() {
  try {
    return parseArgs({
      args: Deno.args,
      allowPositionals: true,
      options: {
        runs: { type: "string" },
        seed: { type: "string" },
        path: { type: "string" },
        go: { type: "boolean" },
        help: { type: "boolean" },
      },
    });
  } catch (error) {
    return fail(`${messageOf(error)}\n\n${HELP}`);
  }
}

if (import.meta.main) {
  const { values, positionals } = parsed();
  if (values.help) {
    say(HELP);
    Deno.exit(0);
  }
  const runs = whole("runs", values.runs, 10_000);
  const seed = whole("seed", values.seed, Math.floor(Math.random() * 2 ** 31));
  await using netHttp = values.go ? await startNetHttp() : undefined;
  if (values.go && netHttp === undefined) say("there is no Go here: its parser is not asked");
  const all = targets(netHttp === undefined ? [] : [netHttp.peer]);
  const unknown = positionals.find((name) => all.every((target) => target.name !== name));
  if (unknown !== undefined) {
    fail(`no target ${unknown}; there are ${all.map(({ name }) => name).join(", ")}`);
  }
  say(`seed ${seed}, ${runs} inputs a target`);
  let failed = 0;
  for (const target of all) {
    if (positionals.length > 0 && !positionals.includes(target.name)) continue;
    const outcome = await run(target, { runs, seed, path: values.path, flags: values.go ? ["--go"] : [] });
    const accepted = `${Math.round(100 * outcome.tally.share)} %`;
    say(
      `${target.name.padEnd(16)} ${`${outcome.runs}`.padStart(8)} inputs  ${
        accepted.padStart(5)
      } accepted  ` +
        `${outcome.seconds.toFixed(1).padStart(7)} s  ${outcome.failure === undefined ? "holds" : "FAILED"}`,
    );
    if (outcome.failure === undefined) continue;
    failed++;
    say(outcome.failure);
  }
  Deno.exitCode = failed === 0 ? 0 : 1;
}
