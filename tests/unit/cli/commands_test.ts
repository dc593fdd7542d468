import { assert, assertEquals } from "@std/assert";
import { prepareBottle } from "../../../lib/bottle/prepare.ts";
import type { BottlePlan, BottleSpec } from "../../../lib/bottle/plan.ts";
import { acquireOwnerLock } from "../../../lib/state/lock.ts";
import { writeMetadata } from "../../../lib/state/metadata.ts";
import { makeStateFolders, statePaths } from "../../../lib/state/paths.ts";
import { markPreserved } from "../../../lib/state/preserve.ts";
import { FakeBackend, type FakeOptions } from "../bottle/fake_backend.ts";
import { planOf } from "../bottle/plans.ts";
import { snapshot, withHome } from "../state/folder.ts";
import { type HostOptions, makeHost, type RecordedHost } from "./fake_host.ts";

const BOTTLE = `---
env:
  PLAIN: literal-value
  ASKED: "?the password"
egress:
  routes:
    - host: api.example.com
      methods: [GET, HEAD]
      git: fetch
      auth: { scheme: token, token_ref: EXAMPLE_TOKEN }
---
`;

async function withManifests(test: (home: string) => Promise<void>): Promise<void> {
  await withHome(async (home) => {
    for (const [folder, text] of [["bottles", BOTTLE], ["agents", "---\nbottle: dev\n---\nBe kind.\n"]]) {
      await Deno.mkdir(`${home}/.bot-bottle/${folder}`, { recursive: true });
      await Deno.writeTextFile(`${home}/.bot-bottle/${folder}/dev.md`, text!);
    }
    await test(home);
  });
}

function withBackend(
  home: string,
  fake: FakeOptions = {},
  options: HostOptions = {},
): RecordedHost & { backend: FakeBackend } {
  const backend = new FakeBackend({ status: 0, plan: planOf, ...fake });
  return { backend, ...makeHost({ home, backends: { docker: backend }, ...options }) };
}

/** The real plan, made by the fake: the planning asks no engine. */
function planningBackend(home: string, options: HostOptions = {}): RecordedHost & { backend: FakeBackend } {
  const made = withBackend(home, {}, options);
  made.backend.prepare = (spec: BottleSpec): Promise<BottlePlan> =>
    prepareBottle(spec, "docker", "/home/node");
  return made;
}

async function makeState(
  home: string,
  identity: string,
  startedAt: string,
  backend = "docker",
): Promise<void> {
  await makeStateFolders(statePaths(home, identity));
  const agentName = identity.slice(0, -6);
  await writeMetadata(home, { identity, agentName, backend, cwd: "/src", copyCwd: false, startedAt });
}

Deno.test("start --dry-run shows the plan and touches nothing: no engine call, no state, no question", () =>
  withManifests(async (home) => {
    const before = await snapshot(home);
    const { run, stderr, stdout, backend } = planningBackend(home, { env: { EXAMPLE_TOKEN: "t0ken-value" } });
    assertEquals(await run("start", "dev", "--dry-run"), 0);
    assertEquals(stdout(), "");
    for (const line of ["agent         : dev", "env           : ASKED (asks: ?the password)"]) {
      assert(stderr().includes(`bottle: ${line}\n`), stderr());
    }
    assert(stderr().includes("api.example.com [auth:token] [methods:GET,HEAD] [git:fetch]"), stderr());
    assert(!stderr().includes("-value"), stderr());
    assertEquals(backend.calls, []);
    assertEquals(await snapshot(home), before);
  }));

