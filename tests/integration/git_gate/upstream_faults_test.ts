/**
 * An upstream that is not there, not itself, or dies: whoever asks is refused in words that say which upstream and
 * why, within the time that a person waits, and gets nothing that may be old.
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { firstCommit, refused, startGatedRepo, writeHook } from "../../support/gated_repo.ts";
import { clone, type GateRepoOptions, refsOf, startGate } from "../../support/git_gate.ts";
import { descendants, freePort, makeKey, startSshUpstream } from "../../support/sshd.ts";

/** ConnectTimeout of 10 s, and the little around it. */
const PATIENCE = 12_000;

/** Clients that cannot reach anything through a gate. Gives what they read. */
async function allRefused(url: string, ...words: readonly string[]): Promise<string> {
  return await fetchRefused(url, ...words) + await pushRefused(url, ...words);
}

async function fetchRefused(url: string, ...words: readonly string[]): Promise<string> {
  await using work = await clone(undefined);
  const output = await timed(() => refused(work, ["fetch", url, "+refs/*:refs/served/*"], ...words));
  assertEquals(await work.ok("for-each-ref"), "", "something old was served");
  return output;
}

async function pushRefused(url: string, ...words: readonly string[]): Promise<string> {
  await using work = await clone(undefined);
  await work.commit("mine", { "a.txt": "a\n" });
  return await timed(() => refused(work, ["push", url, "HEAD:refs/heads/agent/x"], ...words));
}

async function timed<T>(work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const result = await work();
  const took = performance.now() - began;
  assertEquals(took < PATIENCE, true, `it took ${Math.round(took)} ms`);
  return result;
}

/** A gate before a good upstream of which it was told something wrong; `words` say what. */
async function misconfigured(
  repo: Omit<GateRepoOptions, "name">,
  ...words: readonly string[]
): Promise<void> {
  await using parts = await startGatedRepo(repo);
  await allRefused(parts.url, ...words);
  assertEquals(await refsOf(parts.bare), { "refs/heads/main": parts.base });
  assertEquals(await refsOf(parts.mirror), {});
  const faults = parts.gate.log().filter((entry) => entry.verdict === "fault");
  assertEquals(faults.map((entry) => [entry.event, entry.rule]), [["fetch", "upstream"], [
    "push",
    "upstream",
  ]]);
}

Deno.test("a host key other than the pinned one is refused, naming the key of the manifest", async () => {
  const folder = await Deno.makeTempDir({ prefix: "bottle-key-" });
  const other = await Deno.readTextFile(`${await makeKey(`${folder}/other`)}.pub`);
  await misconfigured(
    { hostKey: other.split(" ").slice(0, 2).join(" ") },
    "shows another host key than git-gate.repos.demo.host_key",
    "127.0.0.1:",
  );
  await Deno.remove(folder, { recursive: true });
});

Deno.test("without a host key nothing is asked, naming the key of the manifest", async () => {
  await misconfigured({ hostKey: null }, "git-gate.repos.demo.host_key is not set");
});

Deno.test("a login key that the upstream does not know is told as such", async () => {
  const folder = await Deno.makeTempDir({ prefix: "bottle-key-" });
  await misconfigured(
    { keyFile: await makeKey(`${folder}/other`) },
    "refuses the key of git-gate.repos.demo.identity",
    "127.0.0.1:",
  );
  await Deno.remove(folder, { recursive: true });
});

Deno.test("an upstream where nobody listens, and one without the repository, are told apart", async () => {
  await using upstream = await startSshUpstream();
  await using gate = await startGate({ upstream, repos: [{ name: "missing" }] });
  const missing = await allRefused(gate.url("missing"), `upstream 127.0.0.1:${upstream.port}`);
  assertMatch(missing, /does not appear to be a git repository|not found/);
  await upstream.stop();
  await allRefused(gate.url("missing"), `upstream 127.0.0.1:${upstream.port} cannot be reached`, "refused");
});

Deno.test("an upstream that accepts and says nothing is given up in time, for fetch and push", async () => {
  await using upstream = await startSshUpstream();
  // One never says what it is, the other says that and nothing more.
  const ports = [freePort(), freePort()] as const;
  const repos = ports.map((port, index) => ({
    name: `silent${index}`,
    url: upstream.url("demo").replace(`:${upstream.port}/`, `:${port}/`),
    port,
  }));
  await using gate = await startGate({ upstream, repos });
  for (const { name } of repos) await firstLook(gate.root, name);
  using _never = listenSilently(ports[0], "");
  using _banner = listenSilently(ports[1], "SSH-2.0-OpenSSH_9.2\r\n");
  await Promise.all(repos.flatMap(({ name, port }) => {
    const words = `upstream 127.0.0.1:${port} cannot be reached`;
    return [fetchRefused(gate.url(name), words), pushRefused(gate.url(name), words)];
  }));
});

