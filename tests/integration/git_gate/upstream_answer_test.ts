/** An upstream that has taken a push and whose connection is cut: the client is told what is true, not what git's status says. */

import { assertEquals } from "@std/assert";
import { type GatedRepo, startGatedRepo, writeHook } from "../../support/gated_repo.ts";

/** Lines of shell for a hook: ends the sshd processes of this connection, and what else is named; the listener stays. */
function cut(parts: GatedRepo, also = ""): string {
  return `cat >/dev/null
    pid=$$
    pids=
    while [ "$pid" -gt 1 ] && [ "$pid" != ${parts.upstream.pid} ]; do
      case $(ps -o comm= -p "$pid") in sshd*) pids="$pids $pid";; esac
      pid=$(ps -o ppid= -p "$pid" | tr -d ' ')
    done
    touch ${parts.bare}/reached
    kill -9 $pids ${also}`;
}

/** The hook that cuts, and its lines. */
const CUTS: Readonly<Record<string, (parts: GatedRepo) => readonly [string, string]>> = {
  // Only a second attempt can know: it finds the refs where they should be.
  "before it has answered": (parts) => [
    "reference-transaction",
    `[ "$1" = committed ] || exit 0\n${cut(parts, "$PPID")}`,
  ],
  // git has the answer for each ref, and ends with a failure all the same.
  "after it has answered": (parts) => ["post-receive", cut(parts)],
};

for (const [when, hook] of Object.entries(CUTS)) {
  Deno.test(`a connection that is cut ${when} for a push that it took: the push is done, on both sides`, async () => {
    await using parts = await startGatedRepo();
    await using work = await parts.clone();
    await writeHook(parts.bare, ...hook(parts));
    const commit = await work.commit("mine", { "a.txt": "a\n" });
    const { code, output } = await work.git(
      "push",
      "origin",
      "HEAD:refs/heads/main",
      "HEAD:refs/heads/agent/x",
    );
    await Deno.lstat(`${parts.bare}/reached`);
    assertEquals(code, 0, output);
    assertEquals(await parts.refs(), { "refs/heads/agent/x": commit, "refs/heads/main": commit });
    assertEquals(parts.gate.log().map((entry) => entry.verdict), ["accepted"]);
  });
}
