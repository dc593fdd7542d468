/** Which refs may be written, in every way in which git can ask for it; and that what is overwritten is kept. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type GatedRepo, refused, startGatedRepo } from "../../support/gated_repo.ts";
import { type Clone, refsOf } from "../../support/git_gate.ts";
import { runOrThrow } from "../../support/sshd.ts";

const MAIN = "refs/heads/main";

/** A branch that is not fast-forwarded. */
async function rewrite(work: Clone): Promise<string> {
  await work.ok("commit", "--quiet", "--amend", "-m", crypto.randomUUID());
  return await work.ok("rev-parse", "HEAD");
}

/** Pushes that the manifest forbids: refused with its key, and no ref moves. */
async function allForbidden(
  parts: GatedRepo,
  work: Clone,
  key: string,
  pushes: readonly (readonly string[])[],
): Promise<void> {
  const before = await parts.refs();
  for (const args of pushes) {
    const output = await refused(work, ["push", ...args], `git-gate.repos.demo.${key}. Nothing was pushed.`);
    assertMatch(output, /pre-receive hook declined/);
    assertEquals(await parts.refs(), before, args.join(" "));
  }
  assertEquals(parts.gate.log().at(-1)?.rule, `git-gate.repos.demo.${key}`);
}

Deno.test("push alone: other refs are closed in every spelling, its own ones only grow", async () => {
  await using parts = await startGatedRepo({ push: ["agent/*", "refs/tags/agent-*"], force: undefined });
  await using work = await parts.clone();
  await work.commit("first", { "a.txt": "a\n" });
  await work.ok("push", "origin", "HEAD:refs/heads/agent/x", "HEAD:refs/tags/agent-1");
  const grown = await work.commit("second", { "a.txt": "b\n" });
  await work.ok("push", "--force", "origin", "HEAD:refs/heads/agent/x");
  assertEquals((await parts.refs())["refs/heads/agent/x"], grown);
  await work.ok("tag", "v1");
  await allForbidden(parts, work, "push", [
    ["origin", "main"],
    ["origin", "+main"],
    ["origin", ":main"],
    ["--delete", "origin", "main"],
    ["origin", "HEAD:refs/heads/agent"],
    ["origin", "HEAD:refs/heads/xagent/x"],
    ["origin", "HEAD:refs/agent/x"],
    ["origin", "v1"],
    ["origin", "HEAD:refs/notes/commits"],
    ["origin", "HEAD:refs/heads/agent/y", "HEAD:refs/heads/other"],
  ]);
  await refused(
    work,
    ["push", "--mirror", "origin"],
    "refs/heads/agent/x: deleting it is not allowed",
    "refs/tags/v1: not among the refs",
    "git-gate.repos.demo.force, git-gate.repos.demo.push. Nothing was pushed.",
  );
  await rewrite(work);
  await allForbidden(parts, work, "force", [
    ["origin", "+HEAD:refs/heads/agent/x"],
    ["origin", ":refs/heads/agent/x"],
    ["--force", "origin", "HEAD:refs/tags/agent-1"],
    ["--delete", "origin", "agent-1"],
  ]);
});

Deno.test("push with force: its own refs may be overwritten and deleted, and no others", async () => {
  await using parts = await startGatedRepo({ push: ["agent/*"], force: true });
  await using work = await parts.clone();
  await work.commit("first", { "a.txt": "a\n" });
  await work.ok("push", "origin", "HEAD:refs/heads/agent/x", "HEAD:refs/heads/agent/y");
  const rewritten = await rewrite(work);
  await work.ok("push", "origin", "+HEAD:refs/heads/agent/x", ":refs/heads/agent/y");
  assertEquals(await parts.refs(), { [MAIN]: parts.base, "refs/heads/agent/x": rewritten });
  await allForbidden(parts, work, "push", [["--force", "origin", "main"], ["origin", ":main"]]);
});

Deno.test("force: false alone: every ref may be made and grow, none may be overwritten or deleted", async () => {
  await using parts = await startGatedRepo({ force: false });
  await using work = await parts.clone();
  const tip = await work.commit("first", { "a.txt": "a\n" });
  await work.ok("push", "origin", "main", "HEAD:refs/tags/v1", "HEAD:refs/heads/topic");
  assertEquals(await parts.refs(), { [MAIN]: tip, "refs/heads/topic": tip, "refs/tags/v1": tip });
  await rewrite(work);
  await allForbidden(parts, work, "force", [
    ["--force", "origin", "main"],
    ["--force", "origin", "HEAD:refs/tags/v1"],
    ["--delete", "origin", "v1"],
    ["--prune", "origin", "refs/heads/*:refs/heads/*"],
  ]);
});

