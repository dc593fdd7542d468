/** A bottle that was kept comes back: its conversation, its own image; and then it is gone for good. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { inspectContainer } from "../../backends/docker/engine/containers.ts";
import { removeImage } from "../../backends/docker/engine/images.ts";
import { resourceName } from "../../backends/docker/names.ts";
import { statePaths } from "../../lib/state/paths.ts";
import { markPreserved } from "../../lib/state/preserve.ts";
import { startBottle } from "../support/bottle_command.ts";
import { inAgent, onlyIdentity, question, WAITING_CLAUDE } from "../support/inside.ts";
import { type Lab, startLab } from "../support/lab.ts";
import { NO_TRACES, tracesOf } from "../support/traces.ts";

const ANSWER = "forty-two, says the stand-in";

/** Something that only the first conversation says. */
const REMEMBERED = `number-${crypto.randomUUID()}`;

Deno.test("a kept bottle resumes with its conversation and its own image", async () => {
  await using lab = await startLab({ answer: ANSWER });
  const identity = await talkAndKeep(lab);
  const kept = await tracesOf(lab);
  assertEquals(kept, { containers: [], networks: [], states: [identity] });

  await using resumed = await startBottle(lab, ["resume", identity, "--yes", "--", ...WAITING_CLAUDE]);
  await resumed.write(question("and now?"));
  await resumed.prints(ANSWER);
  assertEquals((await inAgent(lab, identity, "cat /opt/change")).trim(), "approved");
  const conversation = await inAgent(lab, identity, "cat ~/.claude/projects/*/*.jsonl");
  assertStringIncludes(conversation, REMEMBERED);
  assertStringIncludes(conversation, "and now?");
  const image = await imageOf(lab, identity);
  await resumed.closeInput();
  assertEquals((await resumed.ended).status, 0);
  // The next launch took the marker away.
  assertEquals(await tracesOf(lab), NO_TRACES);
  await removeImage(lab.engine, image);
});

/** A first run, kept the way an approved change of the image keeps one. */
async function talkAndKeep(lab: Lab): Promise<string> {
  await using first = await startBottle(lab, ["start", "claude", "--yes", "--", ...WAITING_CLAUDE]);
  await first.write(question(`remember ${REMEMBERED}`));
  await first.prints(ANSWER);
  const identity = await onlyIdentity(lab);
  const dockerfile = `FROM ${await imageOf(
    lab,
    identity,
  )}\nUSER root\nRUN echo approved > /opt/change\nUSER node\n`;
  await Deno.writeTextFile(statePaths(lab.home, identity).dockerfile, dockerfile);
  await markPreserved(lab.home, identity);
  await first.closeInput();
  const { status, stderr } = await first.ended;
  assertEquals(status, 0);
  assertStringIncludes(stderr, `bottle resume ${identity}`);
  return identity;
}

async function imageOf(lab: Lab, identity: string): Promise<string> {
  const info = await inspectContainer(lab.engine, resourceName(identity, "agent"));
  return info?.Config.Image ?? "";
}