Deno.test("sshd stopped under a shared connection: refused in time, and well again when it goes on", async () => {
  await using upstream = await startSshUpstream();
  const bare = await upstream.makeRepo("demo");
  await firstCommit(bare);
  // Two mirrors of it, each with a connection of its own: one is to be fetched from while the other is pushed to.
  const repos = ["fetched", "pushed"].map((name) => ({ name, url: upstream.url("demo") }));
  await using gate = await startGate({ upstream, repos });
  await using reader = await clone(gate.url("fetched"));
  await using writer = await clone(gate.url("pushed"));
  const mine = await writer.commit("mine", { "a.txt": "a\n" });
  const before = await refsOf(bare);
  const stopped = [upstream.pid, ...await descendants(upstream.pid)];
  assertEquals(stopped.length > repos.length, true, "no connection is shared");
  for (const pid of stopped) Deno.kill(pid, "SIGSTOP");
  try {
    const words = `upstream 127.0.0.1:${upstream.port} cannot be reached`;
    await Promise.all([
      timed(() => refused(reader, ["fetch", "origin"], words)),
      fetchRefused(gate.url("fetched"), words),
      // The look of the clone is fresh enough for a push: it meets the silence when it is written upstream.
      timed(() => refused(writer, ["push", "origin", "HEAD:refs/heads/agent/x"], words)),
    ]);
  } finally {
    for (const pid of stopped.toReversed()) Deno.kill(pid, "SIGCONT");
  }
  for (const { name } of repos) assertEquals(await refsOf(`${gate.root}/${name}.git`), before);
  await writer.ok("push", "origin", "HEAD:refs/heads/agent/x");
  await reader.ok("fetch", "origin");
  assertEquals(await reader.ok("rev-parse", "origin/agent/x"), mine);
});

Deno.test("sshd restarted between two fetches: the second is served over a new connection", async () => {
  await using parts = await startGatedRepo();
  await using work = await parts.clone();
  await using outsider = await parts.outsider();
  await parts.upstream.stop();
  const moved = await outsider.commit("meanwhile", { "b.txt": "b\n" });
  await outsider.ok("push", "origin", "HEAD:refs/heads/main");
  await parts.upstream.start();
  await work.ok("fetch", "origin");
  assertEquals(await work.ok("rev-parse", "origin/main"), moved);
  await parts.upstream.stop();
  await parts.upstream.start();
  await work.ok("push", "origin", "origin/main:refs/heads/agent/x");
  assertEquals((await parts.refs())["refs/heads/agent/x"], moved);
  assertEquals(parts.gate.log().filter((entry) => entry.verdict !== "accepted"), []);
});

Deno.test("an upstream that dies in the middle of a push leaves both sides as they were, and the client knows", async () => {
  await using parts = await startGatedRepo();
  await using work = await parts.clone();
  await work.commit("mine", { "a.txt": "a\n" });
  // Up from the hook: receive-pack, the login's shell, and the sshd processes of this connection, which have names
  // with a colon. The listening one is left.
  await writeHook(
    parts.bare,
    "pre-receive",
    `touch ${parts.bare}/reached
    pid=$$
    pids=
    while [ "$pid" -gt 1 ] && [ "$pid" != ${parts.upstream.pid} ]; do
      [ "$pid" = $$ ] || pids="$pids $pid"
      pid=$(ps -o ppid= -p "$pid" | tr -d ' ')
    done
    kill -9 $pids`,
  );
  const output = await timed(() => refused(work, ["push", "origin", "HEAD:refs/heads/agent/x"]));
  await Deno.lstat(`${parts.bare}/reached`);
  assertStringIncludes(output, `upstream 127.0.0.1:${parts.upstream.port}`);
  assertMatch(output, /\[remote rejected\] HEAD -> agent\/x/);
  assertEquals(await parts.refs(), { "refs/heads/main": parts.base });
  assertEquals(parts.gate.log().at(-1)?.verdict === "accepted", false);
  await Deno.remove(`${parts.bare}/hooks/pre-receive`);
  await work.ok("push", "origin", "HEAD:refs/heads/agent/x");
  assertEquals(Object.keys(await parts.refs()), ["refs/heads/agent/x", "refs/heads/main"]);
});

/** Waits for the look that a gate takes when it starts. */
async function firstLook(root: string, name: string): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (await Deno.lstat(`${root}/state/${name}.seen`).then(() => true, () => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("the gate never looked upstream");
}

/** Accepts connections, writes a greeting, and no more. */
function listenSilently(port: number, greeting: string): Disposable {
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  const held: Deno.Conn[] = [];
  void (async () => {
    for await (const connection of listener) {
      held.push(connection);
      await connection.write(new TextEncoder().encode(greeting));
    }
  })();
  return {
    [Symbol.dispose]: () => {
      listener.close();
      for (const connection of held) connection.close();
    },
  };
}
