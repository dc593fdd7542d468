/** Bad input and a bad host: one clear line, status 1 or 2, nothing touched. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { bottle, type CommandOptions, type CommandResult } from "../support/bottle_command.ts";
import { type Lab, startLab } from "../support/lab.ts";
import { NO_TRACES, tracesOf, treeOf } from "../support/traces.ts";
import { forbiddenSocket, oldEngine, withoutPrivileges } from "../support/unwelcome_sockets.ts";

/** A command that must fail, and what its error line must have. */
interface Failure {
  readonly title: string;
  readonly args: readonly string[];
  readonly status: 1 | 2;
  readonly line: readonly string[];
  readonly options?: CommandOptions;
}

const START = ["start", "claude", "--yes", "--", "--version"] as const;

const FAILURES: readonly Failure[] = [
  {
    title: "no engine",
    args: START,
    status: 1,
    line: ["the docker engine is not running", "/nowhere/docker.sock"],
    options: { env: { DOCKER_HOST: "unix:///nowhere/docker.sock" } },
  },
  {
    title: "an engine on another host",
    args: START,
    status: 1,
    line: ["DOCKER_HOST is tcp://192.0.2.1:2375", "refused"],
    options: { env: { DOCKER_HOST: "tcp://192.0.2.1:2375" } },
  },
  {
    title: "no engine for list",
    args: ["list", "--json"],
    status: 1,
    line: ["the docker engine is not running"],
    options: { env: { DOCKER_HOST: "unix:///nowhere/docker.sock" } },
  },
  {
    title: "no engine for cleanup",
    args: ["cleanup", "--yes"],
    status: 1,
    line: ["the docker engine is not running"],
    options: { env: { DOCKER_HOST: "unix:///nowhere/docker.sock" } },
  },
  {
    title: "nobody to ask",
    args: ["start", "claude"],
    status: 2,
    line: ["standard input is not a terminal", "--yes"],
  },
  {
    title: "unknown agent",
    args: ["start", "cluade", "--yes"],
    status: 1,
    line: ["cluade", "did you mean claude?"],
  },
  { title: "unknown command", args: ["strat", "claude"], status: 2, line: ["unknown command", "start"] },
  {
    title: "unknown option",
    args: ["start", "claude", "--dryrun"],
    status: 2,
    line: ["--dryrun", "--dry-run"],
  },
  { title: "no agent named", args: ["start"], status: 2, line: ["AGENT"] },
  {
    title: "unknown backend",
    args: ["start", "claude", "--backend", "dokcer"],
    status: 2,
    line: ["did you mean docker?"],
  },
  {
    title: "unset host variable",
    args: START,
    status: 1,
    line: ["LAB_TOKEN"],
    options: { env: { LAB_TOKEN: undefined } },
  },
  {
    title: "empty host variable",
    args: START,
    status: 1,
    line: ["LAB_TOKEN"],
    options: { env: { LAB_TOKEN: "" } },
  },
  {
    title: "remote control of codex",
    args: ["start", "codex", "--yes", "--remote-control"],
    status: 2,
    line: ["remote control"],
  },
  {
    title: "no such image",
    args: START,
    status: 1,
    line: ["no-such/image:x"],
    options: { env: { BOT_BOTTLE_IMAGE: "no-such/image:x" } },
  },
  {
    title: "missing skill",
    args: ["start", "unskilled", "--yes"],
    status: 1,
    line: ["no-such-skill", ".claude/skills"],
  },
  {
    title: "resume of what was not kept",
    args: ["resume", "claude-ab12c", "--yes"],
    status: 1,
    line: ["no bottle claude-ab12c was kept"],
  },
  {
    title: "resume of no identity",
    args: ["resume", "../../etc", "--yes"],
    status: 1,
    line: ["not a bottle's identity"],
  },
];

