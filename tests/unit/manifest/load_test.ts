import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { Manifest } from "../../../lib/manifest/manifest.ts";
import { AGENT, BOTTLE, lineOf, makePlaces, markdown, REPOSITORY_AGENT } from "./support.ts";

const FULL = `
env:
  EDITOR: vi
  PASSWORD: "?The password"
  BARE: "?"
  TOKEN: \${HOST_TOKEN}
  MIXED: a-\${HOST}-b
  EMPTY: ""
agent_provider:
  template: codex
  dockerfile: ~/images/Dockerfile
  forward_host_credentials: true
egress:
  routes:
    - host: API.Example.
      path_allowlist: [/v1/, /v2]
      methods: [GET, HEAD]
      git: fetch
      auth: {scheme: token, token_ref: GITEA_TOKEN}
      pipelock:
        tls_passthrough: true
        ssrf_ip_allowlist: [10.1.2.3, 10.1.2.3/8, "FD00::1"]
    - host: bücher.example
git-gate:
  user: {name: Bot, email: ""}
  repos:
    app:
      url: ssh://git@Git.Example:30009/me/app.git
      identity: ~/.ssh/app
      host_key: ssh-ed25519 AAAA comment
    v6: {url: "ssh://git@[::1]/~me/app", identity: /keys/v6}
supervise: true
`;

Deno.test("a bottle with every key, read from Markdown", async () => {
  await using places = await makePlaces({
    [BOTTLE]: markdown(FULL, "Notes."),
    [AGENT]: markdown("bottle: dev"),
  });
  const manifest = await places.load();
  assertEquals(manifest.warnings(), []);
  assertEquals(manifest.resolve("demo").bottle, {
    name: "dev",
    file: join(places.root, BOTTLE),
    env: {
      EDITOR: { kind: "literal", value: "vi" },
      PASSWORD: { kind: "prompt", text: "The password" },
      BARE: { kind: "prompt", text: "" },
      TOKEN: { kind: "host", name: "HOST_TOKEN" },
      MIXED: { kind: "literal", value: "a-${HOST}-b" },
      EMPTY: { kind: "literal", value: "" },
    },
    provider: {
      template: "codex",
      dockerfile: join(places.home, "images/Dockerfile"),
      forwardHostCredentials: true,
    },
    routes: [
      {
        host: "api.example",
        pathAllowlist: ["/v1/", "/v2"],
        methods: ["GET", "HEAD"],
        git: "fetch",
        auth: { scheme: "token", tokenRef: "GITEA_TOKEN" },
        tlsPassthrough: true,
        ssrfIpAllowlist: ["10.1.2.3", "10.0.0.0/8", "fd00::1"],
      },
      { host: "xn--bcher-kva.example", pathAllowlist: [], tlsPassthrough: false, ssrfIpAllowlist: [] },
    ],
    gitUser: { name: "Bot" },
    gitRepos: [
      {
        name: "app",
        url: "ssh://git@Git.Example:30009/me/app.git",
        user: "git",
        host: "git.example",
        port: 30009,
        path: "/me/app.git",
        identity: join(places.home, ".ssh/app"),
        hostKey: "ssh-ed25519 AAAA comment",
      },
      {
        name: "v6",
        url: "ssh://git@[::1]/~me/app",
        user: "git",
        host: "::1",
        port: 22,
        path: "/~me/app",
        identity: "/keys/v6",
      },
    ],
    supervise: true,
  });
});

Deno.test("an agent: the body is the prompt, trimmed; Claude Code's own keys are accepted and ignored", async () => {
  const yaml = [
    "bottle: dev",
    "skills: [review, my_skill.v2]",
    "git-gate:",
    "  user: {email: agent@x}",
    "name: other-name",
    "description: [of, any, type]",
    "model: opus",
    "color: red",
    "memory: 7",
  ].join("\n");
  await using places = await makePlaces({
    [BOTTLE]: markdown("git-gate:\n  user: {name: Bottle, email: bottle@x}"),
    [AGENT]: markdown(yaml, "\n\n# You are\n\n---\n\na reviewer.  \n\n"),
  });
  const { agent, gitIdentity } = (await places.load()).resolve("demo");
  assertEquals(agent, {
    name: "demo",
    file: join(places.root, AGENT),
    bottle: "dev",
    skills: ["review", "my_skill.v2"],
    gitUser: { email: "agent@x" },
    prompt: "# You are\n\n---\n\na reviewer.",
  });
  assertEquals(gitIdentity, {
    name: { value: "Bottle", from: "bottle" },
    email: { value: "agent@x", from: "agent" },
  });
});

