/** The agents' own screens on a real terminal, through the compiled executable. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Terminal } from "../integration/engine/tmux.ts";
import { openTerminal, statusOfLast } from "../support/bottle_terminal.ts";
import { type Lab, startLab } from "../support/lab.ts";
import { NO_TRACES, tracesOf } from "../support/traces.ts";

const ANSWER = "forty-two, says the stand-in";

Deno.test("on a terminal", async (t) => {
  await using lab = await startLab({ answer: ANSWER });
  await t.step(
    "Claude Code asks nothing, answers, follows a resize, has ctrl-C for itself",
    () => claude(lab),
  );
  await t.step("Codex comes up, answers, and leaves the terminal as it was", () => codex(lab));
  await t.step("N to the preflight leaves nothing", () => declined(lab));
  await t.step("ctrl-C at the question is 130", () => ctrlCAtQuestion(lab));
  await t.step("closing the terminal tears the bottle down", () => closed(lab));
});

async function claude(lab: Lab): Promise<void> {
  await using opened = await openTerminal(lab);
  const { terminal } = opened;
  const before = await settingsOf(terminal);
  await terminal.run("clear; bottle start claude");
  const question = await terminal.shows("Start this bottle? [y/N]");
  assertStringIncludes(question, "api.anthropic.com [auth:Bearer]");
  await terminal.run("y");
  const prompt = await terminal.shows("bypass permissions on");
  assert(/^❯/m.test(prompt), prompt);
  assertEquals(longestRule(prompt), 80);

  await terminal.resize(100, 30);
  await until(
    async () => longestRule(await terminal.screen()) === 100,
    "the agent did not follow the resize",
  );
  await ask(terminal);

  await terminal.press("C-c");
  await terminal.shows("Press Ctrl-C again to exit");
  await until(async () => !(await terminal.screen()).includes("again to exit"), "the agent forgot nothing");
  await terminal.press("C-d");
  await terminal.shows("Press Ctrl-D again to exit");
  await terminal.press("C-d");
  await left(lab, terminal, before);
}

async function codex(lab: Lab): Promise<void> {
  await using opened = await openTerminal(lab);
  const { terminal } = opened;
  await terminal.resize(120, 40);
  const before = await settingsOf(terminal);
  await terminal.run("clear; bottle start codex --yes");
  // Its instructions come as a first message, so there is an answer before anything is asked.
  await terminal.shows(ANSWER);
  await ask(terminal);
  await until(
    async () => (await terminal.screen()).split(ANSWER).length === 3,
    "the question was not answered",
  );
  await terminal.press("C-c");
  // Where the last task is still being put away, codex asks what to do with it.
  const asks = /Choose what happens|lab\$\s*$/;
  if ((await terminal.shows(asks)).includes("Choose what happens")) await terminal.press("3");
  await left(lab, terminal, before);
}

async function ask(terminal: Terminal): Promise<void> {
  await terminal.type("tell me the answer");
  await terminal.shows("tell me the answer");
  await terminal.press("Enter");
  await terminal.shows(ANSWER);
}

/** The shell is back, its terminal as before, and nothing of the bottle is there. */
async function left(lab: Lab, terminal: Terminal, before: string): Promise<void> {
  assertEquals(await statusOfLast(terminal), 0);
  assertEquals(await settingsOf(terminal), before);
  assertEquals(await tracesOf(lab), NO_TRACES);
}

async function declined(lab: Lab): Promise<void> {
  await using opened = await openTerminal(lab);
  const { terminal } = opened;
  await terminal.run("bottle start claude");
  await terminal.shows("Start this bottle? [y/N]");
  await terminal.press("Enter");
  assertEquals(await statusOfLast(terminal), 0);
  assertEquals(await tracesOf(lab), NO_TRACES);
}

async function ctrlCAtQuestion(lab: Lab): Promise<void> {
  await using opened = await openTerminal(lab);
  const { terminal } = opened;
  await terminal.run("bottle start claude");
  await terminal.shows("Start this bottle? [y/N]");
  await terminal.press("C-c");
  assertEquals(await statusOfLast(terminal), 130);
  assertEquals(await tracesOf(lab), NO_TRACES);
}

/** The hang-up comes as a signal and as an error of the read that waits for a key; neither may end bottle at once. */
async function closed(lab: Lab): Promise<void> {
  {
    await using opened = await openTerminal(lab);
    await opened.terminal.run("bottle start claude --yes");
    await opened.terminal.shows("bypass permissions on");
    assertEquals((await tracesOf(lab)).containers.length, 2);
  }
  await until(async () => {
    const { containers, networks, states } = await tracesOf(lab);
    return containers.length + networks.length + states.length === 0;
  }, "the bottle outlived its terminal");
}

/** A digest of the terminal's settings as the shell's children see them. */
async function settingsOf(terminal: Terminal): Promise<string> {
  await terminal.run("clear; stty -g | md5sum");
  const screen = await terminal.shows(/^[0-9a-f]{32} /m);
  return /^[0-9a-f]{32}/m.exec(screen)?.[0] ?? "";
}

/** Length of the longest line of box rules: the width that the agent draws for. */
function longestRule(screen: string): number {
  return Math.max(0, ...[...screen.matchAll(/─+/g)].map(([rule]) => rule.length));
}

async function until(holds: () => Promise<boolean>, otherwise: string): Promise<void> {
  const end = performance.now() + 15_000;
  while (!await holds()) {
    if (performance.now() > end) throw new Error(otherwise);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
