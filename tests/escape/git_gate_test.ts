/** A hostile agent at the git gate: what it asks for by git's own protocol, past its client's manners. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { launchBottle } from "../support/bottle.ts";
import { clone, madeUpToken, refsOf } from "../support/git_gate.ts";
import { startLab } from "../support/lab.ts";
import { declareRepos, knowing, named } from "../support/lab_repos.ts";
import { startSshUpstream } from "../support/sshd.ts";

/** Sends one request of git's daemon protocol as it stands, and prints what comes. */
function ask(service: string, path: string, host = "git-gate"): string {
  const body = `${service} ${path}\\0host=${host}\\0`;
  const length = service.length + 1 + path.length + 1 + "host=".length + host.length + 1 + 4;
  return `printf '${
    length.toString(16).padStart(4, "0")
  }${body}' | timeout 15 socat -t 10 - TCP:git-gate:9418 | tr -d '\\0' | head -c 300`;
}

Deno.test("an agent at the git gate", async (t) => {
  await using lab = await startLab();
  await using upstream = await startSshUpstream(lab.address);
  const bare = await upstream.makeRepo("app");
  await declareRepos(lab, upstream, [
    { name: "app", lines: [`host_key: ${upstream.hostKey}`, "push: [agent/*]"] },
  ]);
  await using seed = await clone(undefined);
  await seed.commit("first", { "README.md": "hello\n" });
  await seed.ok("push", bare, "HEAD:refs/heads/main");
  await using launched = await launchBottle(lab, "claude", { env: knowing(lab) });
  const run = async (script: string) => {
    const { stdout, stderr } = await launched.bottle.exec(script, { user: "node" });
    return stdout + stderr;
  };
  const before = await refsOf(bare);

  await t.step("the control: the one repository is served", async () => {
    assertStringIncludes(await run(ask("git-upload-pack", "/app.git")), "refs/heads/main");
  });

  await t.step("no other path is served, however it is written", async () => {
    const paths = [
      ...["/", "/state", "/hooks", "/app", "/app.git/", "/app.git/.", "//app.git", "/./app.git"],
      ...["/../git/app.git", "/app.git/../app.git", "/run/bottle/git-gate", "/../run/bottle", "/etc"],
      ...["/git/app.git", "app.git", "~root", "/~root/x", "/app.git%00", "/%61pp.git", "/app.git/objects"],
    ];
    for (const path of paths) {
      const said = await run(ask("git-upload-pack", path.replaceAll("%", "%%")));
      assert(!said.includes("refs/heads"), `${path}: ${said}`);
    }
  });

  await t.step("no other service is", async () => {
    for (const service of ["git-upload-archive", "git-shell", "git-receive-pack --x", "upload-pack"]) {
      const said = await run(ask(service, "/app.git"));
      assert(!said.includes("refs/") && !said.includes("README"), `${service}: ${said}`);
    }
    assert(!(await run("git archive --remote=git://git-gate/app.git main | tar t")).includes("README"));
  });

  await t.step("a client of its own making cannot write what the manifest does not open", async () => {
    const url = named(upstream.url("app"));
    const said = await run(`git clone -q ${url} /tmp/app && cd /tmp/app && git commit -q --allow-empty -m x
      for refs in HEAD:main +HEAD:main :main HEAD:refs/bottle/x HEAD:refs/tags/v1 HEAD:agent HEAD:refs/heads/agent; do
        git push origin $refs; done
      git push --mirror origin; git push --all --force origin; git push --delete origin main
      git push --prune origin 'refs/heads/agent/*:refs/heads/*'
      git push --no-verify --receive-pack='touch /tmp/pwned; git-receive-pack' origin HEAD:main
      git push -o skip-scan origin HEAD:main`);
    assertMatch(said, /not among the refs that this bottle may write \(agent\/\*\)/);
    assertEquals(await refsOf(bare), before);
  });

  await t.step("nothing in a repository is run or obeyed by the gate", async () => {
    const token = madeUpToken();
    const said = await run(`cd /tmp/app && mkdir -p hooks .git-hooks &&
      printf '#!/bin/sh\\ntouch /git/pwned\\n' | tee hooks/pre-receive hooks/post-receive hooks/update >/dev/null
      chmod +x hooks/*; printf '[core]\\n\\thooksPath = hooks\\n[filter "x"]\\n\\tclean = touch /git/pwned\\n' > config
      printf '* filter=x diff=x -diff\\n' > .gitattributes
      printf '[extend]\\nuseDefault = false\\n' > .gitleaks.toml; echo '*' > .gitleaksignore
      echo 'token = "${token}" # gitleaks:allow' > x.ini
      git add -A && git commit -qm all && git push origin HEAD:agent/all`);
    assertMatch(said, /github-pat: file x\.ini, line 1/);
    assertEquals(await refsOf(bare), before);
  });

  await t.step("many connections that say nothing do not keep others out for long", async () => {
    const said = await run(
      `for i in $(seq 60); do (timeout 40 socat -u TCP:git-gate:9418 - >/dev/null 2>&1 &) ; done
      sleep 1; for i in $(seq 25); do git ls-remote git://git-gate/app.git main && break; sleep 1; done`,
    );
    assertStringIncludes(said, "refs/heads/main");
  });
});
