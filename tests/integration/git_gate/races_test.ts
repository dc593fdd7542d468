/** Several who write at once: nobody's work is lost, the loser reads git's own words for it and can go on as usual. */

import { assertEquals, assertMatch } from "@std/assert";
import { lockFile } from "../../../sidecars/git_gate/lock.ts";
import { firstCommit, startGatedRepo, writeHook } from "../../support/gated_repo.ts";
import { type Clone, clone, type GitEnded, refsOf, startGate } from "../../support/git_gate.ts";
import { startSshUpstream } from "../../support/sshd.ts";

const MAIN = "refs/heads/main";

/** Two clients push to `main` at once: one wins, the other rebases and pushes. Gives the tip that both end at. */
async function race(one: Clone, other: Clone): Promise<string> {
  await Promise.all([one.commit("one", { "1.txt": "1\n" }), other.commit("other", { "2.txt": "2\n" })]);
  const push = (work: Clone): Promise<GitEnded> => work.git("push", "origin", `HEAD:${MAIN}`);
  const ended = await Promise.all([push(one), push(other)]);
  const lost = ended.findIndex(({ code }) => code !== 0);
  assertEquals(ended.filter(({ code }) => code === 0).length, 1, JSON.stringify(ended));
  assertMatch(ended[lost]!.output, /\((?:fetch first|non-fast-forward)\)/);
  const loser = [one, other][lost]!;
  await loser.ok("fetch", "origin");
  await loser.ok("rebase", "origin/main");
  await loser.ok("push", "origin", `HEAD:${MAIN}`);
  assertEquals(
    await loser.ok("log", "--format=%s", "--reverse"),
    lost === 1 ? "base\none\nother" : "base\nother\none",
  );
  return await loser.ok("rev-parse", "HEAD");
}

Deno.test("two clones of one gate push to one branch at once: one wins, the other rebases", async () => {
  await using parts = await startGatedRepo();
  await using one = await parts.clone();
  await using other = await parts.clone();
  const tip = await race(one, other);
  assertEquals(await parts.refs(), { [MAIN]: tip });
});

Deno.test("two gates before one upstream push to one branch at once: one wins, the other rebases", async () => {
  await using upstream = await startSshUpstream();
  const bare = await upstream.makeRepo("demo");
  await firstCommit(bare);
  const repos = [{ name: "demo" }];
  await using gate = await startGate({ upstream, repos });
  await using second = await startGate({ upstream, repos });
  await using one = await clone(gate.url("demo"));
  await using other = await clone(second.url("demo"));
  const tip = await race(one, other);
  assertEquals(await refsOf(bare), { [MAIN]: tip });
  for (const { url } of [gate, second]) {
    await using fresh = await clone(url("demo"));
    assertEquals(await fresh.ok("rev-parse", "HEAD"), tip);
  }
});

Deno.test("a fetch during a push waits until both sides have it, and what is overwritten is still kept", async () => {
  await using parts = await startGatedRepo();
  await using work = await parts.clone();
  const first = await work.commit("first", { "a.txt": "a\n" });
  await work.ok("push", "origin", "HEAD:refs/heads/agent/x");
  await work.ok("commit", "--quiet", "--amend", "-m", "second");
  const second = await work.ok("rev-parse", "HEAD");
  // The upstream has moved its ref, and takes its time to say so.
  await writeHook(parts.bare, "post-receive", `touch ${parts.bare}/written; sleep 1.5`);
  const pushed = work.git("push", "--force", "origin", "HEAD:refs/heads/agent/x");
  await untilExists(`${parts.bare}/written`);
  const seen = await work.ok("ls-remote", "origin", "refs/heads/agent/x");
  assertEquals(seen, `${second}\trefs/heads/agent/x`);
  const { code, output } = await pushed;
  assertEquals(code, 0, output);
  assertEquals((await parts.refs())["refs/heads/agent/x"], second);
  // A look in between would have moved the mirror's ref without keeping its old tip.
  assertEquals(Object.values(await parts.ownRefs()), [first]);
});

