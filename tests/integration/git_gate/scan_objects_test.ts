/** A secret in every part of a commit or a tag that is no file: each is pushed for real, and each is refused. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { madeUpToken } from "../../support/git_gate.ts";
import { startScanLab } from "../../support/scan_lab.ts";

Deno.test("a secret outside files", async (t) => {
  await using lab = await startScanLab();
  const { work } = lab;
  const encoder = new TextEncoder();

  await t.step("in a commit message, with its line", async () => {
    const branch = await lab.fresh();
    const token = madeUpToken();
    const commit = await work.commit(`subject\n\nbody ${token}`, {});
    const said = await lab.refused(token, `HEAD:refs/heads/${branch}`);
    assertStringIncludes(said, `github-pat: commit message, line 3, commit ${commit.slice(0, 12)}`);
  });

  await t.step("in the first line of a message", async () => {
    const branch = await lab.fresh();
    const token = madeUpToken();
    await work.commit(token, {});
    assertStringIncludes(await lab.refused(token, `HEAD:refs/heads/${branch}`), "commit message, line 1");
  });

  await t.step("in an author's name", async () => {
    const token = madeUpToken();
    const commit = await lab.rawCommit({ author: `${token} <agent@lab.example>` });
    const said = await lab.refused(token, `${commit}:refs/heads/${await lab.fresh()}`);
    assertStringIncludes(said, "github-pat: commit header, commit");
  });

  await t.step("in an author's address", async () => {
    const token = madeUpToken();
    const commit = await lab.rawCommit({ author: `Agent <${token}@lab.example>` });
    await lab.refused(token, `${commit}:refs/heads/${await lab.fresh()}`);
  });

  await t.step("in a header of a commit that git does not know", async () => {
    const token = madeUpToken();
    const commit = await lab.rawCommit({ header: `x-note one\n two ${token}\n three\n` });
    assertStringIncludes(
      await lab.refused(token, `${commit}:refs/heads/${await lab.fresh()}`),
      "commit header",
    );
  });

  // A reader that leaves out byte order marks takes the first line for the end of the header, believes all that
  // follows to be git's own words, and the token to be in a line that was removed.
  await t.step("in a header that plays a diff behind a byte order mark", async () => {
    const token = madeUpToken();
    const header = `\ufeff\ncommit ${"0".repeat(40)}\n\ufeff\ndiff --git a/x b/x\n@@ -1 +1 @@\n-${token}\n`;
    const commit = await lab.rawCommit({ header });
    await lab.refused(token, `${commit}:refs/heads/${await lab.fresh()}`);
  });

  await t.step("in a message that plays a diff", async () => {
    const token = madeUpToken();
    const message = `x\n\ndiff --git a/x b/x\ndeleted file mode 100644\n@@ -1 +0,0 @@\n-${token}\n`;
    const commit = await lab.rawCommit({ message });
    await lab.refused(token, `${commit}:refs/heads/${await lab.fresh()}`);
  });

  await t.step("behind a NUL of a message, where no log shows it: fsck refuses", async () => {
    const token = madeUpToken();
    const commit = await lab.rawCommit({ message: `clean\n\0${token}\n` });
    assertStringIncludes(await lab.failed(`${commit}:refs/heads/${await lab.fresh()}`), "nulInCommit");
  });

  await t.step("in a commit that says it is UTF-16", async () => {
    const token = madeUpToken();
    const commit = await lab.rawCommit({ header: "encoding UTF-16\n", message: `${token}\n` });
    await lab.refused(token, `${commit}:refs/heads/${await lab.fresh()}`);
  });

  await t.step("in a commit in an encoding that git would turn into another text", async () => {
    const token = madeUpToken();
    const message = `${token.slice(0, 8)}\n${token}\n`;
    const commit = await lab.rawCommit({ header: "encoding ISO-2022-JP\n", message });
    await lab.refused(token, `${commit}:refs/heads/${await lab.fresh()}`);
  });

  await t.step("in a message's line of a megabyte, across the pieces that it is read in", async () => {
    const token = madeUpToken();
    const message = encoder.encode("x ".repeat(524_288));
    message.set(encoder.encode(` ${token} `), 16 * 1024 - 20);
    const commit = await lab.rawCommit({ message });
    await lab.refused(token, `${commit}:refs/heads/${await lab.fresh()}`);
  });

  await t.step("in the message of a tag", async () => {
    const name = await lab.fresh();
    const token = madeUpToken();
    await work.ok("tag", "-a", name, "-m", `one\n\n${token}`);
    const said = await lab.refused(token, `refs/tags/${name}`);
    assertMatch(said, /github-pat: tag, line 8, tag object [0-9a-f]{12}/);
  });

  await t.step("in a tag that a tag names", async () => {
    const name = await lab.fresh();
    const token = madeUpToken();
    await work.ok("tag", "-a", `${name}-inner`, "-m", token);
    await work.ok("tag", "-a", name, "-m", "clean", `${name}-inner`);
    await lab.refused(token, `refs/tags/${name}`);
  });

  await t.step("in a tag that a branch names", async () => {
    const name = await lab.fresh();
    const token = madeUpToken();
    await work.ok("tag", "-a", name, "-m", token);
    await lab.refused(token, `${await work.ok("rev-parse", name)}:refs/heads/${name}`);
  });

  await t.step("at the end of a tag of 17 MB, and behind a NUL of it", async () => {
    const name = await lab.fresh();
    const token = madeUpToken();
    const head =
      `object ${lab.base}\ntype commit\ntag ${name}\ntagger A <a@lab.example> 1700000000 +0000\n\n`;
    const tag = await lab.object("tag", head + "clean\n".repeat(17 * 1024 * 1024 / 6) + "\0" + token + "\n");
    await lab.refused(token, `${tag}:refs/tags/${name}`);
  });

  await t.step("in the name of a branch", async () => {
    const token = madeUpToken();
    await lab.fresh();
    const said = await lab.refused(token, `HEAD:refs/heads/fix/${token}`);
    assertStringIncludes(said, "github-pat: ref name");
    const told = () =>
      lab.gate.log().find(({ findings }) => JSON.stringify(findings ?? "").includes("ref name"));
    while (told() === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
    assertEquals(told()!.verdict, "refused");
    assert(!lab.gate.output().includes(token), "the log has the secret");
  });

  await t.step("in the name of a tag", async () => {
    const token = madeUpToken();
    await lab.fresh();
    await lab.refused(token, `HEAD:refs/tags/${token}`);
  });

  // gitleaks says nothing of standard input that looks like an archive, and the name of the ref is what comes first.
  for (const [what, mark, at] of [["a tar", "ustar", 257], ["DICOM", "DICM", 128]] as const) {
    await t.step(`in a file, while the ref's name makes the text look like ${what}`, async () => {
      await lab.fresh();
      const token = madeUpToken();
      await work.commit("two", { "x.png": `${token}\n` });
      for (const before of [0, 1, 2, 3]) {
        const name = "refs/heads/";
        const filler = "x".repeat(at - before - name.length).replace(
          /.{100}/g,
          (part) => `${part.slice(1)}/`,
        );
        await lab.refused(token, `HEAD:${name}${filler}${mark}`);
      }
    });
  }

  await t.step("in the name of a ref that has characters of its own", async () => {
    const token = madeUpToken();
    await lab.fresh();
    const said = await lab.refused(token, `HEAD:refs/heads/a\u2028\u00a0${token}`);
    assertStringIncludes(said, "ref name");
  });
});
