/**
 * The git gate against git and ssh without it, side by side in one run: medians, ratios and targets.
 *
 *     deno task bench:git [OPTIONS]     --help says which
 */

import { OperatorError } from "../../../lib/errors.ts";
import { gitleaksFolder } from "../../support/part_program.ts";
import { runOrThrow } from "../../support/sshd.ts";
import { watchMachine } from "../egress/machine.ts";
import { HELP, type Options, parseOptions } from "./options.ts";
import { jsonOf, tablesOf } from "./report.ts";
import { runRounds } from "./rounds.ts";
import { makeWorld } from "./world.ts";

function say(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

async function run(options: Options, signal: AbortSignal): Promise<void> {
  // The one that bottles run, for the gate and for the comparison.
  Deno.env.set("PATH", `${await gitleaksFolder()}:${Deno.env.get("PATH")}`);
  const versions = [`deno ${Deno.version.deno}`, ...await programVersions()];
  await using world = await makeWorld(options, say);
  const watched = watchMachine();
  const results = await runRounds(world, options.rounds, signal, say);
  const report = { options, versions, machine: watched(), mirrored: world.mirrored, results };
  print(options.json ? JSON.stringify(jsonOf(report), null, 2) : tablesOf(report));
}

async function programVersions(): Promise<readonly string[]> {
  const git = (await runOrThrow("git", ["version"])).trim().replace("git version", "git");
  return [git, `gitleaks ${(await runOrThrow("gitleaks", ["version"])).trim()}`];
}

if (import.meta.main) {
  // What was started is ended first; the measurement that is under way fails by itself or ends soon.
  const abort = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, () => abort.abort());
  try {
    const options = parseOptions(Deno.args);
    if (options.help) print(HELP.trimEnd());
    else await run(options, abort.signal);
    Deno.exit(0);
  } catch (error) {
    if (abort.signal.aborted) Deno.exit(130);
    if (!(error instanceof OperatorError)) throw error;
    say(`bench: error: ${error.line}`);
    Deno.exit(error.status);
  }
}
