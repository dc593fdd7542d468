import { assertEquals, assertStringIncludes } from "@std/assert";
import { Manifest } from "../../../lib/manifest/manifest.ts";
import type { BottleManifest } from "../../../lib/manifest/model.ts";
import { AGENT, lineOf, makePlaces, markdown } from "./support.ts";

type Bottles = Readonly<Record<string, unknown>>;

/** The bottle `child` among others. */
function child(bottles: Bottles): BottleManifest {
  return Manifest.fromObject({ bottles, agents: { demo: { bottle: "child" } } }).resolve("demo").bottle;
}

const routes = (...hosts: string[]) => ({ routes: hosts.map((host) => ({ host })) });
const repo = (host: string, path = "p") => ({ url: `ssh://git@${host}/${path}`, identity: "/k" });
const repos = (bottle: BottleManifest) =>
  bottle.gitRepos.map(({ name, host, path }) => `${name}=${host}${path}`);
const hosts = (bottle: BottleManifest) => bottle.routes.map(({ host }) => host);

const FULL = {
  env: { A: "parent", P: "parent" },
  agent_provider: { template: "codex", forward_host_credentials: true },
  egress: routes("parent.example"),
  "git-gate": {
    user: { name: "Parent", email: "p@x" },
    repos: { one: repo("one.example"), two: repo("two.example") },
  },
  supervise: true,
};

Deno.test("a bottle without extends has the defaults", () => {
  const bottle = child({ child: {} });
  assertEquals(bottle, {
    name: "child",
    file: "<object>",
    env: {},
    provider: { template: "claude", forwardHostCredentials: false },
    routes: [],
    gitUser: {},
    gitRepos: [],
    supervise: false,
  });
});

Deno.test("a child that declares nothing else is its parent under another name", () => {
  const parent = Manifest.fromObject({ bottles: { parent: FULL }, agents: { a: { bottle: "parent" } } })
    .resolve("a");
  assertEquals(child({ parent: FULL, child: { extends: "parent" } }), { ...parent.bottle, name: "child" });
});

Deno.test("env is merged by key, the child wins", () => {
  const { env } = child({ parent: FULL, child: { extends: "parent", env: { A: "child", C: "child" } } });
  assertEquals(env, {
    A: { kind: "literal", value: "child" },
    P: { kind: "literal", value: "parent" },
    C: { kind: "literal", value: "child" },
  });
});

Deno.test("egress, agent_provider and supervise are replaced whole when the child declares them", () => {
  const inherit = { extends: "parent" };
  const cases: [declared: Bottles, expected: [string[], string, boolean, boolean]][] = [
    [{}, [["parent.example"], "codex", true, true]],
    [{ egress: routes("c.example") }, [["c.example"], "codex", true, true]],
    [{ egress: { routes: [] } }, [[], "codex", true, true]],
    [{ egress: {} }, [[], "codex", true, true]],
    [{ agent_provider: { template: "codex" } }, [["parent.example"], "codex", false, true]],
    [{ agent_provider: {} }, [["parent.example"], "claude", false, true]],
    [{ supervise: false }, [["parent.example"], "codex", true, false]],
  ];
  for (const [declared, expected] of cases) {
    const bottle = child({ parent: FULL, child: { ...inherit, ...declared } });
    const { template, forwardHostCredentials } = bottle.provider;
    assertEquals(
      [hosts(bottle), template, forwardHostCredentials, bottle.supervise],
      expected,
      JSON.stringify(declared),
    );
  }
});

Deno.test("git-gate.user is merged per non-empty field", () => {
  const user = (value: unknown) =>
    child({ parent: FULL, child: { extends: "parent", "git-gate": { user: value } } }).gitUser;
  assertEquals(user({ name: "Child" }), { name: "Child", email: "p@x" });
  assertEquals(user({ email: "c@x" }), { name: "Parent", email: "c@x" });
  assertEquals(user({ name: "", email: "c@x" }), { name: "Parent", email: "c@x" });
  assertEquals(user({ name: "Child", email: "c@x" }), { name: "Child", email: "c@x" });
  const parentless = child({
    parent: {},
    child: { extends: "parent", "git-gate": { user: { name: "Child" } } },
  });
  assertEquals(parentless.gitUser, { name: "Child" });
});

