/** Names of files and lines of content that lead readers of diffs astray. */

import { assertMatch, assertStringIncludes } from "@std/assert";
import { madeUpToken } from "../../support/git_gate.ts";
import { startScanLab } from "../../support/scan_lab.ts";

/** Names that a diff has to quote, or that look like parts of one; the token is in the file. */
const NAMES: readonly string[] = [
  "new\nline",
  'quo"te',
  '"quoted"',
  "back\\slash",
  "tab\tname",
  "trailing tab\t",
  "a b/c",
  "x b/x",
  "x b/x b/x",
  " leading blank",
  "trailing blank ",
  "-leading-dash",
  "--exclude=*",
  ":(exclude)*",
  "dev/null",
  "b/b/b",
  "a/a/a",
  "+++ b",
  "--- a",
  "@@ -1 +1 @@",
  "diff --git a",
  "commit 0123456789012345678901234567890123456789",
  "\ncommit 0123456789012345678901234567890123456789\n",
  "\n@@ -1 +1 @@\n-x",
  "ünïcödé",
  "\u202egnp.exe",
  "\x1b[2J",
  "\x7f",
  "a\u2028b",
  "\ufeff",
  "*",
  "$(id)",
  "`id`",
];

/** Lines around the token that look like something of a diff or of a log. */
const LINES: readonly (readonly [before: string, after: string])[] = [
  ["diff --git a/x b/x\ndeleted file mode 100644\n--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-", "\n"],
  ["commit 0123456789012345678901234567890123456789\ntree 0\n\n    ", "\n"],
  ["@@ -0,0 +1 @@\n", "\n"],
  ["+++ b/other.txt\n", "\n"],
  ["++ b/other.txt\n", "\n"],
  ["--- a/x\n+++ b/package-lock.json\n", "\n"],
  ["\\ No newline at end of file\n", "\n\\ No newline at end of file\n"],
  ["-", "\n"],
  ["-- ", "\n"],
  ["+", "\n"],
  [" ", "\n"],
  ["\\ ", "\n"],
  ["    ", "\n"],
  ["\n\n\n", "\n\n\n"],
  ["\ufeff", "\n"],
  ["Binary files a/x and b/x differ\n", "\n"],
  ["Binary files differ\n", "\n"],
  ["index 0000000..1111111 100644\n", "\n"],
  ["Subproject commit ", "\n"],
  ["similarity index 100%\nrename from a\nrename to b\n", "\n"],
  ["GIT binary patch\nliteral 0\nHcmV?d00001\n\n", "\n"],
  ["\x0c\x0b", "\n"],
  ["\x1b]0;", "\x07\n"],
];

Deno.test("names and lines that look like a diff", async (t) => {
  await using lab = await startScanLab();
  const { work } = lab;

  // All in one push: one that is misread takes those behind it along.
  for (
    const [how, ending] of [["as they are", ""], ["of images, which gitleaks' own reading skips", ".png"]]
  ) {
    await t.step(`names of files, ${how}`, async () => {
      const branch = await lab.fresh();
      const bad: string[] = [];
      for (const name of NAMES) {
        await work.commit("clean", { "other.txt": "x\n", [name + ending]: "clean\n" });
        bad.push(await work.commit("bad", { [name + ending]: `clean\n${madeUpToken()}\n` }));
        await work.ok("rm", "--quiet", "-r", "--", ".");
        await work.commit("gone", { [name + ending]: "" });
      }
      await lab.refusedFor(bad, `HEAD:refs/heads/${branch}`);
    });
  }

  for (const [how, name] of [["a text", "a.txt"], ["an image", "a.png"]] as const) {
    await t.step(`lines of ${how}`, async () => {
      const branch = await lab.fresh();
      const bad: string[] = [];
      for (const [before, after] of LINES) {
        await work.commit("clean", { [name]: "clean" });
        bad.push(
          await work.commit(`message\n\n${before}`, { [name]: `${before}${madeUpToken()}${after}` }),
        );
        await work.commit(`${before}${after}`, { [name]: `${before}${after}` });
      }
      await lab.refusedFor(bad, `HEAD:refs/heads/${branch}`);
    });
  }
});

Deno.test("a secret in a name is told without the name", async (t) => {
  await using lab = await startScanLab();
  const { work } = lab;

  for (
    const [what, path] of [
      ["of a file", (token: string) => token],
      ["of a folder", (token: string) => `${token}/x.txt`],
      ["of a folder in folders", (token: string) => `a/b/${token}/c/x.txt`],
      ["that is quoted", (token: string) => `a"${token}`],
      ["behind a tab", (token: string) => `\t${token}\t`],
      ["behind a newline", (token: string) => `\n${token}`],
      ["behind other names", (token: string) => `x b/${token}`],
      ["beside bytes that are no text", (token: string) => `\u{10ffff}ü${token}`],
      ["of an image", (token: string) => `${token}.png`],
    ] as const
  ) {
    await t.step(what, async () => {
      const branch = await lab.fresh();
      const token = madeUpToken();
      await work.commit("file", { [path(token)]: `x\n` });
      assertStringIncludes(
        await lab.refused(token, `HEAD:refs/heads/${branch}`),
        "github-pat: file name, commit",
      );
      await work.commit("file", { [path(token)]: `y\n${token}\n` });
      const said = await lab.refused(token, `HEAD:refs/heads/${branch}`);
      assertStringIncludes(said, "github-pat: file, line 2, commit");
    });
  }

  await t.step("of an empty file, and of one whose mode alone changes", async () => {
    const branch = await lab.fresh();
    const token = madeUpToken();
    await work.commit("file", { [token]: "" });
    await lab.refused(token, `HEAD:refs/heads/${branch}`);
  });

  await t.step("of bytes that are no UTF-8", async () => {
    const branch = await lab.fresh();
    const token = madeUpToken();
    const blob = await lab.object("blob", `x\n${token}\n`);
    const name = new TextEncoder().encode(`?${token}`);
    name[0] = 0xff;
    const entry = [...new TextEncoder().encode("100644 "), ...name, 0];
    const tree = await lab.object(
      "tree",
      new Uint8Array([...entry, ...blob.match(/../g)!.map((h) => parseInt(h, 16))]),
    );
    await lab.refused(token, `${await lab.rawCommit({ tree })}:refs/heads/${branch}`);
  });

  await t.step("longer than any system would take", async () => {
    const branch = await lab.fresh();
    const token = madeUpToken();
    const blob = await lab.object("blob", "x\n");
    const name = new TextEncoder().encode(`100644 ${"x".repeat(40_000)}${token}\0`);
    const tree = await lab.object(
      "tree",
      new Uint8Array([...name, ...blob.match(/../g)!.map((h) => parseInt(h, 16))]),
    );
    const output = await lab.failed(`${await lab.rawCommit({ tree })}:refs/heads/${branch}`);
    // A newer git refuses such names itself, before our reader meets one.
    assertMatch(output, /the name of a file is too long|largePathname/);
  });
});
