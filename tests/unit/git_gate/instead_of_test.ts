/** The rules by which git is led to the gate: git itself says where each spelling goes. */

import { assertEquals } from "@std/assert";
import { gitGateUrl, gitHttpUrl, insteadOf, type UpstreamUrl } from "../../../lib/git_gate/instead_of.ts";

const UPSTREAM: UpstreamUrl = {
  name: "demo",
  user: "git",
  host: "git.example",
  port: 22,
  path: "/me/demo.git",
};

/** Where git goes with a URL under rules for these upstreams. */
async function goesTo(url: string, upstreams: readonly UpstreamUrl[]): Promise<string> {
  const rules = upstreams.map((upstream) => insteadOf(upstream, `git://gate/${upstream.name}.git`));
  const args = rules.flatMap(({ base, instead }) =>
    instead.flatMap((text) => ["-c", `url.${base}.insteadOf=${text}`])
  );
  const { stdout } = await new Deno.Command("git", {
    args: [...args, "ls-remote", "--get-url", url],
    env: { GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null" },
    cwd: "/",
  }).output();
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("addresses of the gate", () => {
  assertEquals(gitGateUrl("git-gate", "demo"), "git://git-gate/demo.git");
  assertEquals(gitHttpUrl("10.0.0.2", "demo"), "http://10.0.0.2:9420/demo.git");
});

for (
  const url of [
    "ssh://git@git.example/me/demo.git",
    "ssh://git@git.example:22/me/demo.git",
    "ssh://git@git.example/me/demo",
    "ssh://git@git.example:22/me/demo",
    "git@git.example:me/demo.git",
    "git@git.example:me/demo",
    "git@git.example:/me/demo.git",
    "git@git.example:/me/demo",
  ]
) {
  Deno.test(`${url} goes to the gate`, async () => {
    assertEquals(await goesTo(url, [UPSTREAM]), "git://gate/demo.git");
  });
}

for (
  const url of [
    "ssh://git@git.example:2222/me/demo.git",
    "ssh://other@git.example/me/demo.git",
    "ssh://git@git.example/me/other.git",
    "ssh://git@git.example.org/me/demo.git",
    "git@git.example.org:me/demo.git",
    "https://git.example/me/demo.git",
  ]
) {
  Deno.test(`${url} is left alone`, async () => assertEquals(await goesTo(url, [UPSTREAM]), url));
}

Deno.test("another port: its URL alone", async () => {
  const upstream = { ...UPSTREAM, port: 2222 };
  assertEquals(await goesTo("ssh://git@git.example:2222/me/demo.git", [upstream]), "git://gate/demo.git");
  for (const url of ["ssh://git@git.example/me/demo.git", "git@git.example:me/demo.git"]) {
    assertEquals(await goesTo(url, [upstream]), url);
  }
});

Deno.test("a repository whose name begins with another's is not mistaken for it", async () => {
  const longer = { ...UPSTREAM, name: "longer", path: "/me/demo-longer.git" };
  for (const order of [[UPSTREAM, longer], [longer, UPSTREAM]]) {
    assertEquals(await goesTo("git@git.example:me/demo-longer.git", order), "git://gate/longer.git");
    assertEquals(await goesTo("git@git.example:me/demo-longer", order), "git://gate/longer.git");
    assertEquals(await goesTo("git@git.example:me/demo.git", order), "git://gate/demo.git");
  }
});

Deno.test("an IPv6 address has brackets", async () => {
  const upstream = { ...UPSTREAM, host: "fd00::1" };
  assertEquals(await goesTo("ssh://git@[fd00::1]/me/demo.git", [upstream]), "git://gate/demo.git");
  assertEquals(await goesTo("git@[fd00::1]:me/demo.git", [upstream]), "git://gate/demo.git");
});

Deno.test("a path without .git has both forms too; the root none", async () => {
  const upstream = { ...UPSTREAM, path: "/me/demo" };
  assertEquals(await goesTo("git@git.example:me/demo.git", [upstream]), "git://gate/demo.git");
  assertEquals(await goesTo("git@git.example:me/demo", [upstream]), "git://gate/demo.git");
  assertEquals(insteadOf({ ...UPSTREAM, port: 2222, path: "/" }, "x").instead, [
    "ssh://git@git.example:2222/",
  ]);
});
