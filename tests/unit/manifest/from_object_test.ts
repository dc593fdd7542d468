import { assertEquals } from "@std/assert";
import { Manifest } from "../../../lib/manifest/manifest.ts";
import { AGENT, BOTTLE, lineOf, makePlaces, markdown } from "./support.ts";

Deno.test("fromObject and the Markdown loader make the same of the same", async () => {
  const bottle = {
    env: { A: "x", B: "?ask", C: "${HOST}" },
    agent_provider: { template: "claude", auth_token: "CLAUDE_TOKEN", dockerfile: "~/Dockerfile" },
    egress: { routes: [{ host: "A.example", auth: { scheme: "Bearer", token_ref: "T" } }] },
    "git-gate": { user: { name: "B" }, repos: { r: { url: "ssh://git@h.example/r", identity: "~/.ssh/r" } } },
    supervise: true,
  };
  const agent = { bottle: "dev", skills: ["s"], "git-gate": { user: { email: "a@x" } }, model: "opus" };
  // JSON is YAML.
  const files = {
    [BOTTLE]: markdown(JSON.stringify(bottle)),
    [AGENT]: markdown(JSON.stringify(agent), "\nPrompt\n"),
  };
  await using places = await makePlaces(files);
  const read = (await places.load()).resolve("demo");
  const object = { bottles: { dev: bottle }, agents: { demo: { ...agent, prompt: "\nPrompt\n" } } };
  const made = Manifest.fromObject(object, { home: places.home }).resolve("demo");
  assertEquals(made.agent.file, "<object>");
  assertEquals(made.bottle.file, "<object>");
  assertEquals(
    {
      ...made,
      agent: { ...made.agent, file: read.agent.file },
      bottle: { ...made.bottle, file: read.bottle.file },
    },
    read,
  );
});

Deno.test("an agent without a prompt has an empty one", () => {
  const manifest = Manifest.fromObject({ bottles: { dev: {} }, agents: { demo: { bottle: "dev" } } });
  assertEquals(manifest.resolve("demo").agent.prompt, "");
  assertEquals(Manifest.fromObject({}).agentNames(), []);
});

Deno.test("errors of the object itself", async (t) => {
  const cyclic: Record<string, unknown> = {};
  cyclic.bottles = cyclic;
  const repos = { r: { url: "ssh://g@h/p", identity: "~/k" } };
  const cases: [name: string, value: unknown, message: string][] = [
    ["nothing", null, "must be a mapping (found nothing); fill it in or leave the key out"],
    ["list", [], "must be a mapping (found a list)"],
    [
      "unknown key",
      { bottels: {} },
      "bottels: unknown key; did you mean bottles? allowed here: bottles, agents",
    ],
    ["bottles type", { bottles: [] }, "bottles: must be a mapping (found a list)"],
    [
      "bottle type",
      { bottles: { dev: null } },
      "bottles.dev: must be a mapping (found nothing); fill it in or leave the key out",
    ],
    ["bottle name", { bottles: { Dev: {} } }, "bottles.Dev: a name is [a-z][a-z0-9-]*"],
    ["agent name", { agents: { "a/b": {} } }, 'agents."a/b": a name is [a-z][a-z0-9-]*'],
    [
      "prompt type",
      { bottles: { d: {} }, agents: { a: { bottle: "d", prompt: 1 } } },
      "agents.a.prompt: must be a string (found a number); put the value in quotes",
    ],
    [
      "no bottles",
      { agents: { a: { bottle: "d" } } },
      'agents.a.bottle: bottle "d" is not defined; no bottles are defined',
    ],
    [
      "prototype",
      JSON.parse('{"bottles": {"__proto__": {}}}'),
      "the object has a key `__proto__`, which is not allowed",
    ],
    ["cycle", cyclic, "the object is nested more than 32 levels deep"],
    [
      "home of a dockerfile",
      { bottles: { d: { agent_provider: { dockerfile: "~/D" } } } },
      "bottles.d.agent_provider.dockerfile: begins with ~, but no home folder is known; write an absolute path",
    ],
    [
      "home of an identity",
      { bottles: { d: { "git-gate": { repos } } } },
      "bottles.d.git-gate.repos.r.identity: begins with ~, but no home folder is known; write an absolute path",
    ],
  ];
  for (const [name, value, message] of cases) {
    await t.step(
      name,
      async () => assertEquals(await lineOf(() => Manifest.fromObject(value)), `<object>: ${message}`),
    );
  }
});