const REFUSED: readonly {
  title: string;
  argv: string[];
  options?: HostOptions;
  status: number;
  says: string;
}[] = [
  {
    title: "an unknown agent",
    argv: ["start", "devv", "--yes"],
    status: 1,
    says: "devv",
  },
  {
    title: "an unset token",
    argv: ["start", "dev", "--yes"],
    status: 1,
    says: "EXAMPLE_TOKEN",
  },
  {
    title: "an empty token, at a dry run too",
    argv: ["start", "dev", "--dry-run"],
    options: { env: { EXAMPLE_TOKEN: "" } },
    status: 1,
    says: "EXAMPLE_TOKEN",
  },
  {
    title: "no terminal and no --yes",
    argv: ["start", "dev"],
    options: { env: { EXAMPLE_TOKEN: "t" } },
    status: 2,
    says: "pass --yes",
  },
  {
    title: "a question and no terminal",
    argv: ["start", "dev", "--yes"],
    options: { env: { EXAMPLE_TOKEN: "t" } },
    status: 1,
    says: "env.ASKED asks for a value",
  },
  {
    title: "an unknown backend",
    argv: ["start", "dev", "--backend", "dokcer"],
    status: 2,
    says: "--backend: there is no backend 'dokcer'; did you mean docker?",
  },
  {
    title: "an unknown backend in the environment",
    argv: ["start", "dev"],
    options: { env: { BOT_BOTTLE_BACKEND: "constructor" } },
    status: 1,
    says: "BOT_BOTTLE_BACKEND: there is no backend 'constructor'; known: docker",
  },
  {
    title: "resuming what was not kept",
    argv: ["resume", "dev-00000"],
    status: 1,
    says: "no bottle dev-00000",
  },
  { title: "resuming a path", argv: ["resume", "../../etc"], status: 1, says: "is not a bottle's identity" },
  { title: "info on nothing", argv: ["info", "nobody"], status: 1, says: "nobody" },
];

for (const { title, argv, options, status, says } of REFUSED) {
  Deno.test(`refused, one line, nothing left: ${title}`, () =>
    withManifests(async (home) => {
      const before = await snapshot(home);
      const { run, stderr, backend } = planningBackend(home, options);
      assertEquals(await run(...argv), status, stderr());
      const errors = stderr().split("\n").filter((line) =>
        !line.startsWith("bottle: ") || /error:/.test(line)
      );
      assertEquals(errors.length, 2, stderr());
      assert(errors[0]!.startsWith("bottle: error: ") && errors[0]!.includes(says), stderr());
      assertEquals(backend.launched, []);
      assertEquals(await snapshot(home), before);
    }));
}

Deno.test("start: y, the answer to the manifest's question, the agent's own arguments and status", () =>
  withManifests(async (home) => {
    const options: HostOptions = { env: { EXAMPLE_TOKEN: "t0ken" }, typed: "y\nhunter2\n" };
    const { run, stderr, backend } = planningBackend(home, options);
    assertEquals(await run("start", "dev", "--", "-p", "hi", "--yes", "--"), 0, stderr());
    assertEquals(backend.argv.slice(-4), ["-p", "hi", "--yes", "--"]);
    const [plan] = backend.launched;
    const asked = plan?.env.ASKED;
    assertEquals(asked?.kind === "value" && asked.value.reveal(), "hunter2");
    assertEquals(plan?.tokens.EGRESS_TOKEN_0?.reveal(), "t0ken");
    assert(!stderr().includes("hunter2") && !stderr().includes("t0ken"), stderr());
    assertEquals([...Deno.readDirSync(`${home}/.bot-bottle/state`)], []);
  }));

Deno.test("start: N is status 0 and leaves nothing", () =>
  withManifests(async (home) => {
    const before = await snapshot(home);
    const { run, backend } = withBackend(home, {}, { typed: "n\n" });
    assertEquals(await run("start", "dev"), 0);
    assertEquals(backend.launched, []);
    assertEquals(await snapshot(home), before);
  }));

Deno.test("start: the agent's status is bottle's", () =>
  withManifests(async (home) => {
    const { run } = withBackend(home, { status: 42 });
    assertEquals(await run("start", "dev", "--yes"), 42);
  }));

Deno.test("start --cwd: the folder is the current one", () =>
  withManifests(async (home) => {
    const { run, backend } = withBackend(home, {}, { cwd: "/some/where" });
    assertEquals(await run("start", "dev", "--yes", "--cwd"), 0);
    assertEquals(backend.launched[0]?.copyCwd, true);
    assertEquals(backend.launched[0]?.cwd, "/some/where");
  }));