Deno.test("git identity: each field is the agent's when it has one", async (t) => {
  const cases: [bottle: string, agent: string, expected: unknown][] = [
    ["", "", {}],
    ["{name: B}", "", { name: { value: "B", from: "bottle" } }],
    ["", "{email: a@x}", { email: { value: "a@x", from: "agent" } }],
    ["{name: B, email: b@x}", "{name: A, email: a@x}", {
      name: { value: "A", from: "agent" },
      email: { value: "a@x", from: "agent" },
    }],
    ["{name: B, email: b@x}", '{name: "", email: a@x}', {
      name: { value: "B", from: "bottle" },
      email: { value: "a@x", from: "agent" },
    }],
  ];
  for (const [bottle, agent, expected] of cases) {
    await t.step(`bottle ${bottle || "none"}, agent ${agent || "none"}`, async () => {
      const user = (value: string) => value === "" ? "" : `git-gate: {user: ${value}}`;
      await using places = await makePlaces({
        [BOTTLE]: markdown(user(bottle)),
        [AGENT]: markdown(`bottle: dev\n${user(agent)}`),
      });
      assertEquals((await places.load()).resolve("demo").gitIdentity, expected);
    });
  }
});

Deno.test("line ends of Windows, a byte order mark and blanks after the fences are read", async () => {
  await using places = await makePlaces({
    [BOTTLE]: "\ufeff---  \r\nsupervise: true\r\n---\t\r\nNotes\r\n",
    [AGENT]: "---\r\nbottle: dev\r\n---\r\nTwo\r\nlines\r\n",
  });
  const { agent, bottle } = (await places.load()).resolve("demo");
  assertEquals([bottle.supervise, agent.prompt], [true, "Two\nlines"]);
});

Deno.test("nothing on disk is an empty manifest, and resolve says where an agent goes", async () => {
  await using places = await makePlaces();
  const manifest = await places.load();
  assertEquals([manifest.agentNames(), manifest.bottleNames(), manifest.warnings()], [[], [], []]);
  const shown = await lineOf(() => manifest.resolve("demo"));
  assertEquals(
    shown,
    'no agent is named "demo"; no agents are defined; write one to ~/.bot-bottle/agents/NAME.md',
  );
});

Deno.test("resolve lists the agents and suggests the near one", async () => {
  const manifest = Manifest.fromObject({
    bottles: { dev: {} },
    agents: { writer: { bottle: "dev" }, coder: { bottle: "dev" } },
  });
  assertEquals(
    await lineOf(() => manifest.resolve("codr")),
    'no agent is named "codr"; did you mean coder? agents: coder, writer',
  );
  assertEquals(
    await lineOf(() => manifest.resolve("x\n")),
    'no agent is named "x\\n"; agents: coder, writer',
  );
  assertEquals(
    await lineOf(() => manifest.resolve("__proto__")),
    'no agent is named "__proto__"; agents: coder, writer',
  );
  assertEquals([manifest.agentNames(), manifest.bottleNames()], [["coder", "writer"], ["dev"]]);
});

Deno.test("a repository adds agents and overrides them by name", async () => {
  await using places = await makePlaces({
    [BOTTLE]: markdown(""),
    [AGENT]: markdown("bottle: dev\nskills: [a]", "home"),
    [REPOSITORY_AGENT]: markdown("bottle: dev", "repository"),
    "cwd/.bot-bottle/agents/extra.md": markdown("bottle: dev", "extra"),
  });
  const manifest = await places.load();
  assertEquals(manifest.agentNames(), ["demo", "extra"]);
  const { agent } = manifest.resolve("demo");
  assertEquals([agent.prompt, agent.skills, agent.file], [
    "repository",
    [],
    join(places.root, REPOSITORY_AGENT),
  ]);
  assertEquals(manifest.warnings(), []);
});

