/** A terminal whose shell has the lab's environment and the executable as `bottle`. */

import { Terminal } from "../integration/engine/tmux.ts";
import { commandEnv, EXECUTABLE } from "./bottle_command.ts";
import type { Lab } from "./lab.ts";

/** Opens the terminal in an empty folder; the prompt is `lab$ `. */
export async function openTerminal(lab: Lab): Promise<{ terminal: Terminal } & AsyncDisposable> {
  await using undo = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "bottle-terminal-" });
  undo.defer(() => Deno.remove(folder, { recursive: true }));
  await Deno.mkdir(`${folder}/empty`);
  // A file, since a command line would show the lab's token to every process.
  const variables = Object.entries({ ...commandEnv(lab), TERM: "xterm-256color", PS1: "lab$ " });
  const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  const lines = variables.map(([name, value]) => `export ${name}=${quoted(value)}`);
  await Deno.writeTextFile(`${folder}/profile`, `${lines.join("\n")}\nbottle() { ${EXECUTABLE} "$@"; }\n`, {
    mode: 0o600,
  });
  const terminal = await Terminal.open();
  undo.use(terminal);
  await terminal.run(`cd ${folder}/empty && exec env -i ENV=${folder}/profile sh`);
  await shellIsBack(terminal);
  const all = undo.move();
  return { terminal, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/**
 * Waits until the shell prompts: what is typed before belongs to whatever runs.
 *
 * @throws {Error} it does not within 20 s
 */
export async function shellIsBack(terminal: Terminal): Promise<void> {
  const end = performance.now() + 20_000;
  for (let screen = ""; !screen.endsWith("lab$"); screen = (await terminal.screen()).trimEnd()) {
    if (performance.now() > end) throw new Error(`the shell did not come back:\n${screen}`);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
}

/** Exit status of the last command, once the shell is back. */
export async function statusOfLast(terminal: Terminal): Promise<number> {
  await shellIsBack(terminal);
  await terminal.run("echo status=$?.");
  const screen = await terminal.shows(/^status=\d+\./m);
  return Number(/^status=(\d+)\./m.exec(screen)?.[1]);
}
