/** The scan of a push against whoever wants to get a token past it, through real pushes; and what must pass. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { clone, madeUpToken, refsOf, startGate } from "../../support/git_gate.ts";
import { PLACES, type ScanCase } from "../../support/scan_cases.ts";
import { HARMLESS, TRICKS } from "../../support/scan_tricks.ts";
import { startSshUpstream } from "../../support/sshd.ts";

async function tryAll(t: Deno.TestContext, cases: readonly ScanCase[]): Promise<void> {
  await using upstream = await startSshUpstream();
  const bare = await upstream.makeRepo("demo");
  await using gate = await startGate({ upstream, repos: [{ name: "demo" }] });
  await using seed = await clone(undefined);
  await seed.commit("first", { "README.md": "hello\n" });
  await seed.ok("push", "-q", bare, "HEAD:refs/heads/main");
  for (const [at, { title, make, says }] of cases.entries()) {
    await t.step(title, async () => {
      const token = madeUpToken();
      await using work = await clone(gate.url("demo"));
      const refspecs = await make(work, token) ?? [`HEAD:refs/heads/case-${at}`];
      const before = await refsOf(bare);
      const { code, output } = await work.git("push", "origin", ...refspecs);
      if (says === undefined) return assertEquals(code, 0, output);
      assertMatch(output, says);
      // The name of a branch is the client's own to print; the gate's lines must not.
      const remote = output.split("\n").filter((line) => line.startsWith("remote:")).join("\n");
      assert(!remote.includes(token), remote);
      assertEquals(await refsOf(bare), before);
      assertEquals(await refsOf(`${gate.root}/demo.git`), before);
    });
  }
}

Deno.test("a token is found wherever it is", (t) => tryAll(t, PLACES));

Deno.test("no trick leads the scan past a token", (t) => tryAll(t, TRICKS));

Deno.test("what is no secret passes", (t) => tryAll(t, HARMLESS));

Deno.test("old findings", async (t) => {
  await using upstream = await startSshUpstream();
  const bare = await upstream.makeRepo("demo");
  await using gate = await startGate({ upstream, repos: [{ name: "demo" }] });
  await using seed = await clone(undefined);
  const old = `token = "${madeUpToken()}"\n`;
  await seed.commit("first", { "old.ini": old, "README.md": "hello\n" });
  await seed.ok("push", "-q", bare, "HEAD:refs/heads/main");
  await using work = await clone(gate.url("demo"));

  await t.step("a new branch on them passes", async () => {
    await work.ok("checkout", "-q", "-b", "work");
    await work.commit("work", { "work.txt": "work\n" });
    await work.ok("push", "-q", "origin", "work");
  });

  await t.step("a merge that brings more of the upstream's passes, also with a conflict", async () => {
    await seed.commit("more", { "more.ini": `token = "${madeUpToken()}"\n`, "README.md": "theirs\n" });
    await seed.ok("push", "-q", bare, "HEAD:refs/heads/main");
    await work.commit("ours", { "README.md": "ours\n" });
    await work.ok("fetch", "-q", "origin");
    await work.git("merge", "-q", "origin/main");
    await work.commit("merge", { "README.md": "both\n" });
    await work.ok("push", "-q", "origin", "work");
  });

  await t.step("a new finding beside them is refused, and it alone is named", async () => {
    await work.commit("bad", { "new.ini": `token = "${madeUpToken()}"\n` });
    const { code, output } = await work.git("push", "origin", "work");
    assertEquals(code, 1);
    assertMatch(output, /file new\.ini/);
    assert(!/old\.ini|more\.ini/.test(output), output);
  });

  await t.step("a clean branch beside a bad one is refused with it; alone it passes", async () => {
    await work.ok("branch", "clean", "HEAD~1");
    const { code } = await work.git("push", "origin", "clean", "work");
    assertEquals(code, 1);
    assertEquals(Object.keys(await refsOf(bare)).includes("refs/heads/clean"), false);
    await work.ok("push", "-q", "origin", "clean");
  });

  await t.step("many refs at once: up to a bound", async () => {
    const tree = await work.ok("rev-parse", "HEAD~1^{tree}");
    const lines: string[] = [];
    for (let at = 0; at < 1001; at++) {
      lines.push(
        `commit refs/heads/many/${at}\ncommitter A <a@b.c> ${1700000000 + at} +0000\ndata 1\n${at % 10}\n`,
      );
      lines.push(`from refs/heads/clean^0\n`);
    }
    const stream = `${work.folder}/.git/stream`;
    await Deno.writeTextFile(stream, lines.join("") + "done\n");
    const made = await new Deno.Command("sh", {
      args: ["-c", `git -C '${work.folder}' fast-import --quiet --done < '${stream}'`],
    }).output();
    assert(made.success && tree !== "");
    const { code, output } = await work.git("push", "origin", "refs/heads/many/*");
    assertEquals(code, 1);
    assertMatch(output, /more than 1000 refs at once/);
    await work.ok("push", "-q", "origin", "refs/heads/many/1*");
  });
});

Deno.test("a gitleaks that fails is told apart from a finding", async (t) => {
  const fakes: readonly [string, string | undefined, RegExp][] = [
    [
      "that fails",
      "echo 'FTL no such rule' >&2; exit 1",
      /scan for secrets failed.*status 1: FTL no such rule/,
    ],
    ["that is killed", "kill -9 $$", /scan for secrets failed.*SIGKILL/],
    ["that finds and does not say what", "cat > /dev/null; echo '[]'; exit 7", /names none/],
    [
      "that leaves something out",
      "cat > /dev/null; echo 'ERR could not read' >&2; echo '[]'",
      /ERR could not read/,
    ],
    ["that says yes without reading", "exit 0", /scan for secrets failed|gitleaks stopped reading/],
  ];
  for (const [title, script, says] of fakes) {
    await t.step(`one ${title}`, async () => {
      await using upstream = await startSshUpstream();
      await upstream.makeRepo("demo");
      const folder = await Deno.makeTempDir({ prefix: "bottle-fake-" });
      // A failing gitleaks cannot be had from the real one at will.
      const text = `#!/bin/sh\n# A fake: gitleaks ${title}.\n${script}\n`;
      await Deno.writeTextFile(`${folder}/gitleaks`, text, { mode: 0o755 });
      try {
        await using gate = await startGate({
          upstream,
          repos: [{ name: "demo" }],
          env: { PATH: `${folder}:${Deno.env.get("PATH")}` },
        });
        await using work = await clone(gate.url("demo"));
        await work.commit("a", { "a.txt": "a\n".repeat(500_000) });
        const { code, output } = await work.git("push", "origin", "HEAD:refs/heads/main");
        assertEquals(code, 1, output);
        assertMatch(output, says);
        assert(!output.includes("found a secret"));
        assertEquals(gate.log().at(-1)?.verdict, "fault");
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    });
  }
});
