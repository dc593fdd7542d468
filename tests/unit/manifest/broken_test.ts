/**
 * One file that cannot be used once stopped every agent, and a repository could bring one. Now it stops those alone
 * that need it; and it never makes way for the home's agent of that name.
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import type { Manifest } from "../../../lib/manifest/manifest.ts";
import { AGENT, BOTTLE, lineOf, makePlaces, markdown, type Places, REPOSITORY_AGENT } from "./support.ts";

const HOME = {
  [BOTTLE]: markdown(""),
  [AGENT]: markdown("bottle: dev", "home"),
  "home/.bot-bottle/agents/other.md": markdown("bottle: dev", "other"),
};
const KEY_ERROR = ":3: skils: unknown key; did you mean skills? allowed here: bottle, skills,";

async function refused(manifest: Manifest, name: string): Promise<string> {
  return await lineOf(() => manifest.resolve(name));
}

async function fill(places: Places, count: number, content = ""): Promise<string> {
  const folder = join(places.cwd, ".bot-bottle/agents");
  await Deno.mkdir(folder, { recursive: true });
  for (let index = 0; index < count; index++) Deno.writeTextFileSync(join(folder, `a${index}.md`), content);
  return folder;
}

Deno.test("a repository's broken agent is a warning, its error when asked for, and never the home's", async (t) => {
  const long = markdown("bottle: dev", "x".repeat(1024 * 1024));
  const cases: [name: string, content: string | Uint8Array, message: string][] = [
    ["an unknown key", markdown("bottle: dev\nskils: [a]"), KEY_ERROR],
    ["no frontmatter", "# Title", ":1: has no frontmatter; a manifest begins with a line `---`"],
    ["bad YAML", markdown("bottle: [dev"), " is not valid YAML: "],
    ["a great file", long, " is greater than 1024 KiB"],
    ["bytes", new Uint8Array([0x2d, 0x2d, 0x2d, 0x0a, 0xff, 0xfe]), " is not UTF-8 text"],
  ];
  for (const [name, content, message] of cases) {
    await t.step(name, async () => {
      await using places = await makePlaces(HOME);
      await places.write(REPOSITORY_AGENT, content);
      const manifest = await places.load();
      const shown = await refused(manifest, "demo");
      assertStringIncludes(shown, `${places.root}/${REPOSITORY_AGENT}`);
      assertStringIncludes(shown, message);
      assertEquals(manifest.warnings(), [shown]);
      assertEquals(manifest.warnings("other"), [shown]);
      assertEquals(manifest.resolve("other").agent.prompt, "other");
      // What the command ends with is not told twice.
      assertEquals(manifest.warnings("demo"), []);
      assertEquals(manifest.agentNames(), ["other"]);
    });
  }
  await t.step("the greatest file that is read", async () => {
    await using places = await makePlaces({ ...HOME, [REPOSITORY_AGENT]: long.slice(0, 1024 * 1024) });
    assertEquals((await places.resolve()).bottle.name, "dev");
  });
});

Deno.test("nor does one that moves to a bottle that is not there", async () => {
  await using places = await makePlaces({ ...HOME, [REPOSITORY_AGENT]: markdown("bottle: none") });
  const manifest = await places.load();
  const file = `${places.root}/${REPOSITORY_AGENT}`;
  const moved = `${file} moves agent demo from bottle "dev" to bottle "none"`;
  const error = `${file}:2: bottle: bottle "none" is not defined; bottles: dev`;
  assertEquals(await refused(manifest, "demo"), error);
  assertEquals([manifest.warnings("other"), manifest.warnings("demo")], [[moved, error], [moved]]);
});

Deno.test("a link or a folder under an agent's name does not make way for the home's either", async () => {
  await using places = await makePlaces(HOME);
  const folder = join(places.cwd, ".bot-bottle/agents");
  await Deno.mkdir(join(folder, "other.md"), { recursive: true });
  await Deno.symlink(join(places.root, AGENT), join(folder, "demo.md"));
  const manifest = await places.load();
  assertEquals(
    await refused(manifest, "demo"),
    `${folder}/demo.md cannot be used: a repository's links are not followed`,
  );
  assertEquals(await refused(manifest, "other"), `${folder}/other.md cannot be used: it is not a file`);
});

Deno.test("a repository's good agent takes the place of the home's broken one", async () => {
  await using places = await makePlaces({
    ...HOME,
    [AGENT]: markdown("bottle: dev\nskils: [a]"),
    [REPOSITORY_AGENT]: markdown("bottle: dev", "repository"),
  });
  const manifest = await places.load();
  const { agent } = manifest.resolve("demo");
  assertEquals([agent.prompt, agent.repository], [
    "repository",
    { overrides: join(places.root, AGENT) },
  ]);
  assertEquals(manifest.warnings("demo").length, 1);
  assertStringIncludes(manifest.warnings("demo")[0]!, `${places.root}/${AGENT}${KEY_ERROR}`);
});

Deno.test("an agent says whether it is a repository's and what it overrides", async () => {
  await using places = await makePlaces({
    ...HOME,
    [REPOSITORY_AGENT]: markdown("bottle: dev"),
    "cwd/.bot-bottle/agents/extra.md": markdown("bottle: dev"),
  });
  const manifest = await places.load();
  const origins = ["demo", "extra", "other"].map((name) => manifest.resolve(name).agent.repository);
  assertEquals(origins, [{ overrides: join(places.root, AGENT) }, {}, undefined]);
});

Deno.test("the home's broken agent matters to who asks for it", async () => {
  await using places = await makePlaces({ ...HOME, [AGENT]: markdown("bottle: dev\nskils: [a]") });
  const manifest = await places.load();
  assertStringIncludes(await refused(manifest, "demo"), KEY_ERROR);
  assertEquals(manifest.resolve("other").agent.prompt, "other");
  assertEquals(manifest.warnings("other"), [await refused(manifest, "demo")]);
  // Its name is known all the same.
  assertStringIncludes(await refused(manifest, "dem"), "did you mean demo? agents: demo, other");
});

Deno.test("the home's broken bottle matters to agents in it and in those that extend it, and is told once", async () => {
  await using places = await makePlaces({
    ...HOME,
    "home/.bot-bottle/bottles/base.md": markdown("evn: {}"),
    "home/.bot-bottle/bottles/child.md": markdown("extends: base"),
    "home/.bot-bottle/bottles/grandchild.md": markdown("extends: child"),
    "home/.bot-bottle/agents/one.md": markdown("bottle: base"),
    "home/.bot-bottle/agents/two.md": markdown("bottle: child"),
    "home/.bot-bottle/agents/three.md": markdown("bottle: grandchild"),
  });
  const manifest = await places.load();
  const error = await refused(manifest, "one");
  assertStringIncludes(error, "bottles/base.md:2: evn: unknown key; did you mean env?");
  assertEquals([await refused(manifest, "two"), await refused(manifest, "three")], [error, error]);
  assertEquals(manifest.warnings("demo"), [error]);
  assertEquals(manifest.warnings("three"), []);
  assertEquals(manifest.resolve("demo").bottle.name, "dev");
  assertEquals([manifest.agentNames(), manifest.bottleNames()], [["demo", "other"], ["dev"]]);
});

Deno.test("a cycle of bottles is told once, and stops the agents in it and above it", async () => {
  await using places = await makePlaces({
    ...HOME,
    "home/.bot-bottle/bottles/a.md": markdown("extends: b"),
    "home/.bot-bottle/bottles/b.md": markdown("extends: a"),
    "home/.bot-bottle/bottles/c.md": markdown("extends: a"),
    "home/.bot-bottle/agents/in-c.md": markdown("bottle: c"),
  });
  const manifest = await places.load();
  assertStringIncludes(
    await refused(manifest, "in-c"),
    "extends: the bottles extend each other in a cycle: a -> b -> a",
  );
  assertEquals(manifest.warnings("demo"), [await refused(manifest, "in-c")]);
  assertEquals(manifest.resolve("demo").bottle.name, "dev");
});

Deno.test("the file that was skipped is told before the error that it explains", async () => {
  await using places = await makePlaces({
    "home/.bot-bottle/bottles/My_Bottle.md": markdown(""),
    [AGENT]: markdown("bottle: My_Bottle"),
  });
  const manifest = await places.load();
  assertEquals(manifest.warnings("demo"), [
    `${places.home}/.bot-bottle/bottles/My_Bottle.md is skipped: a manifest's file name is [a-z][a-z0-9-]*.md`,
  ]);
  assertStringIncludes(await refused(manifest, "demo"), 'bottle: bottle "My_Bottle" is not defined');
});

Deno.test("hundreds of junk names and broken agents are five lines of each and a count", async () => {
  await using places = await makePlaces(HOME);
  const folder = await fill(places, 200, "no manifest");
  for (let index = 0; index < 300; index++) Deno.writeTextFileSync(join(folder, `JUNK${index}`), "");
  const manifest = await places.load();
  const lines = manifest.warnings("demo");
  assertEquals(lines.length, 12);
  assertEquals(lines.slice(-2).toSorted(), [
    `and 195 more files of ${folder} cannot be used`,
    `and 295 more files of ${folder} are skipped`,
  ]);
  assertEquals(manifest.resolve("demo").agent.prompt, "home");
  // Asked for, its own error comes even though it is one of the many.
  assertStringIncludes(await refused(manifest, "a150"), `${folder}/a150.md:1: has no frontmatter`);
  const hint = await refused(manifest, "nobody");
  assert(hint.endsWith(" and 182 more") && hint.length < 300, hint);
});

Deno.test("an agent that a repository moves is told however many warnings there are", async () => {
  const names = Array.from({ length: 12 }, (_, index) => `agent-${index}`);
  await using places = await makePlaces({ ...HOME, "home/.bot-bottle/bottles/open.md": markdown("") });
  for (const name of names) {
    await places.write(`home/.bot-bottle/agents/${name}.md`, markdown("bottle: dev"));
    await places.write(`cwd/.bot-bottle/agents/${name}.md`, markdown("bottle: open"));
  }
  const lines = (await places.load()).warnings("agent-9");
  for (const name of names) assert(lines.some((line) => line.includes(`moves agent ${name} `)), name);
});

Deno.test("a repository with too much: none of its agents, those of the home that it does not override", async (t) => {
  const cases: [name: string, make: (places: Places) => Promise<string>, message: string][] = [
    ["entries", (places) => fill(places, 1001), "holds more than 1000 entries"],
    [
      "bytes",
      (places) => fill(places, 5, markdown("bottle: dev", "x".repeat(900_000))),
      "holds more than 4 MiB of manifests",
    ],
    [
      "great files",
      (places) => fill(places, 4, "x".repeat(1024 * 1024 + 1)),
      "holds more than 4 MiB of manifests",
    ],
  ];
  for (const [name, make, message] of cases) {
    await t.step(name, async () => {
      await using places = await makePlaces({ ...HOME, [REPOSITORY_AGENT]: markdown("bottle: dev") });
      const folder = await make(places);
      const line = `${folder} ${message}; no agent of this folder can be used`;
      const manifest = await places.load();
      assertEquals(manifest.warnings("other"), [line]);
      assertEquals(manifest.resolve("other").agent.prompt, "other");
      assertEquals(await refused(manifest, "demo"), line);
      assertEquals(await refused(manifest, "a0"), `no agent is named "a0"; ${line}; agents: demo, other`);
      assertEquals([manifest.warnings("demo"), manifest.warnings("a0")], [[], []]);
    });
  }
});

Deno.test("the home with too much is an error", async () => {
  await using places = await makePlaces(HOME);
  for (let index = 0; index < 5; index++) {
    await places.write(`home/.bot-bottle/agents/a${index}.md`, markdown("bottle: dev", "x".repeat(900_000)));
  }
  const folder = join(places.home, ".bot-bottle/agents");
  assertEquals(await lineOf(() => places.load()), `${folder} holds more than 4 MiB of manifests`);
});