Deno.test("force-pushed upstream meanwhile: --force overwrites only what a fetch has shown", async () => {
  await using parts = await startGatedRepo();
  await using work = await parts.clone();
  await using outsider = await parts.outsider();
  const mine = await work.commit("on the old base", { "a.txt": "a\n" });
  await outsider.ok("commit", "--quiet", "--amend", "-m", "rewritten");
  const rewritten = await outsider.ok("rev-parse", "HEAD");
  await outsider.ok("push", "--force", "origin", `HEAD:${MAIN}`);
  // The gate looked a moment ago and believes the old base too: only the lease knows.
  const blind = await work.git("push", "--force", "origin", `HEAD:${MAIN}`);
  assertMatch(blind.output, /\[remote rejected\] HEAD -> main \(fetch first\)/);
  assertEquals(blind.code, 1);
  const plain = await work.git("push", "origin", `HEAD:${MAIN}`);
  assertMatch(plain.output, /\[rejected\]\s+HEAD -> main \(fetch first\)/);
  await work.ok("fetch", "origin");
  assertEquals(await work.ok("rev-parse", "origin/main"), rewritten);
  const again = await work.git("push", "origin", `HEAD:${MAIN}`);
  assertMatch(again.output, /\(non-fast-forward\)/);
  assertEquals(await parts.refs(), { [MAIN]: rewritten });
  await work.ok("push", "--force", "origin", `HEAD:${MAIN}`);
  assertEquals(await parts.refs(), { [MAIN]: mine });
});

Deno.test("a branch deleted upstream, and another default branch there, are so for the next client", async () => {
  await using parts = await startGatedRepo();
  await using outsider = await parts.outsider();
  await outsider.ok("push", "origin", "HEAD:refs/heads/topic", "HEAD:refs/heads/trunk");
  await using work = await parts.clone();
  assertEquals(await work.ok("rev-parse", "origin/topic", "origin/trunk"), `${parts.base}\n${parts.base}`);
  await outsider.ok("push", "origin", ":refs/heads/topic");
  await outsider.ok("-C", parts.bare, "symbolic-ref", "HEAD", "refs/heads/trunk");
  await work.ok("fetch", "--prune", "origin");
  assertEquals((await work.git("rev-parse", "--verify", "origin/topic")).code, 128);
  assertEquals(Object.keys(await parts.refs()), [MAIN, "refs/heads/trunk"]);
  await using fresh = await parts.clone();
  assertEquals(await fresh.ok("symbolic-ref", "--short", "HEAD"), "trunk");
});

Deno.test("a branch that makes way upstream for another below its name is followed", async () => {
  await using parts = await startGatedRepo();
  await using outsider = await parts.outsider();
  await outsider.ok("push", "origin", "HEAD:refs/heads/topic");
  await using work = await parts.clone();
  await outsider.ok("push", "origin", ":refs/heads/topic");
  await outsider.ok("push", "origin", "HEAD:refs/heads/topic/one");
  await work.ok("fetch", "--prune");
  assertEquals(await parts.refs(), { "refs/heads/main": parts.base, "refs/heads/topic/one": parts.base });
});

Deno.test("eight fetches at once all see the newest commit, with one look upstream or two", async () => {
  const folder = await Deno.makeTempDir({ prefix: "bottle-trace-" });
  const trace = `${folder}/trace`;
  await using parts = await startGatedRepo({}, { GIT_TRACE: trace });
  await using clients = new AsyncDisposableStack();
  const clones = await Promise.all(Array.from({ length: 8 }, () => parts.clone()));
  for (const work of clones) clients.use(work);
  await using outsider = await parts.outsider();
  const newest = await outsider.commit("newest", { "a.txt": "a\n" });
  await outsider.ok("push", "origin", `HEAD:${MAIN}`);
  await Deno.writeTextFile(trace, "");
  let fetches: readonly Promise<GitEnded>[];
  {
    // As if a look were on its way, so that all of them are there before the next one begins.
    using _lock = await lockFile(`${parts.gate.root}/state/demo.lock`);
    fetches = clones.map((work) => work.git("fetch", "origin"));
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
  for (const { code, output } of await Promise.all(fetches)) assertEquals(code, 0, output);
  for (const work of clones) assertEquals(await work.ok("rev-parse", "origin/main"), newest);
  const looks = (await Deno.readTextFile(trace)).match(/built-in: git fetch --prune/g)?.length ?? 0;
  assertEquals(looks >= 1 && looks <= 2, true, `${looks} looks`);
  await Deno.remove(folder, { recursive: true });
});

async function untilExists(path: string): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    if (await Deno.lstat(path).then(() => true, () => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`${path} never came`);
}
