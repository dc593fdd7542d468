/** A bottle with repositories, in a real container: what its agent's git does with the URLs that people use. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runExec } from "../../../backends/docker/engine/exec.ts";
import { containerLogs, inspectContainer } from "../../../backends/docker/engine/containers.ts";
import { resourceName } from "../../../backends/docker/names.ts";
import { statePaths } from "../../../lib/state/paths.ts";
import { type LabBottle, launchBottle } from "../../support/bottle.ts";
import { clone, madeUpToken, refsOf } from "../../support/git_gate.ts";
import { type Lab, startLab } from "../../support/lab.ts";
import { declareRepos, knowing, named } from "../../support/lab_repos.ts";
import { startSshUpstream } from "../../support/sshd.ts";

async function agent({ bottle }: LabBottle, script: string): Promise<string> {
  const { status, stdout, stderr } = await bottle.exec(script, { user: "node" });
  return `${stdout}${stderr}[${status}]`;
}

async function bundleLog(lab: Lab, identity: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const { bytes } of containerLogs(lab.engine, resourceName(identity, "bundle"))) {
    text += decoder.decode(bytes);
  }
  return text;
}

Deno.test("an agent works with its real remote and holds no key", async (t) => {
  await using lab = await startLab();
  await using upstream = await startSshUpstream(lab.address);
  const bare = await upstream.makeRepo("app");
  await upstream.makeRepo("unpinned");
  await declareRepos(lab, upstream, [{ name: "app" }, { name: "unpinned", lines: [] }]);
  await using seed = await clone(undefined);
  await seed.commit("first", { "README.md": "hello\n" });
  await seed.ok("push", bare, "HEAD:refs/heads/main");
  await using launched = await launchBottle(lab, "claude", { env: knowing(lab) });
  const { plan: { identity } } = launched;
  const url = named(upstream.url("app"));

  await t.step("the identity and the rewriting rules are in the agent's configuration", async () => {
    const said = await agent(launched, "git config --global --list");
    assertStringIncludes(said, "user.email=agent@lab.example");
    assertStringIncludes(said, `url.git://git-gate/app.git.insteadof=${url}`);
  });

  await t.step("clone, fetch, pull and push of the real URL", async () => {
    const said = await agent(
      launched,
      `git clone ${url} app && cd app && echo more >> README.md && git commit -qam second && git push origin HEAD:main HEAD:refs/heads/agent/x`,
    );
    assertMatch(said, /\[0\]$/);
    const refs = await refsOf(bare);
    assertEquals(refs["refs/heads/agent/x"], refs["refs/heads/main"]);
    await seed.ok("pull", "--quiet", bare, "main");
    await seed.commit("third", { "third.txt": "3\n" });
    await seed.ok("push", bare, "HEAD:main");
    assertMatch(await agent(launched, "cd app && git pull -q origin main && cat third.txt"), /^3\n/);
  });

  await t.step("a secret is refused, and agent and operator see why", async () => {
    const token = madeUpToken();
    const said = await agent(
      launched,
      `cd app && echo 'token = "${token}"' > config.ini && git add . && git commit -qm oops && git push origin HEAD:main`,
    );
    assertMatch(said, /remote: git-gate: gitleaks found a secret/);
    assertMatch(said, /remote: git-gate: {3}github-pat: file config\.ini, line 1, commit [0-9a-f]{12}/);
    assertMatch(said, /pre-receive hook declined[\s\S]*\[1\]$/);
    const log = await bundleLog(lab, identity);
    assertMatch(
      log,
      /\[git-gate\] \{"time":.*"event":"push","repo":"app","verdict":"refused","rule":"secret"/,
    );
    assertEquals(log.includes(token), false);
  });

  await t.step("no host key: refused by the manifest's key, warned of before the start", async () => {
    const said = await agent(launched, `git ls-remote ${url.replace("app.git", "unpinned.git")}`);
    assertStringIncludes(said, "git-gate.repos.unpinned.host_key is not set");
    assertMatch(launched.plan.warnings.join("\n"), /git-gate\.repos\.unpinned has no host_key/);
  });

  await t.step("the key is in no place that the agent, inspect or the state folder shows", async () => {
    const key = (await Deno.readTextFile(upstream.keyFile)).split("\n")[2]!;
    const search = `grep -rsl '${
      key.slice(0, 30)
    }' /home /tmp /etc /run /var /opt /root /proc/[0-9]*/environ 2>/dev/null; echo searched`;
    const found = await launched.bottle.exec(search, { user: "root" });
    assertEquals(found.stdout, "searched\n");
    const container = resourceName(identity, "bundle");
    assertEquals(JSON.stringify(await inspectContainer(lab.engine, container)).includes(key), false);
    const state = statePaths(lab.home, identity).dir;
    const inState = await new Deno.Command("grep", { args: ["-rl", key, state] }).output();
    assertEquals(new TextDecoder().decode(inState.stdout), "");
    // Of the bundle's daemons, the gate alone can read it.
    const asEgress = await runExec(lab.engine, container, {
      argv: ["cat", "/run/bottle/git-gate/keys/app"],
      user: "9099",
    });
    assertMatch(asEgress.stderr, /Permission denied/);
  });

  await t.step("an upstream that is not declared has no way out", async () => {
    const other = url.replace("app.git", "other.git");
    const said = await agent(
      launched,
      `GIT_SSH_COMMAND='ssh -o ConnectTimeout=3 -o BatchMode=yes' timeout 20 git ls-remote ${other}`,
    );
    assert(!said.endsWith("[0]"), said);
  });
});