Deno.test("neither: all of git's ways to push do on both sides what they say", async () => {
  await using parts = await startGatedRepo({ force: undefined });
  await using work = await parts.clone();
  const tip = await work.commit("first", { "a.txt": "a\n" });
  await work.ok("tag", "v1");
  await work.ok("push", "--tags", "origin", "main", "HEAD:refs/heads/topic", "HEAD:refs/heads/old");
  assertEquals(await parts.refs(), {
    [MAIN]: tip,
    "refs/heads/old": tip,
    "refs/heads/topic": tip,
    "refs/tags/v1": tip,
  });
  await work.ok("push", "--delete", "origin", "old", "v1");
  const rewritten = await rewrite(work);
  await work.ok("push", "origin", "+main");
  // Prunes `topic`: this clone has no branch of that name.
  await work.ok("push", "--prune", "origin", "refs/heads/*:refs/heads/*");
  assertEquals(await parts.refs(), { [MAIN]: rewritten });
  await using mirror = await parts.clone("--mirror");
  await mirror.ok("update-ref", "refs/heads/mirrored", parts.base);
  await mirror.ok("push", "--mirror", "origin");
  assertEquals(await parts.refs(), { [MAIN]: rewritten, "refs/heads/mirrored": parts.base });
  // The default branch is the upstream's own matter.
  await refused(work, ["push", "origin", ":main"], "deletion of the current branch prohibited");
  assertEquals((await parts.refs())[MAIN], rewritten);
});

Deno.test("what is overwritten or deleted is kept in the mirror, where no client and no upstream sees it", async () => {
  await using parts = await startGatedRepo();
  await using work = await parts.clone();
  const first = await work.commit("first", { "a.txt": "a\n" });
  await work.ok("push", "origin", "HEAD:refs/heads/agent/x");
  const second = await rewrite(work);
  const overwritten = await work.ok("push", "--force", "origin", "HEAD:refs/heads/agent/x");
  const [kept] = Object.keys(await parts.ownRefs());
  assertMatch(kept!, /^refs\/bottle\/backup\/\d{8}T\d{9}Z\/heads\/agent\/x$/);
  assertStringIncludes(overwritten, `its old tip ${first.slice(0, 12)} is kept as ${kept}`);
  const deleted = await work.ok("push", "--delete", "origin", "agent/x");
  assertStringIncludes(deleted, `its old tip ${second.slice(0, 12)} is kept as refs/bottle/backup/`);
  assertEquals(Object.values(await parts.ownRefs()), [first, second]);
  const names = (await work.ok("ls-remote", "origin")).split("\n").map((line) => line.split("\t")[1]);
  assertEquals(names, ["HEAD", MAIN]);
  assertEquals(await refsOf(parts.bare), { [MAIN]: parts.base });
  // Later looks, with something to follow and to prune, leave it alone; so does a push of everything.
  await using outsider = await parts.outsider();
  await outsider.ok("push", "origin", "HEAD:refs/heads/topic");
  await work.ok("fetch", "origin");
  await outsider.ok("push", "--delete", "origin", "topic");
  await work.ok("fetch", "--prune", "origin");
  await using mirror = await parts.clone("--mirror");
  assertEquals(await mirror.ok("for-each-ref", "--format=%(refname)"), MAIN);
  await mirror.ok("push", "--mirror", "origin");
  assertEquals(Object.values(await parts.ownRefs()), [first, second]);
  assertEquals(
    await runOrThrow("git", ["-C", parts.mirror, "show", "-s", "--format=%H", kept!]),
    `${first}\n`,
  );
});

Deno.test("refs/bottle is nobody's: clients cannot write there, and an upstream's is not followed", async () => {
  await using parts = await startGatedRepo();
  await using work = await parts.clone();
  await work.commit("mine", { "a.txt": "a\n" });
  for (const ref of ["refs/bottle/x", "refs/bottle/backup/20260101T000000000Z/heads/main"]) {
    await refused(work, ["push", "origin", `HEAD:${ref}`, "HEAD:refs/heads/beside"], "hidden ref");
  }
  await runOrThrow("git", ["-C", parts.bare, "update-ref", "refs/bottle/theirs", parts.base]);
  await work.ok("fetch", "origin");
  assertEquals(await parts.ownRefs(), {});
  assertEquals((await refsOf(parts.mirror))["refs/bottle/theirs"], undefined);
});

Deno.test("odd names of refs are pushed, fetched, overwritten and deleted as they are", async () => {
  await using parts = await startGatedRepo({ push: ["agent/*"], force: true });
  await using work = await parts.clone();
  const names = [
    ..."ünï✓ a;b $(id) `id` quo'te quo\"te -dash per%cent {x} a&b|c #1 !x x=y a,b <x> @x x@ ()".split(" "),
    "\u202egnp",
  ].map((name) => `refs/heads/agent/${name}`);
  const first = await work.commit("first", { "a.txt": "a\n" });
  const all = (tip: string) => Object.fromEntries([...names.map((name) => [name, tip]), [MAIN, parts.base]]);
  await work.ok("push", "origin", ...names.map((name) => `HEAD:${name}`));
  assertEquals(await parts.refs(), all(first));
  const second = await rewrite(work);
  const output = await work.ok("push", "origin", ...names.map((name) => `+HEAD:${name}`));
  assertEquals(await parts.refs(), all(second));
  const told = output.split("\n").filter((line) => line.startsWith("remote:"));
  assertEquals(told.length, names.length);
  assertEquals(told.some((line) => line.includes("\u202e")), false, "a name turns the message around");
  await work.ok("fetch", "origin");
  assertEquals(
    (await work.ok("for-each-ref", "--format=%(refname:lstrip=3)", "refs/remotes/origin/agent")).split("\n")
      .sort(),
    names.map((name) => name.slice("refs/heads/".length)).sort(),
  );
  await work.ok("push", "origin", ...names.map((name) => `:${name}`));
  assertEquals(await parts.refs(), { [MAIN]: parts.base });
});