Deno.test("start --remote-control is refused where the provider has none", () =>
  withManifests(async (home) => {
    const { run, stderr, backend } = withBackend(home);
    for (const how of ["--dry-run", "--yes"]) {
      assertEquals(await run("start", "dev", "--remote-control", how), 2);
    }
    assert(stderr().includes("has no remote control"), stderr());
    assertEquals(backend.launched, []);
  }));

Deno.test("resume: the saved metadata alone decides the backend and the folder", () =>
  withManifests(async (home) => {
    await makeState(home, "dev-abc12", "2026-01-01T00:00:00.000Z");
    await markPreserved(home, "dev-abc12");
    const { run, backend, stderr } = withBackend(home, {}, {
      env: { BOT_BOTTLE_BACKEND: "other" },
      cwd: "/now",
    });
    assertEquals(await run("resume", "dev-abc12", "--yes"), 0, stderr());
    assertEquals(backend.launched[0]?.identity, "dev-abc12");
    assertEquals(backend.launched[0]?.cwd, "/src");
  }));

Deno.test("resume: a backend that this version does not have is named", () =>
  withManifests(async (home) => {
    await makeState(home, "dev-abc12", "", "smolmachines");
    const { run, stderr } = withBackend(home);
    assertEquals(await run("resume", "dev-abc12", "--yes"), 1);
    assert(stderr().includes("bottle dev-abc12: there is no backend 'smolmachines'"), stderr());
  }));

Deno.test("resume: what has a folder and no metadata is not suggested in its own place", () =>
  withManifests(async (home) => {
    await Deno.mkdir(statePaths(home, "dev-abc12").dir, { recursive: true });
    const { run, stderr } = withBackend(home);
    assertEquals(await run("resume", "dev-abc12", "--yes"), 1);
    assertEquals(
      stderr(),
      "bottle: error: no bottle dev-abc12 was kept; start one with `bottle start AGENT`\n",
    );
    await makeState(home, "dev-abc13", "");
    assertEquals(await run("resume", "dev-abc12", "--yes"), 1);
    assert(stderr().endsWith("no bottle dev-abc12 was kept; did you mean dev-abc13?\n"), stderr());
  }));

Deno.test("resume: a running bottle is refused", () =>
  withManifests(async (home) => {
    await makeState(home, "dev-abc12", "");
    const lock = await acquireOwnerLock(home, "dev-abc12");
    const { run, stderr } = withBackend(home);
    assertEquals(await run("resume", "dev-abc12", "--yes"), 1);
    lock.release();
    assert(stderr().includes("bottle dev-abc12 is running"), stderr());
  }));

const ACTIVE = ["z-00000", "b-00000", "a-00000", "x-00000"].map((identity) => ({
  identity,
  backend: "docker",
  orphan: identity.startsWith("z"),
  daemons: ["egress"],
}));

Deno.test("list: by start time, then identity; those without metadata first", () =>
  withHome(async (home) => {
    await makeState(home, "a-00000", "2026-01-02T00:00:00.000Z");
    await makeState(home, "b-00000", "2026-01-02T00:00:00.000Z");
    await makeState(home, "x-00000", "2026-01-01T00:00:00.000Z");
    const { run, stdout, stderr } = withBackend(home, { active: ACTIVE });
    assertEquals(await run("list"), 0);
    const rows = stdout().trimEnd().split("\n");
    assertEquals(rows.map((row) => row.split(/\s+/)[0]), [
      "IDENTITY",
      "z-00000",
      "x-00000",
      "a-00000",
      "b-00000",
    ]);
    assert(rows[1]!.includes("orphan") && rows[2]!.includes("active"), stdout());
    assert(stderr().includes("bottle cleanup"), stderr());
  }));

