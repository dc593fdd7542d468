/** Where in the history a secret can be, and what of it is none of a push's doing. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { clone, madeUpToken } from "../../support/git_gate.ts";
import { runOrThrow } from "../../support/sshd.ts";
import { startScanLab } from "../../support/scan_lab.ts";

Deno.test("a secret anywhere in what a push brings", async (t) => {
  await using lab = await startScanLab();
  const { work } = lab;

  await t.step("in a commit between others", async () => {
    const branch = await lab.fresh();
    const token = madeUpToken();
    await work.commit("a", { "a.txt": "one\n" });
    const bad = await work.commit("b", { "b.txt": `${token}\n` });
    await work.commit("c", { "b.txt": "nothing\n" });
    const said = await lab.refused(token, `HEAD:refs/heads/${branch}`);
    assertStringIncludes(said, `file b.txt, line 1, commit ${bad.slice(0, 12)}`);
  });

  await t.step("in a file that is added and taken away again", async () => {
    const branch = await lab.fresh();
    const token = madeUpToken();
    await work.commit("a", { "deep/er/b.txt": `x\ny\n${token}\n` });
    await Deno.remove(`${work.folder}/deep`, { recursive: true });
    await work.commit("b", {});
    assertStringIncludes(
      await lab.refused(token, `HEAD:refs/heads/${branch}`),
      "file deep/er/b.txt, line 3",
    );
  });

  await t.step("in a file that is renamed in the next commit", async () => {
    const branch = await lab.fresh();
    const token = madeUpToken();
    await work.commit("a", { "a.txt": `${"line\n".repeat(100)}${token}\n` });
    await work.ok("mv", "a.txt", "b.txt");
    await work.commit("b", {});
    await lab.refused(token, `HEAD:refs/heads/${branch}`);
  });

  await t.step("in a line that replaces one of many", async () => {
    const branch = await lab.fresh();
    const token = madeUpToken();
    const lines = Array.from({ length: 1000 }, (_, at) => `line ${at}\n`);
    await work.commit("a", { "a.txt": lines.join("") });
    await work.commit("b", { "a.txt": lines.with(700, `${token}\n`).join("") });
    assertStringIncludes(await lab.refused(token, `HEAD:refs/heads/${branch}`), "file a.txt, line 701");
  });

  await t.step("in the first commit of a history of its own", async () => {
    const branch = await lab.fresh();
    const token = madeUpToken();
    await work.ok("checkout", "--quiet", "--orphan", branch);
    await work.commit("root", { "a.txt": `${token}\n` });
    await lab.refused(token, `HEAD:refs/heads/${branch}`);
  });

  await t.step("in a commit that a tag alone reaches", async () => {
    const name = await lab.fresh();
    const token = madeUpToken();
    await work.commit("a", { "a.txt": `${token}\n` });
    await work.ok("tag", name);
    await work.ok("tag", "-a", `${name}-a`, "-m", "clean");
    await lab.refused(token, `refs/tags/${name}`);
    await lab.refused(token, `refs/tags/${name}-a`);
  });

  await t.step("in one of two refs: neither is written", async () => {
    const name = await lab.fresh();
    const token = madeUpToken();
    await work.commit("clean", { "c.txt": "clean\n" });
    await work.ok("branch", `${name}-clean`);
    await work.commit("a", { "a.txt": `${token}\n` });
    await lab.refused(token, `${name}-clean`, `HEAD:refs/heads/${name}`);
    await lab.refused(token, `HEAD:refs/heads/${name}`, `${name}-clean`);
  });

  await t.step("in a note", async () => {
    await lab.fresh();
    const token = madeUpToken();
    await work.ok("notes", "add", "-m", token, lab.base);
    await lab.refused(token, "refs/notes/commits");
  });

  await t.step("in the target of a symlink, and in what a link becomes", async () => {
    const branch = await lab.fresh();
    const token = madeUpToken();
    await Deno.symlink(`/nowhere/${token}`, `${work.folder}/link`);
    await work.commit("link", {});
    await lab.refused(token, `HEAD:refs/heads/${branch}`);
    await lab.fresh();
    await Deno.symlink("nowhere", `${work.folder}/link`);
    await work.commit("link", {});
    await Deno.remove(`${work.folder}/link`);
    await work.commit("file", { link: `${token}\n` });
    await lab.refused(token, `HEAD:refs/heads/${branch}`);
    await Deno.remove(`${work.folder}/link`);
    await work.commit("folder", { "link/a/b": `${token}\n` });
    await lab.refused(token, `HEAD:refs/heads/${branch}`);
  });

  await t.step("beside a submodule, and in .gitmodules", async () => {
    const branch = await lab.fresh();
    const token = madeUpToken();
    await work.ok("update-index", "--add", "--cacheinfo", `160000,${lab.base},sub`);
    await work.ok("commit", "--quiet", "-m", "submodule");
    await lab.passed(`HEAD:refs/heads/${branch}`);
    const url = `[submodule "sub"]\n\tpath = sub\n\turl = https://${token}@git.example/sub.git\n`;
    await Deno.writeTextFile(`${work.folder}/.gitmodules`, url);
    await work.ok("add", ".gitmodules");
    await work.ok("commit", "--quiet", "-m", "url");
    await lab.refused(token, `HEAD:refs/heads/${branch}`);
  });

  await t.step("behind refs/replace, pushed before it or with it", async () => {
    const name = await lab.fresh();
    const token = madeUpToken();
    const innocent = await work.commit("innocent", { "a.txt": "clean\n" });
    await lab.fresh();
    const bad = await work.commit("bad", { "a.txt": `${token}\n` });
    await lab.refused(
      token,
      `${innocent}:refs/replace/${bad}`,
      `${bad}:refs/heads/${name}`,
    );
    await lab.passed(`${innocent}:refs/replace/${bad}`);
    await lab.refused(token, `${bad}:refs/heads/${name}`);
    // A file's content can be replaced as well.
    const [from, to] = [
      await lab.work.ok("rev-parse", `${bad}:a.txt`),
      await work.ok("rev-parse", `${innocent}:a.txt`),
    ];
    assertStringIncludes(await lab.failed(`${to}:refs/replace/${from}`), "names no commit");
  });

  await t.step("a tree or a blob as a ref, and a tag of one", async () => {
    const name = await lab.fresh();
    const token = madeUpToken();
    await work.commit("a", { "a.txt": `${token}\n` });
    await work.ok("tag", "-a", `${name}-tree`, "-m", "clean", "HEAD^{tree}");
    for (const what of ["HEAD^{tree}", "HEAD:a.txt", `${name}-tree`]) {
      const output = await lab.failed(`${what}:refs/tags/${name}-x`);
      assertStringIncludes(output, "names no commit, so it cannot be scanned");
    }
  });

  await t.step("refs of the gate's own cannot be written", async () => {
    await lab.fresh();
    const output = await lab.failed("HEAD:refs/bottle/backup/x/heads/main");
    assertStringIncludes(output, "deny updating a hidden ref");
  });

  await t.step("behind a cut history: what cannot be read is not scanned, and so not pushed", async () => {
    const branch = await lab.fresh();
    await work.commit("bad", { "a.txt": `${madeUpToken()}\n` });
    await work.commit("clean", { "b.txt": "clean\n" });
    const tip = await work.ok("rev-parse", "HEAD");
    await Deno.writeTextFile(`${work.folder}/.git/shallow`, `${tip}\n`);
    try {
      const output = await lab.failed(`HEAD:refs/heads/${branch}`);
      assertStringIncludes(output, "the scan for secrets failed, so nothing was pushed");
    } finally {
      await Deno.remove(`${work.folder}/.git/shallow`);
    }
  });

  await t.step("1,200 refs at once", async () => {
    const name = await lab.fresh();
    const token = madeUpToken();
    await work.ok("branch", "clean");
    const many = Array.from({ length: 1200 }, (_, at) => `clean:refs/heads/${name}/${at}`);
    await work.commit("a", { "a.txt": `${token}\n` });
    await lab.refused(token, ...many, `HEAD:refs/heads/${name}/bad`);
    const tree = await work.ok("rev-parse", `${lab.base}^{tree}`);
    const commits = Array.from({ length: 1200 }, (_, at) => [
      `commit refs/heads/many/${at}`,
      `committer A <a@lab.example> ${1700000000 + at} +0000`,
      "data 0",
      `M 040000 ${tree} ""`,
      "",
    ]);
    const stream = commits.flat().join("\n");
    await Deno.writeTextFile(`${work.folder}/.git/stream`, stream);
    await runOrThrow("sh", ["-c", "git fast-import --quiet < .git/stream"], { cwd: work.folder });
    assertStringIncludes(
      await lab.failed("refs/heads/many/*:refs/heads/many/*"),
      "more than 1000 refs at once",
    );
  });
});

Deno.test("what the upstream has already is nobody's finding, what comes to it is", async (t) => {
  await using lab = await startScanLab();
  const { work } = lab;
  const old = madeUpToken();
  // Somebody else's, and from before there was a gate.
  await using other = await clone(`file://${lab.bare}`);
  await other.commit("old finding", { "old.txt": `1\n2\n3\n${old}\n5\n6\n7\n` });
  await other.ok("push", "origin", "HEAD:refs/heads/main");

  await t.step("a merge of the upstream's main passes", async () => {
    const branch = await lab.fresh();
    await work.commit("mine", { "mine.txt": "mine\n" });
    await lab.passed(`HEAD:refs/heads/${branch}`);
    await work.ok("fetch", "--quiet", "origin", "main");
    await work.ok("merge", "--quiet", "-m", "merge", "FETCH_HEAD");
    await lab.passed(`HEAD:refs/heads/${branch}`);
  });

  await t.step("so does one that changes the very file, on both sides", async () => {
    const branch = await lab.fresh();
    await work.ok("fetch", "--quiet", "origin", "main");
    await work.ok("checkout", "--quiet", "--detach", "FETCH_HEAD");
    await work.commit("mine", { "old.txt": `one\n2\n3\n${old}\n5\n6\n7\n` });
    await other.commit("theirs", { "old.txt": `1\n2\n3\n${old}\n5\n6\nseven\n` });
    await other.ok("push", "origin", "HEAD:refs/heads/main");
    await work.ok("fetch", "--quiet", "origin", "main");
    await work.ok("merge", "--quiet", "-m", "merge", "FETCH_HEAD");
    await lab.passed(`HEAD:refs/heads/${branch}`);
  });

  await t.step(
    "a new branch on a history with findings passes, and one that adds to them does not",
    async () => {
      const branch = await lab.fresh();
      await work.ok("fetch", "--quiet", "origin", "main");
      await work.ok("checkout", "--quiet", "--detach", "FETCH_HEAD");
      await work.commit("mine", { "mine.txt": "mine\n" });
      await lab.passed(`HEAD:refs/heads/${branch}`);
      const token = madeUpToken();
      await work.commit("bad", { "old.txt": `1\n2\n3\n${old}\n5\n6\n${token}\n` });
      const said = await lab.refused(token, `HEAD:refs/heads/${branch}-2`);
      assertStringIncludes(said, "file old.txt, line 7");
      assertEquals(said.includes("line 4"), false);
    },
  );

  await t.step("a first push of all of it to an upstream that has nothing is refused", async () => {
    await runOrThrow("git", ["-C", lab.bare, "update-ref", "-d", "refs/heads/main"]);
    const refs = (await runOrThrow("git", ["-C", lab.bare, "for-each-ref", "--format=%(refname)"])).trim();
    for (const ref of refs.split("\n")) await runOrThrow("git", ["-C", lab.bare, "update-ref", "-d", ref]);
    await lab.refused(old, "HEAD:refs/heads/all");
  });
});
