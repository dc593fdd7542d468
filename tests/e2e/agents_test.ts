/** The real agents through the compiled executable: they answer, and the credential that answers for them is not theirs. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { bottle, startBottle } from "../support/bottle_command.ts";
import { inAgent, onlyIdentity, processesOf, question, WAITING_CLAUDE } from "../support/inside.ts";
import { type Lab, startLab } from "../support/lab.ts";
import { NO_TRACES, tracesOf } from "../support/traces.ts";

const ANSWER = "The stand-in says: forty-two, and then some more words to stream.";

Deno.test("real agents in real bottles", async (t) => {
  await using lab = await startLab({ answer: ANSWER });

  await t.step("Claude Code answers, with the operator's token", async () => {
    const { status, stdout, stderr } = await bottle(lab, ["start", "claude", "--yes", "--", "-p", "hello"]);
    assertEquals([status, stdout.trim()], [0, ANSWER], stderr);
    const asked = (await lab.requests()).filter(({ path }) => path.startsWith("/v1/messages"));
    assert(asked.length > 0, "the service was not asked");
    for (const { method, host, authorization, apiKey } of asked) {
      assertEquals({ method, host, authorization, apiKey }, {
        method: "POST",
        host: "api.anthropic.com",
        authorization: `Bearer ${lab.token}`,
        apiKey: null,
      });
    }
    assertEquals(await tracesOf(lab), NO_TRACES);
  });

  await t.step("Codex answers, with the operator's access token", async () => {
    const args = ["start", "codex", "--yes", "--", "exec", "--skip-git-repo-check", "hello"];
    const { status, stdout, stderr } = await bottle(lab, args);
    assertEquals([status, stdout.trim()], [0, ANSWER], stderr);
    const asked = (await lab.requests()).filter(({ method, path }) =>
      method === "POST" && path === "/backend-api/codex/responses"
    );
    assert(asked.length > 0, "the service was not asked");
    for (const { host, authorization, contentEncoding } of asked) {
      // It compresses its requests by itself: they pass as they are.
      const expected = ["chatgpt.com", `Bearer ${lab.codexToken}`, "zstd"];
      assertEquals([host, authorization, contentEncoding], expected);
    }
    assertEquals(await tracesOf(lab), NO_TRACES);
  });

  await t.step("every request to a model's host carried a real token, none a placeholder", async () => {
    const known = [`Bearer ${lab.token}`, `Bearer ${lab.codexToken}`];
    const strange = (await lab.requests()).filter(({ authorization }) =>
      authorization === null || !known.includes(authorization)
    );
    assertEquals(strange, []);
  });

  await t.step("codex login status accepts the dummy login", async () => {
    const { status, stderr } = await bottle(lab, ["start", "codex", "--yes", "--", "login", "status"]);
    assertEquals(status, 0, stderr);
    assertStringIncludes(stderr, "Logged in using ChatGPT");
  });

  await t.step("the agent's own status is bottle's", async () => {
    const refused = await bottle(lab, ["start", "claude", "--yes", "--", "--no-such-flag"]);
    assertEquals(refused.status, 1, refused.stderr);
    assertStringIncludes(refused.stderr, "unknown option '--no-such-flag'");
    assert(!refused.stderr.includes("bottle: error:"), refused.stderr);
    const usage = await bottle(lab, ["start", "codex", "--yes", "--", "--no-such-flag"]);
    assertEquals(usage.status, 2, usage.stderr);
    assertEquals(await tracesOf(lab), NO_TRACES);
  });

  await t.step("input is piped to the agent up to its end", async () => {
    await using command = await startBottle(lab, ["start", "claude", "--yes", "--", "-p"]);
    await command.write("a question ");
    await command.write("in two pieces\n");
    await command.closeInput();
    const { status, stdout, stderr } = await command.ended;
    assertEquals([status, stdout.trim()], [0, ANSWER], stderr);
  });

  await t.step(
    "a running bottle is as planned, is listed, and takes its files with it",
    () => lookInside(lab),
  );

  await t.step("--cwd gives the agent a copy of the folder", () => workspace(lab));
});

async function lookInside(lab: Lab): Promise<void> {
  await using command = await startBottle(lab, ["start", "claude", "--yes", "--", ...WAITING_CLAUDE]);
  await command.write(question("hello"));
  await command.prints(ANSWER);
  const identity = await onlyIdentity(lab);

  const processes = await processesOf(lab, identity);
  const argv = ["claude", "--dangerously-skip-permissions"];
  assertStringIncludes(processes, `${argv.join("\0")}\0`);
  assertStringIncludes(
    processes,
    ["--append-system-prompt-file", "/home/node/.bot-bottle-prompt.txt"].join("\0"),
  );
  assertEquals(await inAgent(lab, identity, "cat ~node/.bot-bottle-prompt.txt"), "You answer in one line.");
  assertStringIncludes(processes, "CLAUDE_CODE_OAUTH_TOKEN=egress-placeholder");
  assertStringIncludes(processes, "LAB_NOTE=from the manifest");
  assertStringIncludes(await inAgent(lab, identity, "cat ~node/.gitconfig"), "agent@lab.example");

  const listed = await bottle(lab, ["list", "--json"]);
  const rows = JSON.parse(listed.stdout) as Record<string, unknown>[];
  assertEquals(rows.map(({ identity, orphan }) => [identity, orphan]), [[identity, false]]);
  const kept = await bottle(lab, ["cleanup", "--yes"]);
  assertStringIncludes(kept.stderr, "nothing to clean up");

  await command.closeInput();
  assertEquals((await command.ended).status, 0, command.stderr());
  assertEquals(await tracesOf(lab), NO_TRACES);
}

async function workspace(lab: Lab): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "bottle-workspace-" });
  try {
    await fill(folder);
    const args = ["start", "claude", "--cwd", "--yes", "--", ...WAITING_CLAUDE];
    await using command = await startBottle(lab, args, { cwd: folder });
    await command.write(question("hello"));
    await command.prints(ANSWER);
    const identity = await onlyIdentity(lab);
    const script = [
      "cd ~node/workspace && stat -c '%n %a %U %F' .env run.sh link outside sub/deep.txt",
      "readlink link outside; ./run.sh; cat .env sub/deep.txt; git log --format=%s; git status --porcelain",
      "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline | grep -q '^claude ' && readlink $p/cwd; done",
    ].join("; ");
    assertEquals((await inAgent(lab, identity, script)).trim().split("\n"), [
      ".env 600 node regular file",
      "run.sh 755 node regular file",
      "link 777 node symbolic link",
      "outside 777 node symbolic link",
      "sub/deep.txt 644 node regular file",
      "run.sh",
      "/etc/hostname",
      "it ran",
      "A=1",
      "deep",
      "first",
      "/home/node/workspace",
    ]);
    await inAgent(lab, identity, "echo changed > ~node/workspace/.env");
    await command.closeInput();
    assertEquals((await command.ended).status, 0, command.stderr());
    assertEquals(await Deno.readTextFile(`${folder}/.env`), "A=1\n");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A git repository with all that a copy could get wrong. */
async function fill(folder: string): Promise<void> {
  await Deno.writeTextFile(`${folder}/.env`, "A=1\n", { mode: 0o600 });
  await Deno.writeTextFile(`${folder}/run.sh`, "#!/bin/sh\necho it ran\n");
  await Deno.chmod(`${folder}/run.sh`, 0o755);
  await Deno.symlink("run.sh", `${folder}/link`);
  await Deno.symlink("/etc/hostname", `${folder}/outside`);
  await Deno.mkdir(`${folder}/sub`);
  await Deno.writeTextFile(`${folder}/sub/deep.txt`, "deep\n");
  await Deno.chmod(`${folder}/sub/deep.txt`, 0o644);
  const git = async (...args: string[]): Promise<void> => {
    const identity = ["-c", "user.name=Test", "-c", "user.email=test@lab.example"];
    const { success, stderr } = await new Deno.Command("git", { args: ["-C", folder, ...identity, ...args] })
      .output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  };
  await git("init", "--quiet");
  await git("add", "--all");
  await git("commit", "--quiet", "--message", "first");
}