Deno.test("list --json is JSON alone on standard output, empty too", () =>
  withHome(async (home) => {
    await makeState(home, "a-00000", "2026-01-02T00:00:00.000Z");
    const { run, stdout } = withBackend(home, { active: ACTIVE.slice(2, 3) });
    assertEquals(await run("list", "--json"), 0);
    assertEquals(JSON.parse(stdout()), [{
      identity: "a-00000",
      agent_name: "a",
      backend: "docker",
      cwd: "/src",
      copy_cwd: false,
      started_at: "2026-01-02T00:00:00.000Z",
      orphan: false,
      daemons: ["egress"],
    }]);
    const empty = withBackend(home);
    await empty.run("list", "--json");
    assertEquals(empty.stdout(), "[]\n");
  }));

Deno.test("list: broken metadata is a warning and hides nothing; an unavailable backend is skipped", () =>
  withHome(async (home) => {
    await makeState(home, "a-00000", "");
    await Deno.writeTextFile(statePaths(home, "a-00000").metadata, "{");
    const { run, stdout, stderr } = withBackend(home, { active: ACTIVE.slice(2, 3) });
    assertEquals(await run("list"), 0);
    assert(stdout().includes("a-00000"), stdout());
    assert(stderr().includes("warning: "), stderr());
    const away = new FakeBackend({ available: false, active: ACTIVE });
    const here = new FakeBackend({ active: ACTIVE.slice(2, 3) });
    const both = makeHost({ home, backends: { away, here } });
    assertEquals(await both.run("list", "--json"), 0);
    assertEquals(JSON.parse(both.stdout()).length, 1);
    assertEquals(away.calls, ["isAvailable"]);
  }));

Deno.test("list: when no backend can be used, the reason is the error", () =>
  withHome(async (home) => {
    const away = withBackend(home, { available: false, active: ACTIVE });
    assertEquals(await away.run("list", "--json"), 1);
    assertEquals([away.stdout(), away.stderr()], ["", "bottle: error: the fake engine is not running\n"]);
  }));

Deno.test("info shows what the manifests say, and no value of the environment", () =>
  withManifests(async (home) => {
    const { run, stdout } = withBackend(home);
    assertEquals(await run("info", "dev"), 0);
    assert(
      stdout().includes("PLAIN (literal)") && stdout().includes("ASKED (asks: ?the password)"),
      stdout(),
    );
    assert(
      stdout().includes("api.example.com [auth:token] [methods:GET,HEAD] [git:fetch] from EXAMPLE_TOKEN"),
      stdout(),
    );
    const json = withBackend(home);
    assertEquals(await json.run("info", "dev", "--json"), 0);
    assertEquals(JSON.parse(json.stdout()).bottle.env.PLAIN, { kind: "literal" });
    const [route] = JSON.parse(json.stdout()).bottle.routes;
    assertEquals([route.methods, route.git], [["GET", "HEAD"], "fetch"]);
    assert(!(stdout() + json.stdout()).includes("literal-value"));
  }));

const LEFT = { identity: "old-00000", kind: "container", name: "bot-bottle-old-00000" };

Deno.test("cleanup shows, asks, and removes leftovers and dead state, and nothing that lives or is kept", () =>
  withHome(async (home) => {
    for (const identity of ["old-00000", "live-00000", "kept-00000", "dead-00000"]) {
      await makeState(home, identity, "");
    }
    await makeState(home, "vm-00000", "", "smolmachines");
    await markPreserved(home, "kept-00000");
    const lock = await acquireOwnerLock(home, "live-00000");
    const { run, stderr, backend } = withBackend(home, { leftovers: [LEFT] }, { typed: "y\n" });
    assertEquals(await run("cleanup"), 0, stderr());
    lock.release();
    assert(stderr().includes("container bot-bottle-old-00000"), stderr());
    assert(stderr().includes("vm-00000 is left alone"), stderr());
    assertEquals(backend.leftovers, []);
    const left = [...Deno.readDirSync(`${home}/.bot-bottle/state`)].map((entry) => entry.name).sort();
    assertEquals(left, ["kept-00000", "live-00000", "vm-00000"]);
  }));

