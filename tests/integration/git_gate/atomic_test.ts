/** A push of several refs is written as a whole or not at all, on both sides, whatever the upstream says to it. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { refused, startGatedRepo, writeHook } from "../../support/gated_repo.ts";
import { runOrThrow } from "../../support/sshd.ts";

const [GOOD, BAD] = ["HEAD:refs/heads/agent/good", "HEAD:refs/heads/agent/bad"];

Deno.test("the upstream's update hook refuses one branch of two: neither moves, and the client reads which", async () => {
  await using parts = await startGatedRepo();
  await using work = await parts.clone();
  const before = await work.commit("first", { "a.txt": "a\n" });
  await work.ok("push", "origin", GOOD);
  const after = await work.commit("second", { "b.txt": "b\n" });
  await writeHook(
    parts.bare,
    "update",
    'case $1 in *bad) echo "no branch of this name, please"; exit 1;; esac',
  );
  for (const atomic of [[], ["--atomic"]]) {
    const output = await refused(
      work,
      ["push", ...atomic, "origin", GOOD, BAD],
      "no branch of this name, please",
    );
    assertMatch(output, /^remote: git-gate: no branch of this name, please *$/m);
    assertMatch(output, /\[remote rejected\] HEAD -> agent\/bad \(hook declined\)/);
    assertMatch(
      output,
      /\[remote rejected\] HEAD -> agent\/good \(nothing was pushed, because of refs\/heads\/agent\/bad\)/,
    );
    assertEquals(await parts.refs(), { "refs/heads/main": parts.base, "refs/heads/agent/good": before });
  }
  assertEquals(parts.gate.log().at(-1)?.verdict, "refused");
  // What was refused is no obstacle to the rest of it.
  await work.ok("push", "origin", GOOD);
  assertEquals((await parts.refs())["refs/heads/agent/good"], after);
});

Deno.test("an upstream without atomic pushes is told so, and takes one ref at a time", async () => {
  await using parts = await startGatedRepo();
  await runOrThrow("git", ["-C", parts.bare, "config", "receive.advertiseAtomic", "false"]);
  await using work = await parts.clone();
  const mine = await work.commit("mine", { "a.txt": "a\n" });
  const words = "cannot take several refs as a whole; push them one at a time";
  await refused(work, ["push", "origin", GOOD, BAD], words);
  assertEquals(await parts.refs(), { "refs/heads/main": parts.base });
  await work.ok("push", "origin", GOOD);
  await work.ok("push", "origin", BAD);
  const { "refs/heads/main": _main, ...rest } = await parts.refs();
  assertEquals(rest, { "refs/heads/agent/good": mine, "refs/heads/agent/bad": mine });
});

Deno.test("what the upstream says reaches the client, of a push that it takes and of one that it refuses", async () => {
  await using parts = await startGatedRepo();
  await using work = await parts.clone();
  await work.commit("mine", { "a.txt": "a\n" });
  await writeHook(
    parts.bare,
    "post-receive",
    "echo 'Create a pull request: https://git.example/new'; printf 'a\\033[31mb\\n'",
  );
  const { code, output } = await work.git("push", "origin", GOOD);
  assertEquals(code, 0, output);
  assertMatch(output, /^remote: git-gate: Create a pull request: https:\/\/git\.example\/new *$/m);
  assertEquals(output.includes("\x1b[31mb"), false, "the upstream's words steer the terminal");
  await writeHook(parts.bare, "pre-receive", "echo 'GH006: Protected branch update failed' >&2; exit 1");
  const declined = await refused(work, ["push", "origin", BAD], "GH006: Protected branch update failed");
  assertMatch(declined, /\[remote rejected\] HEAD -> agent\/bad \(pre-receive hook declined\)/);
  assertEquals(Object.keys(await parts.refs()), ["refs/heads/agent/good", "refs/heads/main"]);
  const entry = parts.gate.log().at(-1)!;
  assertEquals([entry.verdict, entry.rule], ["refused", "upstream"]);
  assertStringIncludes(String(entry.text), "pre-receive hook declined");
});

Deno.test("branches that exchange their tips, and one that is renamed, move together", async () => {
  await using parts = await startGatedRepo();
  await using work = await parts.clone();
  const mine = await work.commit("mine", { "a.txt": "a\n" });
  await work.ok("push", "origin", "HEAD:refs/heads/a");
  await work.ok("push", "--force", "origin", "HEAD:refs/heads/main", `${parts.base}:refs/heads/a`);
  assertEquals(await parts.refs(), { "refs/heads/a": parts.base, "refs/heads/main": mine });
  await work.ok("push", "origin", ":refs/heads/a", `${parts.base}:refs/heads/b`);
  assertEquals(await parts.refs(), { "refs/heads/b": parts.base, "refs/heads/main": mine });
  // git itself cannot do this one in one go; nothing of it must be half done.
  await refused(work, ["push", "origin", ":refs/heads/b", `${mine}:refs/heads/b/c`]);
  assertEquals(await parts.refs(), { "refs/heads/b": parts.base, "refs/heads/main": mine });
});

Deno.test("a mirror that cannot follow its upstream says so, keeps the old tip, and follows later", async () => {
  await using parts = await startGatedRepo();
  await using work = await parts.clone();
  const first = await work.commit("first", { "a.txt": "a\n" });
  await work.ok("push", "origin", GOOD);
  await work.ok("commit", "--quiet", "--amend", "-m", "second");
  const second = await work.ok("rev-parse", "HEAD");
  // As after a git that died: the ref cannot be changed.
  const lock = `${parts.mirror}/refs/heads/agent/good.lock`;
  await Deno.writeTextFile(lock, "");
  const output = await work.ok("push", "--force", "origin", GOOD);
  assertStringIncludes(output, "the upstream took it; this mirror follows at the next fetch");
  assertStringIncludes(output, `its old tip ${first.slice(0, 12)} is kept as refs/bottle/backup/`);
  assertEquals(Object.values(await parts.ownRefs()), [first]);
  // What it has is old, so it is not served.
  assertEquals((await work.git("fetch", "origin")).code, 128);
  await Deno.remove(lock);
  await work.ok("fetch", "origin");
  assertEquals((await parts.refs())["refs/heads/agent/good"], second);
});
