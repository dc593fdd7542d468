/** Every kind of thing that git can push passes the gate as it is, and comes back out of it as it was. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { refused, startGatedRepo } from "../../support/gated_repo.ts";
import { clone, refsOf } from "../../support/git_gate.ts";

const MAIN = "refs/heads/main";

Deno.test("tags: lightweight, annotated, a tag of a tag, of old history, and one that is moved", async () => {
  await using parts = await startGatedRepo();
  await using work = await parts.clone();
  const tip = await work.commit("tagged", { "a.txt": "a\n" });
  await work.ok("tag", "light");
  await work.ok("tag", "-a", "-m", "first release", "v1");
  await work.ok("tag", "-a", "-m", "a tag of a tag", "nested", "v1");
  await work.ok("tag", "-a", "-m", "old", "old", parts.base);
  await work.ok("push", "origin", "main", "--tags");
  const refs = await parts.refs();
  assertEquals(Object.keys(refs), [
    MAIN,
    ...["light", "nested", "old", "v1"].map((tag) => `refs/tags/${tag}`),
  ]);
  assertEquals(refs["refs/tags/light"], tip);
  await using fresh = await parts.clone();
  assertEquals(
    await fresh.ok("rev-parse", "v1^{commit}", "nested^{commit}", "old^{commit}"),
    `${tip}\n${tip}\n${parts.base}`,
  );
  assertEquals(await fresh.ok("cat-file", "-t", "nested"), "tag");
  assertStringIncludes(await fresh.ok("cat-file", "-p", "v1"), "first release");
  // Moved: git asks for --force, and the gate keeps what it was.
  await work.ok("tag", "-f", "-a", "-m", "again", "v1", parts.base);
  await refused(work, ["push", "origin", "v1"], "already exists");
  await work.ok("push", "--force", "origin", "v1");
  assertEquals((await parts.refs())["refs/tags/v1"], await work.ok("rev-parse", "v1"));
  assertEquals(Object.values(await parts.ownRefs()), [refs["refs/tags/v1"]]);
});

Deno.test("a shallow clone, and a clone without blobs, can look at more and push", async () => {
  await using parts = await startGatedRepo();
  await using outsider = await parts.outsider();
  await outsider.commit("two", { "old.txt": "old\n" });
  const three = await outsider.commit("three", { "old.txt": "new\n" });
  await outsider.ok("push", "origin", "HEAD:main");
  await using shallow = await parts.clone("--depth", "1");
  assertEquals(await shallow.ok("rev-list", "--count", "HEAD"), "1");
  const four = await shallow.commit("four", { "a.txt": "a\n" });
  await shallow.ok("push", "origin", "HEAD:refs/heads/agent/shallow");
  await shallow.ok("fetch", "--deepen", "1", "origin", "main");
  assertEquals(await shallow.ok("rev-list", "--count", "HEAD"), "3");
  await using partial = await parts.clone("--filter=blob:none", "--no-checkout");
  assertMatch(await partial.ok("rev-list", "--objects", "--missing=print", "HEAD"), /^\?[0-9a-f]{40}$/m);
  await partial.ok("checkout", "--quiet", "HEAD~1");
  assertEquals(await Deno.readTextFile(`${partial.folder}/old.txt`), "old\n");
  const other = await partial.commit("other", { "b.txt": "b\n" });
  await partial.ok("push", "origin", "HEAD:refs/heads/agent/partial");
  assertEquals(await parts.refs(), {
    "refs/heads/agent/partial": other,
    "refs/heads/agent/shallow": four,
    [MAIN]: three,
  });
});

Deno.test("a shallow repository whose history the upstream lacks is refused in git's words", async () => {
  await using parts = await startGatedRepo();
  await using whole = await clone(undefined);
  await whole.commit("root", { "a.txt": "a\n" });
  await whole.commit("tip", { "a.txt": "b\n" });
  await using cut = await clone(`file://${whole.folder}`, ["--depth", "1"]);
  // The upstream lacks the parent: git calls this a shallow update, and a mirror takes none.
  await refused(cut, ["push", parts.url, "HEAD:refs/heads/agent/cut"], "shallow update not allowed");
  assertEquals(await parts.refs(), { [MAIN]: parts.base });
});

Deno.test("files of every mode, links, submodules and LFS pointers arrive as they are", async () => {
  await using parts = await startGatedRepo();
  await using work = await parts.clone();
  await Deno.writeTextFile(`${work.folder}/run.sh`, "#!/bin/sh\n", { mode: 0o755 });
  await Deno.symlink("/etc/passwd", `${work.folder}/link`);
  await Deno.symlink("nowhere/at all", `${work.folder}/dangling`);
  const pointer = "version https://git-lfs.github.com/spec/v1\n" +
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
  await work.commit("files", {
    ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n",
    "big.bin": pointer,
    "crlf.txt": "a\r\nb\r\n",
    "noise.dat": crypto.getRandomValues(new Uint8Array(4096)),
    "empty": "",
    "no newline at the end": "x",
    "tief/über/ß 文.txt": "ü\n",
  });
  // A submodule is a commit of another repository, which this one does not have.
  const elsewhere = "0123456789abcdef0123456789abcdef01234567";
  await work.ok("update-index", "--add", "--cacheinfo", `160000,${elsewhere},vendor/lib`);
  await work.ok("config", "-f", ".gitmodules", "submodule.lib.path", "vendor/lib");
  await work.ok("config", "-f", ".gitmodules", "submodule.lib.url", "https://git.example/lib.git");
  await work.ok("add", ".gitmodules");
  await work.ok("commit", "--quiet", "-m", "submodule");
  await work.ok("update-index", "--cacheinfo", `160000,${elsewhere.split("").reverse().join("")},vendor/lib`);
  await work.ok("commit", "--quiet", "-m", "submodule moved");
  await work.ok("push", "origin", "main");
  await using fresh = await parts.clone();
  assertEquals(await fresh.ok("ls-tree", "-r", "HEAD"), await work.ok("ls-tree", "-r", "HEAD"));
  assertEquals(
    (await fresh.ok("ls-tree", "-r", "HEAD")).match(/^\d+/gm)!.sort().join(" ").replace(/100644 /g, ""),
    "100755 120000 120000 160000",
  );
  assertEquals(await Deno.readLink(`${fresh.folder}/link`), "/etc/passwd");
  assertEquals(await Deno.readTextFile(`${fresh.folder}/big.bin`), pointer);
});

Deno.test("commits of every shape: empty, without words, orphan, octopus, renames and modes alone", async () => {
  await using parts = await startGatedRepo();
  await using work = await parts.clone();
  await work.commit("empty", {});
  await work.commit("", {});
  const branches = ["one", "two", "three"];
  for (const name of branches) {
    await work.ok("checkout", "--quiet", "-b", name, "main");
    await work.commit(name, { [`${name}.txt`]: `${name}\n` });
  }
  await work.ok("checkout", "--quiet", "main");
  await work.commit("beside them", { "main.txt": "main\n" });
  await work.ok("merge", "--quiet", "--no-edit", ...branches);
  assertEquals((await work.ok("rev-list", "--parents", "-1", "HEAD")).split(" ").length, 5);
  await work.ok("mv", "one.txt", "renamed.txt");
  await work.ok("update-index", "--chmod=+x", "two.txt");
  await work.ok("commit", "--quiet", "-m", "renamed and executable");
  await work.ok("rm", "--quiet", "three.txt");
  await work.ok("commit", "--quiet", "-m", "removed");
  await work.ok("checkout", "--quiet", "--orphan", "alone");
  await work.ok("rm", "-r", "-f", "--quiet", ".");
  const alone = await work.commit("another root", { "alone.txt": "alone\n" });
  await work.ok("checkout", "--quiet", "main");
  await work.ok("merge", "--quiet", "--no-edit", "--allow-unrelated-histories", "alone");
  await work.ok("push", "origin", "main", "alone");
  const tip = await work.ok("rev-parse", "main");
  assertEquals(await parts.refs(), { "refs/heads/alone": alone, [MAIN]: tip });
  await using fresh = await parts.clone();
  await fresh.ok("fsck", "--full", "--strict");
  assertEquals(await fresh.ok("rev-list", "--count", "HEAD"), await work.ok("rev-list", "--count", "HEAD"));
});

Deno.test("what is upstream already gets new names: a branch, a tag, notes; a blob or a tree gets none", async () => {
  await using parts = await startGatedRepo();
  await using work = await parts.clone();
  await work.ok("push", "origin", "HEAD:refs/heads/again", "HEAD:refs/tags/again");
  await work.ok("notes", "add", "-m", "a note", "HEAD");
  await work.ok("push", "origin", "refs/notes/commits");
  const refs = await parts.refs();
  assertEquals(Object.keys(refs), ["refs/heads/again", MAIN, "refs/notes/commits", "refs/tags/again"]);
  await using fresh = await parts.clone();
  await fresh.ok("fetch", "origin", "refs/notes/*:refs/notes/*");
  assertEquals(await fresh.ok("notes", "show", "HEAD"), "a note");
  await Deno.writeTextFile(`${work.folder}/loose`, "a blob of no commit\n");
  const blob = await work.ok("hash-object", "-w", "loose");
  await work.ok("tag", "-a", "-m", "names a tree", "of-tree", "HEAD^{tree}");
  for (const oid of [blob, "HEAD^{tree}", "of-tree"]) {
    const words = "refs/tags/strange: names no commit, so it cannot be scanned";
    await refused(work, ["push", "origin", `${oid}:refs/tags/strange`, "HEAD:refs/heads/beside"], words);
  }
  assertEquals(await parts.refs(), refs);
  assertEquals(parts.gate.log().at(-1)?.rule, "object");
  // Refused in quarantine: no object of it is left.
  assertEquals((await work.git("-C", parts.mirror, "cat-file", "-e", blob)).code, 1);
});

Deno.test("a gate that is stopped refuses plainly, and goes on with its mirrors when it is started again", async () => {
  await using parts = await startGatedRepo();
  await using work = await parts.clone();
  const first = await work.commit("first", { "a.txt": "a\n" });
  await work.ok("push", "origin", "HEAD:refs/heads/agent/x");
  await work.ok("commit", "--quiet", "--amend", "-m", "second");
  const second = await work.ok("rev-parse", "HEAD");
  await parts.gate.stop();
  await refused(work, ["push", "--force", "origin", "HEAD:refs/heads/agent/x"], "Connection refused");
  assertEquals((await refsOf(parts.bare))["refs/heads/agent/x"], first);
  await parts.gate.start();
  await work.ok("push", "--force", "origin", "HEAD:refs/heads/agent/x");
  assertEquals((await parts.refs())["refs/heads/agent/x"], second);
  await parts.gate.stop();
  await parts.gate.start();
  await work.ok("fetch", "origin");
  assertEquals(Object.values(await parts.ownRefs()), [first], "a restart lost what was kept");
  assertEquals(parts.gate.log().map((entry) => entry.verdict), ["accepted", "accepted"]);
});
