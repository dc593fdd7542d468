/** The command line that git-gate and git-http share, and how they begin. */

import { parseArgs } from "node:util";
import { BUNDLE_PATHS, type DaemonName, DAEMONS } from "../../lib/bundle/daemons.ts";
import { messageOf, OperatorError } from "../../lib/errors.ts";
import { escapeUntrusted } from "../../lib/escape.ts";
import { gateConfigPath } from "../../lib/git_gate/files.ts";
import { parseGateConfig } from "../../lib/git_gate/wire.ts";
import { type Gate, gateOf, type Mirror } from "./gate.ts";
import { refresh } from "./refresh.ts";

/** What such a program is started with. */
export interface Options {
  /** Folder that the host filled. */
  readonly config: string;
  /** Folder of the mirrors. */
  readonly root: string;
  /** IPv4 address to listen on. */
  readonly hostname: string;
  readonly port: number;
}

/** One of the two programs. */
export interface GateProgram {
  readonly name: DaemonName & ("git-gate" | "git-http");
  /** One line, and what else there is to say below the options. */
  readonly about: string;
  readonly example: string;
  /** Serves until it is told to end. Gives the exit status. */
  readonly serve: (gate: Gate, options: Options) => Promise<number>;
}

function help({ name, about, example }: GateProgram): string {
  return `${name}: ${about}

  deno task ${name} [OPTIONS]

  --config DIR     gate.json, keys/NAME, known_hosts/NAME   (${BUNDLE_PATHS.gitGate})
  --root DIR       mirrors, hooks, state; made if missing   (${BUNDLE_PATHS.gitRoot})
  --listen IP:PORT where agents connect                     (0.0.0.0:${DAEMONS[name].port})

git, gitleaks and ssh must be on the PATH. Standard output has one JSON line for each push and each refusal.

Try it on a laptop; the key must be able to log in to the upstream, known_hosts/NAME holds its line of known_hosts:

  mkdir -p /tmp/gate/keys /tmp/gate/known_hosts
  cp ~/.ssh/id_ed25519 /tmp/gate/keys/demo
  ssh-keyscan -t ed25519 git.example > /tmp/gate/known_hosts/demo
  echo '{"maxPushBytes":1000000000,"repos":[{"name":"demo","url":"ssh://git@git.example/demo.git",
    "host":"git.example","port":22}]}' > /tmp/gate/gate.json
  deno task ${name} --config /tmp/gate --root /tmp/gate/git --listen 127.0.0.1:${DAEMONS[name].port}
  ${example}
`;
}

/** Runs a program of the gate. @throws {Error} a bug; what the operator can mend is said, and ends it */
export async function runGateProgram(program: GateProgram, args: readonly string[]): Promise<never> {
  try {
    const options = parseOptions(program, args);
    if (options === undefined) {
      Deno.stdout.writeSync(new TextEncoder().encode(help(program)));
      Deno.exit(0);
    }
    Deno.exit(await program.serve(await loadGate(options), options));
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    print(Deno.stderr, `${program.name}: error: ${error.line}`);
    Deno.exit(error.status);
  }
}

/** Fetches what is upstream before somebody asks: a first clone need not wait for all of it. */
export function prefetch(mirrors: readonly Mirror[]): void {
  // What is wrong is told again to whoever asks.
  for (const mirror of mirrors) void refresh(mirror).catch((error) => print(Deno.stderr, messageOf(error)));
}

/** Prints one line. */
export function print(to: { writeSync(bytes: Uint8Array): number }, line: string): void {
  to.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** The options; undefined: help was asked for. */
function parseOptions({ name }: GateProgram, args: readonly string[]): Options | undefined {
  let values;
  try {
    values = parseArgs({
      args: [...args],
      options: {
        config: { type: "string", default: BUNDLE_PATHS.gitGate },
        root: { type: "string", default: BUNDLE_PATHS.gitRoot },
        listen: { type: "string", default: `0.0.0.0:${DAEMONS[name].port}` },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (cause) {
    throw new OperatorError(escapeUntrusted(messageOf(cause)), { mend: "see --help", status: 2, cause });
  }
  if (values.help) return undefined;
  const match = /^([0-9.]+):([0-9]{1,5})$/.exec(values.listen);
  if (match === null) {
    throw new OperatorError(`--listen is not IP:PORT: ${escapeUntrusted(values.listen)}`, { status: 2 });
  }
  return { config: values.config, root: values.root, hostname: match[1]!, port: Number(match[2]) };
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
