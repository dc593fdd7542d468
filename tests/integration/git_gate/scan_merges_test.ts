/** What only a merge brings: gitleaks does not look at merges, and git does not show all of one. */

import { assertStringIncludes } from "@std/assert";
import { madeUpToken } from "../../support/git_gate.ts";
import { startScanLab } from "../../support/scan_lab.ts";

Deno.test("a secret that only a merge brings", async (t) => {
  await using lab = await startScanLab();
  const { work } = lab;

  /** Commits on the base, each with one file. Gives the commits. */
  const sides = async (count: number, name: string, content: (at: number) => string | Uint8Array) => {
    const commits: string[] = [];
    for (let at = 0; at < count; at++) {
      await lab.fresh();
      commits.push(await work.commit(`side ${at}`, { [name]: content(at) }));
    }
    return commits;
  };

  /** A merge of commits with the given files. Gives the merge. */
  const merge = async (parents: readonly string[], files: Readonly<Record<string, string | Uint8Array>>) => {
    await lab.fresh();
    const made = await work.commit("tree of the merge", files);
    const tree = await work.ok("rev-parse", `${made}^{tree}`);
    return await lab.rawCommit({ tree, parents });
  };

  await t.step("in a file that no parent has", async () => {
    const token = madeUpToken();
    const parents = await sides(2, "a.txt", (at) => `${at}\n`);
    const commit = await merge(parents, { "a.txt": "0\n", "evil.txt": `one\n${token}\n` });
    const said = await lab.refused(token, `${commit}:refs/heads/${await lab.fresh()}`);
    assertStringIncludes(said, `github-pat: file evil.txt, line 2, commit ${commit.slice(0, 12)}`);
  });

  await t.step("in one line of a file that both sides changed", async () => {
    const token = madeUpToken();
    const lines = (first: string, last: string, middle = "m") =>
      `${first}\n${"x\n".repeat(50)}${middle}\n${"y\n".repeat(50)}${last}\n`;
    await lab.fresh();
    const parents = await sides(2, "a.txt", (at) => lines(at === 0 ? "F" : "f", at === 1 ? "L" : "l"));
    const clean = await merge(parents, { "a.txt": lines("F", "L") });
    await lab.passed(`${clean}:refs/heads/${await lab.fresh()}`);
    const commit = await merge(parents, { "a.txt": lines("F", "L", token) });
    const said = await lab.refused(token, `${commit}:refs/heads/${await lab.fresh()}`);
    assertStringIncludes(said, "file a.txt, line 52");
  });

  await t.step("in a line that replaces different ones", async () => {
    const token = madeUpToken();
    const parents = await sides(2, "a.txt", (at) => `same\n${at}\nsame\n`);
    const commit = await merge(parents, { "a.txt": `same\n${token}\nsame\n` });
    assertStringIncludes(await lab.refused(token, `${commit}:refs/heads/${await lab.fresh()}`), "line 2");
  });

  await t.step("of three", async () => {
    const token = madeUpToken();
    const parents = await sides(3, "a.txt", (at) => `${at}\n`);
    const commit = await merge(parents, { "a.txt": `3\n\\ No newline\n+++ b/x\n${token}` });
    assertStringIncludes(await lab.refused(token, `${commit}:refs/heads/${await lab.fresh()}`), "line 4");
  });

  await t.step("of 32", async () => {
    const token = madeUpToken();
    const parents = await sides(32, "a.txt", (at) => `${at}\n`);
    const commit = await merge(parents, { "a.txt": `${token}\n` });
    await lab.refused(token, `${commit}:refs/heads/${await lab.fresh()}`);
  });

  // git counts parents in the bits of a word: of a merge of 64 it shows nothing at all.
  await t.step("of 64, of which git shows nothing", async () => {
    const token = madeUpToken();
    const parents = await sides(64, "a.txt", (at) => `${at}\n`);
    const commit = await merge(parents, { "a.txt": `${token}\n` });
    const output = await lab.failed(`${commit}:refs/heads/${await lab.fresh()}`);
    assertStringIncludes(output, "a merge has more than 32 parents");
  });

  await t.step("in a binary file, of which git shows nothing", async () => {
    const token = madeUpToken();
    const parents = await sides(2, 'a"\n.bin', (at) => `\0${at}\n`);
    const commit = await merge(parents, { 'a"\n.bin': `\0\nx\n\0${token}\n` });
    const said = await lab.refused(token, `${commit}:refs/heads/${await lab.fresh()}`);
    assertStringIncludes(said, 'file a"\\n.bin, line 3');
  });

  // git takes a file for binary by its first 8,000 bytes, and writes the lines of a merge up to their first NUL.
  await t.step("behind a NUL in a text, where git's lines end", async () => {
    const token = madeUpToken();
    const text = "line\n".repeat(2000);
    const parents = await sides(2, "a.txt", (at) => `${text}${at}\n`);
    const commit = await merge(parents, { "a.txt": `${text}x\0${token}\n` });
    const said = await lab.refused(token, `${commit}:refs/heads/${await lab.fresh()}`);
    assertStringIncludes(said, "file a.txt, line 2001");
    const long = await merge(parents, { "a.txt": `${text}\n\n\0${"x ".repeat(50_000)}${token}\n` });
    const words = await lab.refused(token, `${long}:refs/heads/${await lab.fresh()}`);
    assertStringIncludes(words, "file a.txt, line 2003");
  });

  await t.step("in UTF-16", async () => {
    const token = madeUpToken();
    const utf16 = (text: string) => new Uint8Array(Uint16Array.from(text, (c) => c.charCodeAt(0)).buffer);
    const parents = await sides(2, "a.txt", (at) => utf16(`${at}\n`));
    const commit = await merge(parents, { "a.txt": utf16(`x\r\n${token}\r\n`) });
    await lab.refused(token, `${commit}:refs/heads/${await lab.fresh()}`);
  });

  await t.step("in the target of a symlink, and in a name", async () => {
    const token = madeUpToken();
    const parents = await sides(2, "a.txt", (at) => `${at}\n`);
    await lab.fresh();
    await Deno.symlink(token, `${work.folder}/link`);
    const made = await work.commit("tree", { "a.txt": "0\n" });
    const tree = await work.ok("rev-parse", `${made}^{tree}`);
    await lab.refused(
      token,
      `${await lab.rawCommit({ tree, parents })}:refs/heads/${await lab.fresh()}`,
    );
    const named = await merge(parents, { "a.txt": "0\n", [token]: "x\n" });
    const said = await lab.refused(token, `${named}:refs/heads/${await lab.fresh()}`);
    assertStringIncludes(said, "github-pat: file name, commit");
  });

  await t.step("in its message", async () => {
    const token = madeUpToken();
    const parents = await sides(2, "a.txt", (at) => `${at}\n`);
    const commit = await lab.rawCommit({ parents, message: `merge\n\n${token}\n` });
    await lab.refused(token, `${commit}:refs/heads/${await lab.fresh()}`);
  });

  await t.step("one parent twice", async () => {
    const token = madeUpToken();
    const [parent] = await sides(1, "a.txt", (at) => `${at}\n`);
    const commit = await merge([parent!, parent!], { "a.txt": `${token}\n` });
    await lab.refused(token, `${commit}:refs/heads/${await lab.fresh()}`);
  });

  await t.step("ordinary merges of files, binaries, submodules, links and deletions pass", async () => {
    const parents: string[] = [];
    for (let side = 0; side < 2; side++) {
      await lab.fresh();
      await work.ok("update-index", "--add", "--cacheinfo", `160000,${side}${lab.base.slice(1)},sub`);
      await Deno.symlink(`${side}`, `${work.folder}/link`);
      await Deno.writeTextFile(`${work.folder}/gone.txt`, `${side}\n`);
      await Deno.writeFile(`${work.folder}/gone.bin`, new Uint8Array([0, side]));
      await Deno.writeFile(`${work.folder}/image.png`, new Uint8Array([0x89, 0, side]));
      await work.ok("add", "link", "gone.txt", "gone.bin", "image.png");
      await work.ok("commit", "--quiet", "-m", `side ${side}`);
      parents.push(await work.ok("rev-parse", "HEAD"));
    }
    await lab.fresh();
    await work.ok("update-index", "--add", "--cacheinfo", `160000,2${lab.base.slice(1)},sub`);
    await Deno.symlink("2", `${work.folder}/link`);
    await Deno.writeFile(`${work.folder}/image.png`, new Uint8Array([0x89, 0, 2]));
    await work.ok("add", "link", "image.png");
    await work.ok("commit", "--quiet", "-m", "tree");
    const tree = await work.ok("rev-parse", "HEAD^{tree}");
    await lab.passed(`${await lab.rawCommit({ tree, parents })}:refs/heads/${await lab.fresh()}`);
  });
});
