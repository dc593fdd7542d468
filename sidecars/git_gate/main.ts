#!/usr/bin/env -S deno run --allow-read --allow-write --allow-run=git
/** git-gate: mirrors of a bottle's repositories, served by `git daemon`. `--help` says how to run it alone. */

import { parseArgs } from "node:util";
import { BUNDLE_PATHS, DAEMONS } from "../../lib/bundle/daemons.ts";
import { messageOf, OperatorError } from "../../lib/errors.ts";
import { escapeUntrusted } from "../../lib/escape.ts";
import { gateConfigPath } from "../../lib/git_gate/files.ts";
import { parseGateConfig } from "../../lib/git_gate/wire.ts";
import { type Gate, gateOf } from "./gate.ts";
import { GIT_ENV } from "./git.ts";
import { serveJournal } from "./journal.ts";
import { accessHook, setUp } from "./mirror.ts";
import { refresh } from "./refresh.ts";

const HELP = `git-gate: mirrors of a bottle's repositories, served by git daemon

  deno task git-gate [OPTIONS]

  --config DIR     gate.json, keys/NAME, known_hosts/NAME   (${BUNDLE_PATHS.gitGate})
  --root DIR       mirrors, hooks, state; made if missing   (${BUNDLE_PATHS.gitRoot})
  --listen IP:PORT where agents connect                     (0.0.0.0:${DAEMONS["git-gate"].port})

git, gitleaks and ssh must be on the PATH. Standard output has one JSON line for each push and each refusal.

Try it on a laptop; the key must be able to log in to the upstream, known_hosts/NAME holds its line of known_hosts:

  mkdir -p /tmp/gate/keys /tmp/gate/known_hosts
  cp ~/.ssh/id_ed25519 /tmp/gate/keys/demo
  ssh-keyscan -t ed25519 git.example > /tmp/gate/known_hosts/demo
  echo '{"maxPushBytes":1000000000,"repos":[{"name":"demo","url":"ssh://git@git.example/demo.git",
    "host":"git.example","port":22}]}' > /tmp/gate/gate.json
  deno task git-gate --config /tmp/gate --root /tmp/gate/git --listen 127.0.0.1:9418
  git clone git://127.0.0.1/demo.git
`;

interface Options {
  readonly config: string;
  readonly root: string;
  readonly hostname: string;
  readonly port: number;
  readonly help: boolean;
}

function parseOptions(args: readonly string[]): Options {
  let values;
  try {
    values = parseArgs({
      args: [...args],
      options: {
        config: { type: "string", default: BUNDLE_PATHS.gitGate },
        root: { type: "string", default: BUNDLE_PATHS.gitRoot },
        listen: { type: "string", default: `0.0.0.0:${DAEMONS["git-gate"].port}` },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (cause) {
    throw new OperatorError(escapeUntrusted(messageOf(cause)), { mend: "see --help", status: 2, cause });
  }
  const match = /^([0-9.]+):([0-9]{1,5})$/.exec(values.listen);
  if (match === null) {
    throw new OperatorError(`--listen is not IP:PORT: ${escapeUntrusted(values.listen)}`, { status: 2 });
  }
  const { config, root, help } = values;
  return { config, root, hostname: match[1]!, port: Number(match[2]), help };
}

/** Serves until a signal, or until git daemon ends. Gives the exit status. */
async function run(options: Options): Promise<number> {
  const gate = await loadGate(options);
  await setUp(gate, import.meta.url);
  using _journal = serveJournal(gate, (line) => print(Deno.stdout, line));
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
  // The first clone should not have to wait for all of it; what goes wrong is told when somebody asks.
  for (const mirror of gate.mirrors) {
    void refresh(mirror).catch((error) => print(Deno.stderr, messageOf(error)));
  }
  const { code, signal } = await daemon.status;
  return signal === null ? code : 0;
}

async function loadGate({ config, root }: Options): Promise<Gate> {
  let text: string;
  try {
    text = await Deno.readTextFile(gateConfigPath(config));
  } catch (cause) {
    throw new OperatorError(`cannot read ${gateConfigPath(config)}: ${messageOf(cause)}`, { cause });
  }
  return gateOf(parseGateConfig(text), config, root);
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

function print(to: { writeSync(bytes: Uint8Array): number }, line: string): void {
  to.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) {
  try {
    const options = parseOptions(Deno.args);
    if (!options.help) Deno.exit(await run(options));
    Deno.stdout.writeSync(new TextEncoder().encode(HELP));
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    print(Deno.stderr, `git-gate: error: ${error.line}`);
    Deno.exit(error.status);
  }
}