Deno.test("cleanup: N removes nothing", () =>
  withHome(async (home) => {
    await makeState(home, "old-00000", "");
    const before = await snapshot(home);
    const { run, backend } = withBackend(home, { leftovers: [LEFT] }, { typed: "\n" });
    assertEquals(await run("cleanup"), 0);
    assertEquals(backend.leftovers, [LEFT]);
    assertEquals(await snapshot(home), before);
  }));

Deno.test("cleanup without a terminal needs --yes", () =>
  withHome(async (home) => {
    const { run, stderr } = withBackend(home, { leftovers: [LEFT] });
    assertEquals(await run("cleanup"), 2);
    assert(stderr().includes("pass --yes"), stderr());
  }));

Deno.test("cleanup: what cannot be removed is named, the rest goes, status 1, and its state stays", () =>
  withHome(async (home) => {
    await makeState(home, "old-00000", "");
    await makeState(home, "new-00000", "");
    const stuck = { ...LEFT, name: "stuck" };
    const { run, stderr } = withBackend(home, { leftovers: [stuck] });
    assertEquals(await run("cleanup", "--yes"), 1);
    assert(stderr().includes("error: cannot remove the container stuck: it is stuck"), stderr());
    const left = [...Deno.readDirSync(`${home}/.bot-bottle/state`)].map((entry) => entry.name);
    assertEquals(left, ["old-00000"]);
  }));

Deno.test("cleanup: nothing to do", () =>
  withHome(async (home) => {
    const { run, stderr } = withBackend(home);
    assertEquals(await run("cleanup"), 0);
    assertEquals(stderr(), "bottle: nothing to clean up\n");
  }));

Deno.test("init writes an example that the loader takes, and never overwrites", () =>
  withHome(async (home) => {
    const first = planningBackend(home);
    assertEquals(await first.run("init"), 0);
    assertEquals(await first.run("start", "dev", "--dry-run"), 0, first.stderr());
    for (const host of ["developer.mozilla.org [methods:GET,HEAD]", "platform.claude.com"]) {
      assert(first.stderr().includes(host), first.stderr());
    }
    await Deno.writeTextFile(`${home}/.bot-bottle/agents/dev.md`, "mine");
    const second = planningBackend(home);
    assertEquals(await second.run("init"), 0);
    assertEquals(await Deno.readTextFile(`${home}/.bot-bottle/agents/dev.md`), "mine");
    assertEquals(second.stderr().match(/left as it is|left as it was/g)?.length, 2, second.stderr());
  }));

Deno.test("init: the commented lines of the example are valid too", () =>
  withHome(async (home) => {
    const { run } = planningBackend(home);
    await run("init");
    const path = `${home}/.bot-bottle/bottles/dev.md`;
    const text = await Deno.readTextFile(path);
    // A comment that is a key; the codex one would contradict the template.
    const uncommented = text.replace(/^( *)# (?! *forward_host)(?= *(?:- )?[A-Za-z_-]+:(?: |$))/gm, "$1");
    assert(uncommented !== text);
    await Deno.writeTextFile(path, uncommented);
    await Deno.mkdir(`${home}/.ssh`);
    const key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----\n";
    await Deno.writeTextFile(`${home}/.ssh/bottle-project`, key);
    const env = { CLAUDE_CODE_OAUTH_TOKEN: "a", GITHUB_TOKEN: "b", LANG: "C" };
    const second = planningBackend(home, { env });
    assertEquals(await second.run("start", "dev", "--dry-run"), 0, second.stderr());
    for (
      const part of [
        "name=Dev Agent (bottle)",
        "project → github.com:22 [push:agent/*] [no force]",
        "api.github.com [auth:Bearer]",
        "github.com [git:fetch]",
        "DATABASE_PASSWORD (asks",
      ]
    ) {
      assert(second.stderr().includes(part), second.stderr());
    }
  }));