Deno.test("a repository that moves an agent to another bottle is warned about by name", async () => {
  await using places = await makePlaces({
    [BOTTLE]: markdown(""),
    "home/.bot-bottle/bottles/open.md": markdown(""),
    [AGENT]: markdown("bottle: dev"),
    [REPOSITORY_AGENT]: markdown("bottle: open"),
  });
  const manifest = await places.load();
  assertEquals(manifest.warnings(), [
    `${places.root}/${REPOSITORY_AGENT} moves agent demo from bottle "dev" to bottle "open"`,
  ]);
  assertEquals(manifest.resolve("demo").bottle.name, "open");
});

Deno.test("a repository cannot define or change a bottle", async () => {
  await using places = await makePlaces({
    [BOTTLE]: markdown(""),
    [AGENT]: markdown("bottle: dev"),
    "cwd/.bot-bottle/bottles/dev.md": markdown("supervise: true"),
    "cwd/.bot-bottle/bottles/evil.md": "this is not even read",
  });
  const manifest = await places.load();
  const folder = `${places.cwd}/.bot-bottle/bottles`;
  assertEquals(manifest.warnings(), [`${folder} is ignored: only ~/.bot-bottle/bottles may define bottles`]);
  assertEquals(manifest.bottleNames(), ["dev"]);
  assertEquals(manifest.resolve("demo").bottle.supervise, false);
  await places.write("cwd/.bot-bottle/agents/evil.md", markdown("bottle: evil"));
  assertStringIncludes(
    await lineOf(async () => (await places.load()).resolve("evil")),
    'bottle: bottle "evil" is not defined; bottles: dev',
  );
});

Deno.test("run in the home folder, its bottles are not a repository's", async () => {
  await using places = await makePlaces({ [BOTTLE]: markdown(""), [AGENT]: markdown("bottle: dev") });
  await Deno.symlink(places.home, join(places.root, "link"));
  for (const cwd of [places.home, join(places.root, "link")]) {
    const manifest = await Manifest.load({ home: places.home, cwd });
    assertEquals(manifest.warnings(), []);
    assertEquals(manifest.agentNames(), ["demo"]);
  }
});

Deno.test("files whose name is no manifest's are skipped with a warning", async () => {
  const bad = [
    "Dev.md",
    "_dev.md",
    "1dev.md",
    "dev_2.md",
    "dev.txt",
    "dev",
    ".md",
    ".dev.md",
    "dev.md~",
    "de\x1bv.md",
  ];
  await using places = await makePlaces({ [BOTTLE]: markdown("") });
  for (const name of bad) await places.write(`home/.bot-bottle/bottles/${name}`, "not read");
  const manifest = await places.load();
  assertEquals(manifest.bottleNames(), ["dev"]);
  const folder = `${places.home}/.bot-bottle/bottles`;
  const expected = bad.toSorted().slice(0, 5).map((name) =>
    `${folder}/${name.replace("\x1b", "\\u{1b}")} is skipped: a manifest's file name is [a-z][a-z0-9-]*.md`
  );
  assertEquals(manifest.warnings(), [...expected, `and 5 more files of ${folder} are skipped`]);
});

Deno.test("a repository's links are not followed, the operator's own are", async () => {
  await using places = await makePlaces({
    [BOTTLE]: markdown(""),
    "home/secret": markdown("bottle: dev", "the operator's secret"),
    "home/dotfiles/agents/mine.md": markdown("bottle: dev", "mine"),
    "cwd/.bot-bottle/agents/plain.md": markdown("bottle: dev", "plain"),
  });
  const agents = join(places.cwd, ".bot-bottle/agents");
  await Deno.symlink(join(places.home, "secret"), join(agents, "leak.md"));
  await Deno.symlink(join(places.home, "dotfiles/agents"), join(places.home, ".bot-bottle/agents"));
  const manifest = await places.load();
  assertEquals(manifest.agentNames(), ["mine", "plain"]);
  assertEquals(manifest.warnings(), [
    `${agents}/leak.md cannot be used: a repository's links are not followed`,
  ]);
});

