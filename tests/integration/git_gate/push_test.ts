/** Clone, fetch and push through the gate, with a real sshd behind it. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { clone, madeUpToken, refsOf, startGate } from "../../support/git_gate.ts";
import { startSshUpstream } from "../../support/sshd.ts";

for (const transport of ["git", "http"] as const) {
  Deno.test(`${transport}: a first push fills an empty upstream, and a clone of it has it`, async () => {
    await using upstream = await startSshUpstream();
    const bare = await upstream.makeRepo("demo");
    await using gate = await startGate({ upstream, transport, repos: [{ name: "demo" }] });
    await using work = await clone(gate.url("demo"));
    const commit = await work.commit("first", { "README.md": "hello\n" });
    await work.ok("push", "origin", "HEAD:refs/heads/main");
    assertEquals(await refsOf(bare), { "refs/heads/main": commit });
    assertEquals(await refsOf(`${gate.root}/demo.git`), { "refs/heads/main": commit });
    await using second = await clone(gate.url("demo"));
    assertEquals(await second.ok("rev-parse", "HEAD"), commit);
  });

  Deno.test(`${transport}: a push with a secret is refused with rule, file, commit and line, and nothing of it stays`, async () => {
    await using upstream = await startSshUpstream();
    const bare = await upstream.makeRepo("demo");
    await using gate = await startGate({ upstream, transport, repos: [{ name: "demo" }] });
    await using work = await clone(gate.url("demo"));
    const base = await work.commit("first", { "README.md": "hello\n" });
    await work.ok("push", "origin", "HEAD:refs/heads/main");
    const token = madeUpToken();
    const bad = await work.commit("second", { "src/config.ts": `one\ntwo\nconst token = "${token}";\n` });
    await work.commit("third", { "src/config.ts": "one\ntwo\n" });
    const began = performance.now();
    const { code, output } = await work.git("push", "origin", "HEAD:refs/heads/main");
    assertEquals(code, 1, output);
    const took = performance.now() - began;
    assertMatch(output, /^remote: git-gate: gitleaks found a secret/m);
    assertStringIncludes(output, `github-pat: file src/config.ts, line 3, commit ${bad.slice(0, 12)}`);
    assertEquals(output.includes(token), false);
    assertEquals(await refsOf(bare), { "refs/heads/main": base });
    assertEquals(await refsOf(`${gate.root}/demo.git`), { "refs/heads/main": base });
    assertEquals(took < 5000, true, `${took} ms`);
    const entry = gate.log().find((entry) => entry.rule === "secret");
    assertEquals(entry?.verdict, "refused");
    assertEquals(JSON.stringify(entry).includes(token), false);
  });
}
