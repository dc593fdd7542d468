/**
 * While a real agent works with a real-looking credential, no byte of that credential is anywhere but in the memory
 * of bottle and of the bundle. Each place is proven to be searched: something that is there is found in the same pass.
 */

import { assert, assertEquals } from "@std/assert";
import type { Terminal } from "../integration/engine/tmux.ts";
import { openTerminal, statusOfLast } from "../support/bottle_terminal.ts";
import { inAgent, onlyIdentity } from "../support/inside.ts";
import { type Lab, startLab, TOKEN_PREFIX } from "../support/lab.ts";
import { findIn, formsOf, type Needle, streamOf } from "../support/needles.ts";
import { hostCommandLines, type Place, placesOf } from "../support/places.ts";
import { NO_TRACES, tracesOf } from "../support/traces.ts";

const ANSWER = "forty-two, says the stand-in";

/** Put into the agent on purpose: the same search finds it, as a file and in a process. */
const CANARY = `canary-${crypto.randomUUID()}`;

Deno.test("no byte of a credential is where it must not be", async (t) => {
  await using lab = await startLab({ answer: ANSWER });
  await t.step("with Claude Code", () => search(lab, "claude", [], claudeNeedles(lab)));
  await t.step("with Codex", async () => search(lab, "codex", [], await codexNeedles(lab)));
});

async function search(
  lab: Lab,
  agent: string,
  args: readonly string[],
  needles: readonly Needle[],
): Promise<void> {
  await using opened = await openTerminal(lab);
  const { terminal } = opened;
  await terminal.resize(120, 40);
  await terminal.run(["bottle start", agent, "--yes --", ...args].join(" "));
  const onHost = await commandLinesUntil(lab, terminal, agent);
  await terminal.type("tell me the answer");
  await terminal.shows("tell me the answer");
  await terminal.press("Enter");
  await terminal.shows(ANSWER);
  assert(
    (await lab.requests()).some(({ authorization }) => authorization !== null),
    "no credential was used",
  );
  const identity = await onlyIdentity(lab);
  assertEquals(await findIn(streamOf(onHost), needles), []);

  for (const place of await placesOf(lab, identity)) {
    const found = await searchPlace(place, needles);
    assertEquals(found, [place.control], `${place.name}: wanted to find the control and nothing else`);
  }
  await findCanary(lab, identity);

  await terminal.press("C-c");
  await new Promise((resolve) => setTimeout(resolve, 300));
  await terminal.press("C-c");
  assertEquals(await statusOfLast(terminal), 0);
  assertEquals(await tracesOf(lab), NO_TRACES);
}

async function searchPlace(place: Place, needles: readonly Needle[]): Promise<readonly string[]> {
  return await findIn(await place.read(), [...needles, { name: place.control, text: place.control }]);
}

/** The command lines of the host, again and again until the agent's screen is there. */
async function commandLinesUntil(lab: Lab, terminal: Terminal, agent: string): Promise<string> {
  const prompt = agent === "claude" ? "bypass permissions on" : "Ask Codex to do anything";
  let text = "";
  let waiting = true;
  const shown = terminal.shows(prompt).finally(() => waiting = false);
  shown.catch(() => undefined);
  const decoder = new TextDecoder();
  while (waiting) {
    for await (const line of hostCommandLines()) text += decoder.decode(line);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await shown;
  assert(text.includes("dist/bottle\0start\0") && !text.includes(lab.token));
  return text;
}

/** The search finds what an agent that did have the credential would show. */
async function findCanary(lab: Lab, identity: string): Promise<void> {
  await inAgent(lab, identity, `echo ${CANARY} > ~node/canary; CANARY=${CANARY} sleep 600 >/dev/null 2>&1 &`);
  const found: string[] = [];
  for (const place of await placesOf(lab, identity)) {
    if (!["the agent's processes", "files of the agent"].includes(place.name)) continue;
    const names = await findIn(await place.read(), [{ name: "canary", text: CANARY }]);
    if (names.length > 0) found.push(place.name);
  }
  assertEquals(found, ["the agent's processes", "files of the agent"]);
}

function claudeNeedles(lab: Lab): readonly Needle[] {
  const random = lab.token.slice(TOKEN_PREFIX.length);
  return [...formsOf("token", random), ...parts("token", random)];
}

/** Every secret part of the login: the tokens' payloads and signatures, what identifies them, who they are for. */
async function codexNeedles(lab: Lab): Promise<readonly Needle[]> {
  const login: unknown = JSON.parse(await Deno.readTextFile(`${lab.home}/.codex/auth.json`));
  const { tokens } = login as { tokens: Record<"access_token" | "id_token" | "refresh_token", string> };
  const needles: Needle[] = [{ name: "email", text: "operator@lab.example" }];
  for (const name of ["access_token", "id_token"] as const) {
    const [, payload, signature] = tokens[name].split(".") as [string, string, string];
    const claims = JSON.parse(
      new TextDecoder().decode(Uint8Array.fromBase64(payload, { alphabet: "base64url" })),
    );
    needles.push(
      { name: `${name} payload`, text: payload },
      { name: `${name} end of payload`, text: payload.slice(-32) },
      ...formsOf(`${name} signature`, signature),
      { name: `${name} start of signature`, text: signature.slice(0, 20) },
      { name: `${name} end of signature`, text: signature.slice(-20) },
      ...formsOf(`${name} jti`, String(claims.jti)),
    );
  }
  const refresh = tokens.refresh_token.slice("lab-refresh-".length);
  return [...needles, ...formsOf("refresh token", refresh), ...parts("refresh token", refresh)];
}

function parts(name: string, uuid: string): readonly Needle[] {
  return [
    { name: `${name} without dashes`, text: uuid.replaceAll("-", "") },
    { name: `start of ${name}`, text: uuid.slice(0, 18) },
    { name: `end of ${name}`, text: uuid.slice(-12) },
  ];
}
