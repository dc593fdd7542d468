#!/usr/bin/env -S deno run --allow-read --allow-write --allow-run=git
/** git-gate: mirrors of a bottle's repositories, served by `git daemon`. `--help` says how to run it alone. */

import type { Gate } from "./gate.ts";
import { GIT_ENV } from "./git.ts";
import { serveJournal } from "./journal.ts";
import { accessHook, setUp } from "./mirror.ts";
import { type GateProgram, type Options, prefetch, print, runGateProgram } from "./options.ts";

const PROGRAM: GateProgram = {
  name: "git-gate",
  about: "mirrors of a bottle's repositories, served by git daemon",
  example: "git clone git://127.0.0.1/demo.git",
  serve,
};

/** Serves until a signal, or until git daemon ends. */
async function serve(gate: Gate, options: Options): Promise<number> {
  await setUp(gate, import.meta.url);
  using _journal = serveJournal(gate, PROGRAM.name, (line) => print(Deno.stdout, line));
  const daemon = new Deno.Command("git", {
    args: daemonArguments(gate, options),
    env: { ...GIT_ENV },
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => daemon.kill("SIGTERM"));
  }
  print(Deno.stdout, `git-gate: ${gate.mirrors.length} mirrors on ${options.hostname}:${options.port}`);
  prefetch(gate.mirrors);
  const { code, signal } = await daemon.status;
  return signal === null ? code : 0;
}

function daemonArguments(gate: Gate, { hostname, port }: Options): string[] {
  return [
    "daemon",
    "--reuseaddr",
    `--listen=${hostname}`,
    `--port=${port}`,
    "--timeout=15",
    "--init-timeout=15",
    "--max-connections=32",
    "--enable=receive-pack",
    "--forbid-override=receive-pack",
    "--informative-errors",
    "--export-all",
    // Only the mirrors themselves, by their whole names.
    "--strict-paths",
    `--base-path=${gate.root}`,
    `--access-hook=${accessHook(gate)}`,
    "--",
    ...gate.mirrors.map((mirror) => mirror.path),
  ];
}

if (import.meta.main) await runGateProgram(PROGRAM, Deno.args);
