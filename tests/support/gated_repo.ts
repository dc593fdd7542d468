/** One repository with a first commit on an sshd upstream, a gate before it, and both seen from all sides. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { type Clone, clone, type GateRepoOptions, refsOf, type RunningGate, startGate } from "./git_gate.ts";
import { type SshUpstream, startSshUpstream } from "./sshd.ts";

/** The parts. */
export interface GatedRepo extends AsyncDisposable {
  readonly upstream: SshUpstream;
  readonly gate: RunningGate;
  /** Bare repository of the upstream. */
  readonly bare: string;
  /** Bare mirror of the gate. */
  readonly mirror: string;
  /** What agents clone. */
  readonly url: string;
  /** First commit of `main`. */
  readonly base: string;
  /** A client of the gate. */
  clone(...args: readonly string[]): Promise<Clone>;
  /** Somebody who works on the upstream without the gate. */
  outsider(): Promise<Clone>;
  /** Refs that both sides have, the gate's own left out. @throws {AssertionError} they differ */
  refs(): Promise<Readonly<Record<string, string>>>;
  /** The gate's own refs in the mirror. */
  ownRefs(): Promise<Readonly<Record<string, string>>>;
}

/** Name of the repository, on both sides. */
const NAME = "demo";

/** Starts the parts. @param repo settings of the repository besides its name @param env environment of the gate */
export async function startGatedRepo(
  repo: Partial<GateRepoOptions> = {},
  env: Record<string, string> = {},
): Promise<GatedRepo> {
  await using stack = new AsyncDisposableStack();
  const upstream = stack.use(await startSshUpstream());
  const bare = await upstream.makeRepo(NAME);
  const base = await firstCommit(bare);
  const gate = stack.use(await startGate({ upstream, repos: [{ name: NAME, ...repo }], env }));
  const parts = stack.move();
  const mirror = `${gate.root}/${NAME}.git`;
  return {
    upstream,
    gate,
    bare,
    mirror,
    url: gate.url(NAME),
    base,
    clone: (...args) => clone(gate.url(NAME), args),
    outsider: () => clone(bare),
    refs: async () => {
      const { shared } = split(await refsOf(mirror));
      assertEquals(shared, await refsOf(bare));
      return shared;
    },
    ownRefs: async () => split(await refsOf(mirror)).own,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

/** Puts a commit on `main` of a bare repository. Gives it. */
export async function firstCommit(bare: string): Promise<string> {
  await using work = await clone(bare);
  const commit = await work.commit("base", { "README.md": "hello\n" });
  await work.ok("push", "--quiet", "origin", "HEAD:refs/heads/main");
  return commit;
}

function split(refs: Readonly<Record<string, string>>) {
  const entries = Object.entries(refs);
  const isOwn = ([ref]: [string, string]) => ref.startsWith("refs/bottle/");
  return {
    own: Object.fromEntries(entries.filter(isOwn)),
    shared: Object.fromEntries(entries.filter((entry) => !isOwn(entry))),
  };
}

/** A git command that must fail, with words in its output. Gives the output. */
export async function refused(
  work: Clone,
  args: readonly string[],
  ...words: readonly string[]
): Promise<string> {
  const { code, output } = await work.git(...args);
  assertEquals(code !== 0, true, `git ${args.join(" ")} was not refused: ${output}`);
  for (const word of words) assertStringIncludes(output, word);
  return output;
}

/** Writes a hook of a repository on disk. */
export async function writeHook(bare: string, name: string, script: string): Promise<void> {
  await Deno.mkdir(`${bare}/hooks`, { recursive: true });
  await Deno.writeTextFile(`${bare}/hooks/${name}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}