Deno.test("git-gate.repos: a child's repository replaces by name and by upstream host, the others survive", () => {
  const merged = (value: unknown) =>
    repos(child({ parent: FULL, child: { extends: "parent", "git-gate": value } }));
  const [one, two] = ["one=one.example/p", "two=two.example/p"];
  assertEquals(merged({ user: { name: "C" } }), [one, two]);
  assertEquals(merged({ repos: {} }), []);
  assertEquals(merged({ repos: { three: repo("three.example") } }), [one, two, "three=three.example/p"]);
  assertEquals(merged({ repos: { one: repo("new.example") } }), [two, "one=new.example/p"]);
  assertEquals(merged({ repos: { mine: repo("two.example", "q") } }), [one, "mine=two.example/q"]);
  assertEquals(merged({ repos: { mine: repo("TWO.example.:2222", "q") } }), [one, "mine=two.example/q"]);
  // By name and by host at once: both of the parent's go.
  assertEquals(merged({ repos: { one: repo("two.example") } }), ["one=two.example/p"]);
});

Deno.test("two repositories of one bottle may share a host, and both replace the parent's there", () => {
  const bottle = child({
    parent: { "git-gate": { repos: { old: repo("h.example") } } },
    child: {
      extends: "parent",
      "git-gate": { repos: { a: repo("h.example", "a"), b: repo("h.example", "b") } },
    },
  });
  assertEquals(repos(bottle), ["a=h.example/a", "b=h.example/b"]);
});

Deno.test("a chain of three: each level over the one above it, whatever the order of declaration", () => {
  const bottles: [string, unknown][] = [
    ["child", { extends: "middle", env: { C: "child", X: "child" } }],
    ["middle", { extends: "top", env: { M: "middle", X: "middle" }, supervise: true }],
    ["top", { env: { T: "top", X: "top" }, egress: routes("top.example") }],
  ];
  for (const order of [bottles, bottles.toReversed()]) {
    const bottle = child(Object.fromEntries(order));
    const values = Object.entries(bottle.env).map(([name, source]) =>
      `${name}=${source.kind === "literal" && source.value}`
    );
    assertEquals(values.sort(), ["C=child", "M=middle", "T=top", "X=child"]);
    assertEquals([hosts(bottle), bottle.supervise], [["top.example"], true]);
  }
});

Deno.test("two children of one parent do not see each other", () => {
  const bottles = {
    parent: { env: { A: "p" } },
    child: { extends: "parent", env: { B: "c" } },
    other: { extends: "parent", env: { B: "o" }, supervise: true },
  };
  assertEquals(child(bottles).env, {
    A: { kind: "literal", value: "p" },
    B: { kind: "literal", value: "c" },
  });
  assertEquals(child(bottles).supervise, false);
});

Deno.test("a thousand levels are a loop, not a recursion", () => {
  const bottles: Record<string, unknown> = { b0: { env: { A: "x" } }, child: { extends: "b999" } };
  for (let level = 1; level < 1000; level++) bottles[`b${level}`] = { extends: `b${level - 1}` };
  assertEquals(child(bottles).env, { A: { kind: "literal", value: "x" } });
});

Deno.test("errors of extends, in both loaders", async (t) => {
  const cases: [name: string, parents: Record<string, string>, message: string][] = [
    ["itself", { a: "a" }, "extends: bottle a extends itself; remove the key"],
    ["cycle of two", { a: "b", b: "a" }, "extends: the bottles extend each other in a cycle: a -> b -> a"],
    ["cycle of three", { a: "b", b: "c", c: "a" }, "in a cycle: a -> b -> c -> a"],
    ["cycle above a bottle", { a: "b", b: "c", c: "b" }, "in a cycle: b -> c -> b"],
    [
      "missing parent",
      { a: "bsae", base: "" },
      'extends: bottle "bsae" is not defined; did you mean base? other bottles: base',
    ],
    [
      "missing parent, none to choose",
      { a: "base" },
      'extends: bottle "base" is not defined; no other bottles are defined',
    ],
    ["missing parent by a builtin's name", { a: "constructor" }, 'bottle "constructor" is not defined'],
  ];
  for (const [name, parents, message] of cases) {
    await t.step(name, async () => {
      const entries = Object.entries(parents);
      const object = Object.fromEntries(
        entries.map(([at, parent]) => [at, parent === "" ? {} : { extends: parent }]),
      );
      assertStringIncludes(await lineOf(() => Manifest.fromObject({ bottles: object })), message);
      await using places = await makePlaces({ [AGENT]: markdown("bottle: a") });
      for (const [at, parent] of entries) {
        const yaml = parent === "" ? "" : `extends: ${parent}`;
        await places.write(`home/.bot-bottle/bottles/${at}.md`, markdown(yaml));
      }
      const shown = await lineOf(() => places.resolve());
      assertStringIncludes(shown, message);
      assertStringIncludes(shown, ".md:2: extends: ");
    });
  }
});
