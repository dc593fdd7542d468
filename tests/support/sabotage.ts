/**
 * Breaks a part of a bottle from outside, also synchronously: a launch reports its steps by calls that do not wait,
 * so what must have happened before the next thing does is done by a process of its own that is waited for.
 *
 *     deno run -A tests/support/sabotage.ts kill-container NAME | kill-daemon BUNDLE DAEMON | …
 */

import { killContainer, removeContainer, waitContainer } from "../../backends/docker/engine/containers.ts";
import { Engine } from "../../backends/docker/engine/engine.ts";
import { runExec } from "../../backends/docker/engine/exec.ts";
import { removeNetwork } from "../../backends/docker/engine/networks.ts";
import { findSocket, hostSearch } from "../../backends/docker/engine/socket.ts";

/** What can be broken. */
export type Sabotage =
  | readonly ["kill-container", string]
  | readonly ["kill-daemon", bundle: string, daemon: string]
  | readonly ["remove-container", string]
  | readonly ["remove-network", string];

/** Breaks it and waits until it is broken. */
export async function sabotage(engine: Engine, what: Sabotage): Promise<void> {
  switch (what[0]) {
    case "kill-container":
      await killContainer(engine, what[1], "KILL");
      await waitContainer(engine, what[1], "not-running");
      return;
    case "kill-daemon":
      return await killDaemon(engine, what[1], what[2]);
    case "remove-container":
      return await removeContainer(engine, what[1]);
    case "remove-network":
      return await removeNetwork(engine, what[1]);
  }
}

/** The same, without returning to the event loop before it is done. @throws when it cannot be done */
export function sabotageNow(what: Sabotage): void {
  const { success, stderr } = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", new URL(import.meta.url).pathname, ...what],
    stdout: "null",
    stderr: "piped",
  }).outputSync();
  if (!success) throw new Error(`sabotage failed: ${new TextDecoder().decode(stderr)}`);
}

/** What stands in the command line of a daemon. */
const MARKS: Readonly<Record<string, string>> = {
  egress: "egress/main.js",
  pipelock: "pipelock",
};

const NO_PROCESS = 3;

/** Script for a shell inside the bundle: sets `pid` to the daemon's. */
export function findDaemon(daemon: string): string {
  const mark = MARKS[daemon] ?? daemon;
  return `pid=; for folder in /proc/[0-9]*; do
  words=$(tr '\\0' ' ' < "$folder/cmdline" 2>/dev/null)
  case "$words" in
    */init.js*|*"case "*) ;;
    ${daemon === "pipelock" ? `${mark}\\ *|*/${mark}\\ *` : `*${mark}*`}) pid=\${folder#/proc/} ;;
  esac
done
[ -n "$pid" ] || { echo "no process of ${daemon}" >&2; exit ${NO_PROCESS}; }
`;
}

async function killDaemon(engine: Engine, bundle: string, daemon: string): Promise<void> {
  const script = `${findDaemon(daemon)}kill -KILL "$pid" || exit 4
for try in 1 2 3 4 5 6 7 8 9 10; do [ -e "/proc/$pid" ] || exit 0; sleep 0.1; done; exit 5`;
  const kill = () => runExec(engine, bundle, { argv: ["sh", "-c", script], user: "0" });
  let result = await kill();
  // It may be about to be started.
  for (let left = 50; result.status === NO_PROCESS && left > 0; left--) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    result = await kill();
  }
  // With its last daemon the bundle ends, and the shell in it.
  if (result.status !== 0 && result.status !== 137) {
    throw new Error(`${daemon} was not killed: ${result.status} ${result.stderr}`);
  }
}

if (import.meta.main) {
  await using engine = await Engine.connect(
    findSocket(hostSearch(Deno.env.toObject(), Deno.env.get("HOME") ?? "/")).path,
  );
  await sabotage(engine, Deno.args as unknown as Sabotage);
}
