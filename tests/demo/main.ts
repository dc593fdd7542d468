/**
 * The main job without any key: set-up, then the real Claude Code in a real bottle, answering through the whole
 * chain from a local stand-in of the model's service; then what a hostile agent would try, and what stopped it.
 *
 *     deno task demo
 */

import { STAND_IN_PIPELOCK } from "../../images/parts.ts";
import { launchBottle } from "../support/bottle.ts";
import { deno } from "../support/deno.ts";
import { type Lab, startLab } from "../support/lab.ts";
import { CONTROL, tryWall, type WallResult, walls } from "../support/walls.ts";

const QUESTION = "What keeps a coding agent safe?";
const ANSWER = "A bottle: nothing in it worth stealing, and one guarded way out.";

const encoder = new TextEncoder();

function say(text: string): void {
  Deno.stdout.writeSync(encoder.encode(`${text}\n`));
}

/** The agent answers through the chain, and the service saw the credential that the agent never had. */
async function ask(lab: Lab): Promise<void> {
  say(`\n$ bottle start claude --yes -- -p "${QUESTION}"`);
  const denoDir = Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`;
  const { text } = await deno(
    ["run", "-A", "main.ts", "start", "claude", "--yes", "--", "-p", QUESTION],
    { ...lab.env, DENO_DIR: denoDir },
  );
  if (!text.includes(ANSWER)) throw new Error("the agent did not answer");
  const asked = (await lab.requests()).find((request) => request.path.startsWith("/v1/messages"));
  if (asked?.authorization !== `Bearer ${lab.token}`) throw new Error("the service did not see the token");
  say("\nThe model's service saw the operator's token; the agent held a placeholder.");
}

function row(cells: readonly [string, string, string]): string {
  return `${cells[0].padEnd(40)} ${cells[1].padEnd(38)} ${cells[2]}`;
}

/** Tries every wall from inside a bottle. */
async function tryWalls(lab: Lab): Promise<readonly WallResult[]> {
  await using launched = await launchBottle(lab, "claude");
  const control = await tryWall(launched.bottle, CONTROL);
  if (lab.env["BOT_BOTTLE_PIPELOCK_IMAGE"] === STAND_IN_PIPELOCK) {
    say(
      "\nNote: pipelock is a stand-in here, since set-up could not get the real one (its words are above).",
    );
  }
  if (!control.held) {
    throw new Error(`what is allowed does not pass, so nothing is proven: ${control.output}`);
  }
  say(`\n${row(["Tried from inside", "Stopped by", ""])}\n${"-".repeat(88)}`);
  const results: WallResult[] = [];
  for (const wall of walls({ address: lab.address, gateway: launched.gateway })) {
    const result = await tryWall(launched.bottle, wall);
    results.push(result);
    say(row([wall.attempt, result.held ? wall.stoppedBy : "", result.held ? "held" : "BROKEN"]));
    if (!result.held) say(result.output.replaceAll(/^/gm, "    "));
  }
  return results;
}

if (import.meta.main) {
  if (!(await deno(["task", "setup", "--stand-in-pipelock"])).ok) Deno.exit(1);
  say("\nStarting the lab (the first time, images are built)");
  const showStep = (text: string): void => say(`  ${text}`);
  await using lab = await startLab({
    answer: ANSWER,
    progress: {
      step: showStep,
      detail: () => undefined,
      warn: showStep,
      tail: (lines) => lines.forEach(showStep),
    },
  });
  await ask(lab);
  const results = await tryWalls(lab);
  const broken = results.filter((result) => !result.held).length;
  say(`\ndemo: ${results.length - broken} walls held, ${broken} broken`);
  Deno.exitCode = broken === 0 ? 0 : 1;
}
