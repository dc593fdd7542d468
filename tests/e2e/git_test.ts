/**
 * The real agents push: each clones its real remote by the URL that people use, and is told to commit and push, first
 * work and then a secret. What it read of the refusal it pushes too, so that it can be read here.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { bottle } from "../support/bottle_command.ts";
import { clone, madeUpToken, refsOf } from "../support/git_gate.ts";
import { startLab } from "../support/lab.ts";
import { declareRepos, knowing, named } from "../support/lab_repos.ts";
import { runOrThrow, type SshUpstream, startSshUpstream } from "../support/sshd.ts";
import { NO_TRACES, tracesOf } from "../support/traces.ts";

const AGENTS = [
  { name: "claude", args: ["-p", "do your work"] },
  { name: "codex", args: ["exec", "--skip-git-repo-check", "do your work"] },
] as const;

/** What the model has the agent do; its program is another for each. */
function work(url: string, branch: string, token: string): string {
  return [
    `git clone -q ${url} /tmp/app && cd /tmp/app`,
    "echo work > work.txt && git add . && git commit -qm work",
    `git push origin HEAD:refs/heads/${branch} > /tmp/first.log 2>&1; echo "status $?" >> /tmp/first.log`,
    `echo 'token = "${token}"' > oops.ini && git add . && git commit -qm oops`,
    `git push origin HEAD:refs/heads/${branch} > /tmp/second.log 2>&1; echo "status $?" >> /tmp/second.log`,
    "git reset -q --hard HEAD~1 && cat /tmp/first.log /tmp/second.log > seen.log && git add . && git commit -qm seen",
    `git push -q origin HEAD:refs/heads/${branch} HEAD:refs/heads/main`,
    `git push -q origin HEAD:refs/heads/${branch}`,
  ].join("; ");
}

for (const { name, args } of AGENTS) {
  Deno.test(`${name} pushes its work, and neither a secret nor another branch`, async () => {
    const token = madeUpToken();
    await using stack = new AsyncDisposableStack();
    let started: SshUpstream | undefined;
    const branch = `agent/${name}`;
    const lab = stack.use(
      await startLab({
        answer: async (address) => {
          started = stack.use(await startSshUpstream(address));
          return [{ shell: work(named(started.url("app")), branch, token) }, { text: "all pushed" }];
        },
      }),
    );
    const upstream = started!;
    const bare = await upstream.makeRepo("app");
    await declareRepos(lab, upstream, [
      { name: "app", lines: [`host_key: ${upstream.hostKey}`, "push: [agent/*]"] },
    ], name);
    await using seed = await clone(undefined);
    const base = await seed.commit("first", { "README.md": "hello\n" });
    await seed.ok("push", bare, "HEAD:refs/heads/main");

    const { status, stdout, stderr } = await bottle(lab, ["start", name, "--yes", "--", ...args], {
      env: knowing(lab),
    });
    assertEquals([status, stdout.trim()], [0, "all pushed"], stderr);
    assertMatch(stderr, /git gate +: app → git\.lab\.example:\d+ \[push:agent\/\*\] \[no force\]/);

    const refs = await refsOf(bare);
    assertEquals(Object.keys(refs), [`refs/heads/${branch}`, "refs/heads/main"]);
    assertEquals(refs["refs/heads/main"], base);
    const show = (what: string) => runOrThrow("git", ["-C", bare, ...what.split(" ")]);
    const author = await show(`log -1 --format=%an:%ae ${branch}`);
    assertEquals(author.trim(), "Lab Agent:agent@lab.example");
    const seen = await show(`show ${branch}:seen.log`);
    assertMatch(seen, /\[new branch\] +HEAD -> agent\/[a-z]+\nstatus 0/);
    assertMatch(seen, /remote: git-gate: gitleaks found a secret; nothing was pushed:/);
    assertMatch(seen, /github-pat: file oops\.ini, line 1, commit [0-9a-f]{12}/);
    assertMatch(seen, /status 1\n$/);
    assert(!(await show("log --all -p")).includes(token), "the secret is on the upstream");
    assertEquals(await tracesOf(lab), NO_TRACES);
  });
}
