import { assertEquals } from "@std/assert";
import { gitGateUrl, gitHttpUrl, insteadOf } from "../../../lib/git_gate/instead_of.ts";

const REPO = { name: "app", user: "git", host: "github.com", port: 22, path: "/me/app.git" };

Deno.test("every spelling of an upstream leads to the gate", () => {
  assertEquals(insteadOf(REPO, gitGateUrl("git-gate", "app")), {
    base: "git://git-gate/app.git",
    instead: [
      "ssh://git@github.com:22/me/app.git",
      "ssh://git@github.com:22/me/app",
      "ssh://git@github.com/me/app.git",
      "ssh://git@github.com/me/app",
      "git@github.com:me/app.git",
      "git@github.com:/me/app.git",
      "git@github.com:me/app",
      "git@github.com:/me/app",
    ],
  });
});

Deno.test("another port has one spelling; a path without .git has both endings; IPv6 has its brackets", () => {
  const { base, instead } = insteadOf(
    { ...REPO, host: "::1", port: 2222, path: "/~me/app" },
    gitHttpUrl("10.0.0.2", "app"),
  );
  assertEquals(base, "http://10.0.0.2:9420/app.git");
  assertEquals(instead, ["ssh://git@[::1]:2222/~me/app.git", "ssh://git@[::1]:2222/~me/app"]);
});

Deno.test("real git takes the longest rule: a name that begins with another is not mistaken for it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const config = `${folder}/config`;
    for (const path of ["/me/app.git", "/me/app-two.git"]) {
      const name = path.slice(4, -4);
      const { base, instead } = insteadOf({ ...REPO, name, path }, gitGateUrl("git-gate", name));
      for (const url of instead) {
        await new Deno.Command("git", {
          args: ["config", "--file", config, "--add", `url.${base}.insteadOf`, url],
        }).output();
      }
    }
    const asked = async (url: string) => {
      const { stdout } = await new Deno.Command("git", {
        args: ["-C", folder, "ls-remote", "--get-url", url],
        env: { GIT_CONFIG_GLOBAL: config, GIT_CONFIG_NOSYSTEM: "1" },
      }).output();
      return new TextDecoder().decode(stdout).trim();
    };
    for (
      const [path, name] of [["me/app", "app"], ["me/app.git", "app"], ["me/app-two", "app-two"], [
        "me/app-two.git",
        "app-two",
      ]]
    ) {
      for (const head of ["git@github.com:", "ssh://git@github.com/", "ssh://git@github.com:22/"]) {
        assertEquals(await asked(head + path), `git://git-gate/${name}.git`, head + path);
      }
    }
    assertEquals(await asked("git@github.com:you/app.git"), "git@github.com:you/app.git");
    assertEquals(await asked("https://github.com/me/app.git"), "https://github.com/me/app.git");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