Deno.test("what the operator can mend", async (t) => {
  await using lab = await startLab();
  await writeFaultyManifests(lab);
  for (const failure of FAILURES) {
    await t.step(failure.title, async () => {
      const result = await unchanged(lab, () => bottle(lab, failure.args, failure.options));
      assertFails(result, failure.status, failure.line);
    });
  }
  await t.step("malformed manifest", () => malformed(lab));
  await t.step("expired codex login", () => expiredLogin(lab));
  await t.step("a socket that is not open to this user", () => notPermitted(lab));
  await t.step("an engine that is too old", () => tooOld(lab));
  await t.step("a Dockerfile that does not build", () => noBuild(lab));
  await t.step("--dry-run shows the plan and touches nothing, engine or not", () => dryRun(lab));
  await t.step("info and list speak JSON", () => json(lab));
});

/** One `bottle: error:` line with all of these, last; no stack. */
function assertFails(
  { status, stdout, stderr }: CommandResult,
  wanted: number,
  parts: readonly string[],
): void {
  const lines = stderr.trimEnd().split("\n");
  assertEquals([status, stdout], [wanted, ""], stderr);
  assertEquals(lines.filter((line) => line.startsWith("bottle: error: ")).length, 1, stderr);
  const last = lines.at(-1) ?? "";
  assert(last.startsWith("bottle: error: "), stderr);
  for (const part of parts) assertStringIncludes(last, part);
  assertNoStack(stderr);
}

function assertNoStack(text: string): void {
  assert(!/internal:|^\s+at .*:\d+|\.ts:\d+/m.test(text), text);
}

/** Runs something that must leave home and engine as they were. */
async function unchanged<T>(lab: Lab, work: () => Promise<T>): Promise<T> {
  const before = await treeOf(lab.home);
  const result = await work();
  assertEquals(await treeOf(lab.home), before);
  assertEquals(await tracesOf(lab), NO_TRACES);
  return result;
}

async function writeFaultyManifests({ home }: Lab): Promise<void> {
  const agents = `${home}/.bot-bottle/agents`;
  await Deno.writeTextFile(`${agents}/unskilled.md`, "---\nbottle: claude\nskills: [no-such-skill]\n---\n");
  await Deno.writeTextFile(`${agents}/unbuilt.md`, "---\nbottle: unbuilt\n---\n");
  await Deno.mkdir(`${home}/.bot-bottle/state`, { mode: 0o700 });
  await Deno.writeTextFile(
    `${home}/.bot-bottle/bottles/unbuilt.md`,
    "---\nagent_provider: { template: claude, dockerfile: ~/Dockerfile }\n---\n",
  );
}

async function malformed(lab: Lab): Promise<void> {
  const file = `${lab.home}/.bot-bottle/agents/mistaken.md`;
  await Deno.writeTextFile(file, "---\nbottle: claude\nskils: [a]\n---\n");
  try {
    const result = await unchanged(lab, () => bottle(lab, ["start", "mistaken", "--yes"]));
    assertFails(result, 1, [file, "skils", "did you mean skills?"]);
  } finally {
    await Deno.remove(file);
  }
}

async function expiredLogin(lab: Lab): Promise<void> {
  const file = `${lab.home}/.codex/auth.json`;
  const text = await Deno.readTextFile(file);
  const login = JSON.parse(text);
  const [header, payload] = String(login.tokens.access_token).split(".") as [string, string];
  const claims = JSON.parse(
    new TextDecoder().decode(Uint8Array.fromBase64(payload, { alphabet: "base64url" })),
  );
  const late = new TextEncoder().encode(
    JSON.stringify({ ...claims, exp: Math.floor(Date.now() / 1000) - 60 }),
  );
  const body = late.toBase64({ alphabet: "base64url", omitPadding: true });
  login.tokens.access_token = `${header}.${body}.c2lnbmF0dXJl`;
  try {
    await Deno.writeTextFile(file, JSON.stringify(login));
    const result = await unchanged(lab, () => bottle(lab, ["start", "codex", "--yes"]));
    assertFails(result, 1, ["expired", "codex login --device-auth"]);
    assert(!result.stderr.includes(body) && !result.stderr.includes("c2lnbmF0dXJl"));
  } finally {
    await Deno.writeTextFile(file, text);
  }
}

