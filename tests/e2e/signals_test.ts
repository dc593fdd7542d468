/** Ctrl-C and its relatives at every moment of a launch, and a bottle process that is killed outright. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { bottle, startBottle } from "../support/bottle_command.ts";
import { onlyIdentity, question, WAITING_CLAUDE } from "../support/inside.ts";
import { type Lab, startLab } from "../support/lab.ts";
import { NO_TRACES, tracesOf } from "../support/traces.ts";

const ANSWER = "still here";

/** What bottle says at its steps, in order. */
const MOMENTS = [
  "bottle: agent ",
  "bottle: images\n",
  "bottle: networks\n",
  "bottle: containers\n",
  "bottle: close the network\n",
  "bottle: prove it closed\n",
  "bottle: provision: certificate\n",
  "bottle: provision: prompt and provider\n",
  "bottle: provision: skills\n",
  "bottle: provision: git\n",
] as const;

Deno.test("signals leave nothing behind", async (t) => {
  await using lab = await startLab({ answer: ANSWER });
  // Images are made before: the launches that are cut short are all alike.
  assertEquals((await bottle(lab, ["start", "claude", "--yes", "--", "--version"])).status, 0);

  for (const [index, moment] of MOMENTS.entries()) {
    const signal = index % 2 === 0 ? "SIGINT" : "SIGTERM";
    await t.step(`${signal} at "${moment.trim()}"`, () => interrupt(lab, moment, signal, 0));
  }
  await t.step("SIGINT in the middle of making containers", () => interrupt(lab, MOMENTS[3], "SIGINT", 150));
  await t.step(
    "SIGTERM in the middle of closing the network",
    () => interrupt(lab, MOMENTS[4], "SIGTERM", 150),
  );
  await t.step("SIGHUP at the first step", () => interrupt(lab, MOMENTS[1], "SIGHUP", 0));
  await t.step("SIGTERM while the agent runs", () => interruptAgent(lab, "SIGTERM"));
  await t.step("SIGINT while the agent runs", () => interruptAgent(lab, "SIGINT"));
  await t.step("SIGKILL leaves an orphan that is named, listed and removed", () => orphan(lab));
});

const STATUS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

async function interrupt(
  lab: Lab,
  moment: string,
  signal: keyof typeof STATUS,
  afterMs: number,
): Promise<void> {
  await using command = await startBottle(lab, ["start", "claude", "--yes", "--", "--version"]);
  await command.says(moment);
  if (afterMs > 0) await new Promise((resolve) => setTimeout(resolve, afterMs));
  command.kill(signal);
  const { status, stdout, stderr } = await command.ended;
  assertEquals([status, stdout], [STATUS[signal], ""], stderr);
  assert(!/error|warning|teardown| at .*:\d+:\d+/.test(stderr), stderr);
  assertEquals(await tracesOf(lab), NO_TRACES);
}

async function interruptAgent(lab: Lab, signal: keyof typeof STATUS): Promise<void> {
  await using command = await startBottle(lab, ["start", "claude", "--yes", "--", ...WAITING_CLAUDE]);
  await command.write(question("are you there?"));
  await command.prints(ANSWER);
  command.kill(signal);
  const { status, stderr } = await command.ended;
  assertEquals(status, STATUS[signal], stderr);
  assertEquals(await tracesOf(lab), NO_TRACES);
}

async function orphan(lab: Lab): Promise<void> {
  await using command = await startBottle(lab, ["start", "claude", "--yes", "--", ...WAITING_CLAUDE]);
  await command.write(question("are you there?"));
  await command.prints(ANSWER);
  const identity = await onlyIdentity(lab);
  command.kill("SIGKILL");
  assertEquals((await command.ended).status, 137);
  const left = await tracesOf(lab);
  assertEquals([left.containers.length, left.networks.length, left.states], [2, 2, [identity]]);

  const listed = await bottle(lab, ["list"]);
  assertEquals(listed.status, 0, listed.stderr);
  assert(new RegExp(`^${identity} .*orphan`, "m").test(listed.stdout), listed.stdout);
  const rows = JSON.parse((await bottle(lab, ["list", "--json"])).stdout) as Record<string, unknown>[];
  assertEquals(rows.map(({ identity, agent_name, orphan }) => [identity, agent_name, orphan]), [
    [identity, "claude", true],
  ]);

  const next = await bottle(lab, ["start", "claude", "--yes", "--", "--version"]);
  assertEquals(next.status, 0, next.stderr);
  assertStringIncludes(next.stderr, `bottle: warning: bottle ${identity} was left behind`);
  assertEquals(await tracesOf(lab), left);

  const asked = await bottle(lab, ["cleanup"]);
  assertEquals(asked.status, 2, asked.stderr);
  assertStringIncludes(asked.stderr, "--yes");
  assertEquals(await tracesOf(lab), left);

  const cleaned = await bottle(lab, ["cleanup", "--yes"]);
  assertEquals(cleaned.status, 0, cleaned.stderr);
  assertStringIncludes(cleaned.stderr, identity);
  assertEquals(await tracesOf(lab), NO_TRACES);
  assertStringIncludes((await bottle(lab, ["cleanup", "--yes"])).stderr, "nothing to clean up");
}