Deno.test("a repository's linked folders are not followed", async () => {
  await using places = await makePlaces({
    [BOTTLE]: markdown(""),
    "home/other/agents/leak.md": markdown("bottle: dev"),
  });
  await Deno.symlink(join(places.home, "other"), join(places.cwd, ".bot-bottle"));
  const linked = await places.load();
  assertEquals(linked.agentNames(), []);
  assertEquals(
    linked.warnings().at(-1),
    `${places.cwd}/.bot-bottle is ignored: a repository's links are not followed`,
  );

  await Deno.remove(join(places.cwd, ".bot-bottle"));
  await Deno.mkdir(join(places.cwd, ".bot-bottle"));
  await Deno.symlink(join(places.home, "other/agents"), join(places.cwd, ".bot-bottle/agents"));
  const inner = await places.load();
  assertEquals(inner.agentNames(), []);
  assertEquals(inner.warnings(), [
    `${places.cwd}/.bot-bottle/agents is ignored: a repository's links are not followed`,
  ]);
});

Deno.test("a link in the folder's place is not looked through, wherever it leads", async () => {
  for (const target of [".bot-bottle", "elsewhere"]) {
    await using places = await makePlaces({
      [BOTTLE]: markdown(""),
      [AGENT]: markdown("bottle: dev", "home"),
      "cwd/elsewhere/bottles/evil.md": markdown(""),
      "cwd/elsewhere/agents/demo.md": markdown("bottle: dev", "repository"),
    });
    const link = join(places.cwd, ".bot-bottle");
    await Deno.symlink(target, link);
    const manifest = await places.load();
    assertEquals(manifest.warnings(), [`${link} is ignored: a repository's links are not followed`]);
    assertEquals(manifest.resolve("demo").agent.prompt, "home");
    // Nor does what is behind the link count as the new layout.
    await places.write("cwd/bot-bottle.json", "{}");
    assertStringIncludes(await lineOf(() => places.load()), "bot-bottle.json is no longer read");
  }
});

Deno.test("devices, dangling links and plain files in a folder's place are passed over, not waited for", async () => {
  await using places = await makePlaces({ [BOTTLE]: markdown(""), "cwd/.bot-bottle": "a file" });
  const folder = `${places.home}/.bot-bottle/bottles`;
  await Deno.symlink("/nowhere/at/all", `${folder}/gone.md`);
  await Deno.symlink("/dev/zero", `${folder}/endless.md`);
  await Deno.mkdir(`${folder}/folder.md`);
  const manifest = await places.load();
  assertEquals(manifest.bottleNames(), ["dev"]);
  assertEquals(manifest.warnings(), [
    `${folder}/endless.md cannot be used: it is not a file`,
    `${folder}/folder.md cannot be used: it is not a file`,
    `${folder}/gone.md cannot be used: its link leads nowhere`,
    `${places.cwd}/.bot-bottle is ignored: it is not a folder`,
  ]);
});

Deno.test("a stale bot-bottle.json without the new folders is an error that names the new layout", async () => {
  await using home = await makePlaces({ "home/bot-bottle.json": "{}" });
  assertEquals(
    await lineOf(() => home.load()),
    `${home.home}/bot-bottle.json is no longer read; write each entry to its own file: ` +
      `${home.home}/.bot-bottle/bottles/NAME.md, ${home.home}/.bot-bottle/agents/NAME.md`,
  );
  await Deno.mkdir(join(home.home, ".bot-bottle/state"), { recursive: true });
  assertStringIncludes(await lineOf(() => home.load()), "bot-bottle.json is no longer read");
  await home.write(BOTTLE, markdown(""));
  assertEquals((await home.load()).bottleNames(), ["dev"]);

  await using cwd = await makePlaces({ [BOTTLE]: markdown(""), "cwd/bot-bottle.json": "{}" });
  assertEquals(
    await lineOf(() => cwd.load()),
    `${cwd.cwd}/bot-bottle.json is no longer read; write each entry to its own file: ${cwd.cwd}/.bot-bottle/agents/NAME.md`,
  );
  await cwd.write(REPOSITORY_AGENT, markdown("bottle: dev"));
  assertEquals((await cwd.load()).agentNames(), ["demo"]);
});