async function notPermitted(lab: Lab): Promise<void> {
  await using socket = await forbiddenSocket();
  const options = { env: { DOCKER_HOST: `unix://${socket.path}` }, through: withoutPrivileges() };
  const result = await unchanged(lab, () => bottle(lab, START, options));
  assertFails(result, 1, ["permission denied", socket.path]);
}

async function tooOld(lab: Lab): Promise<void> {
  await using socket = await oldEngine("1.30");
  const env = { DOCKER_HOST: `unix://${socket.path}` };
  const result = await unchanged(lab, () => bottle(lab, START, { env }));
  assertFails(result, 1, ["1.30", "1.41"]);
}

async function noBuild(lab: Lab): Promise<void> {
  const mark = crypto.randomUUID();
  const dockerfile =
    `ARG BASE_IMAGE\nFROM \${BASE_IMAGE}\nLABEL bottle.test=${mark}\nRUN echo words-${mark} && false\n`;
  await Deno.writeTextFile(`${lab.home}/Dockerfile`, dockerfile);
  try {
    const result = await unchanged(lab, () => bottle(lab, ["start", "unbuilt", "--yes"]));
    assertEquals(result.status, 1, result.stderr);
    assertStringIncludes(result.stderr, `words-${mark}`);
    assertEquals(result.stderr.match(/^bottle: error: /gm)?.length, 1, result.stderr);
    assertNoStack(result.stderr);
    const filters = JSON.stringify({ label: [`bottle.test=${mark}`] });
    const images = await lab.engine.json<{ RepoTags: string[] | null }[]>("GET", "/images/json", {
      query: new URLSearchParams({ filters }),
    });
    assertEquals(
      images.flatMap(({ RepoTags }) => RepoTags ?? []).filter((tag) => tag !== "<none>:<none>"),
      [],
    );
  } finally {
    await Deno.remove(`${lab.home}/Dockerfile`);
    await removeImages(lab, mark);
  }
}

/** What the engine keeps of a build that failed, for its cache. */
async function removeImages({ engine }: Lab, mark: string): Promise<void> {
  const filters = JSON.stringify({ label: [`bottle.test=${mark}`] });
  const images = await engine.json<{ Id: string }[]>("GET", "/images/json", {
    query: new URLSearchParams({ all: "true", filters }),
  });
  for (const { Id } of images) await engine.send("DELETE", `/images/${Id}`, { query: { force: true } });
}

async function dryRun(lab: Lab): Promise<void> {
  const args = ["start", "claude", "--dry-run"];
  const there = await unchanged(lab, () => bottle(lab, args));
  const env = { DOCKER_HOST: "unix:///nowhere/docker.sock" };
  const notThere = await unchanged(lab, () => bottle(lab, args, { env }));
  assertEquals([there.status, notThere.status], [0, 0], notThere.stderr);
  assertEquals(notThere.stderr, there.stderr);
  assertStringIncludes(there.stderr, "api.anthropic.com [auth:Bearer]");
  assert(!there.stderr.includes(lab.token));
  assertEquals((await bottle(lab, ["start", "codex", "--dry-run"])).status, 0);
}

async function json(lab: Lab): Promise<void> {
  const { stdout, status } = await unchanged(lab, () => bottle(lab, ["info", "codex", "--json"]));
  const info = JSON.parse(stdout) as { agent: { name: string }; bottle: { provider: { template: string } } };
  assertEquals([status, info.agent.name, info.bottle.provider.template], [0, "codex", "codex"]);
  const listed = await unchanged(lab, () => bottle(lab, ["list", "--json"]));
  assertEquals([listed.status, JSON.parse(listed.stdout)], [0, []]);
}
