/** What a run measures with: an upstream, the gates as bundled for the image, and clients of each. */

import { fromFileUrl } from "@std/path";
import { clientGit, type RunningGate, startGate, type Transport } from "../../support/git_gate.ts";
import { runOrThrow, type SshUpstream, startSshUpstream } from "../../support/sshd.ts";
import { writeHistory } from "./history.ts";
import type { Options } from "./options.ts";

/** How a client reaches the upstream. */
export type Side = "direct" | Transport;

/** Repositories of the upstream: pushes go to another one, so that what is cloned stays what it was. */
export const REPOS = ["fetched", "pushed"] as const;

/** Name of a repository. */
export type Repo = typeof REPOS[number];

/** One way to the upstream, with a working copy of each repository. */
export interface Client {
  readonly side: Side;
  /** Absent: it goes there directly. */
  readonly gate?: RunningGate;
  /** Folder of the working copy. */
  folder(repo: Repo): string;
  url(repo: Repo): string;
  /** Runs git to its end. Gives the milliseconds that it took. @throws {Error} it fails */
  timed(folder: string, args: readonly string[]): Promise<number>;
}

/** Everything of a run. */
export interface World extends AsyncDisposable {
  /** A folder for what a measurement makes. */
  readonly temp: string;
  readonly clients: readonly Client[];
  /** Milliseconds that a gate took from its start until its mirrors were like the upstream. */
  readonly mirrored: Readonly<Partial<Record<Transport, number>>>;
  /** Folder of a repository on the upstream. */
  bare(repo: Repo): string;
}

const ROOT = fromFileUrl(new URL("../../../", import.meta.url));

/** A bottle's hooks start without a cache, whose folder cannot be made there either. */
const GATE_ENV = { DENO_DIR: "/proc/nonexistent", DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" };

/** Bundles, makes the repository, starts everything, clones. */
export async function makeWorld(options: Options, say: (line: string) => void): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const temp = await Deno.makeTempDir({ prefix: "bottle-bench-git-" });
  stack.defer(() => Deno.remove(temp, { recursive: true }));
  await bundle(`${temp}/app`);
  const upstream = stack.use(await startSshUpstream());
  say(`a repository of ${options.commits} commits`);
  await makeRepos(upstream, options.commits);
  const clients = [clientOf("direct", temp, upstream, undefined)];
  const mirrored: Partial<Record<Transport, number>> = {};
  for (const transport of options.transports) {
    say(`the gate, ${transport}`);
    const began = performance.now();
    const gate = stack.use(await startGate(gateOptions(upstream, transport, `${temp}/app`)));
    await Promise.all(REPOS.map((repo) => untilSeen(gate, repo)));
    mirrored[transport] = performance.now() - began;
    clients.push(clientOf(transport, temp, upstream, gate));
  }
  for (const client of clients) {
    for (const repo of REPOS) {
      await client.timed(temp, ["clone", "--quiet", client.url(repo), client.folder(repo)]);
    }
  }
  const held = stack.move();
  return {
    temp,
    clients,
    mirrored,
    bare: (repo) => `${upstream.root}/${repo}.git`,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** As `images/Dockerfile.bundle` does it. */
async function bundle(out: string): Promise<void> {
  const programs = [`${ROOT}sidecars/init.ts`];
  for await (const { name, isDirectory } of Deno.readDir(`${ROOT}sidecars`)) {
    if (!isDirectory) continue;
    for await (const file of Deno.readDir(`${ROOT}sidecars/${name}`)) {
      if (!/^main\.ts$|_hook\.ts$/.test(file.name)) continue;
      programs.push(`${ROOT}sidecars/${name}/${file.name}`);
    }
  }
  const flags = ["--quiet", "--frozen", "--platform", "deno", "--code-splitting", "--outdir", out];
  await runOrThrow(Deno.execPath(), ["bundle", ...flags, ...programs.sort()], { cwd: ROOT });
}

async function makeRepos(upstream: SshUpstream, commits: number): Promise<void> {
  const first = await upstream.makeRepo(REPOS[0]);
  await writeHistory(first, { ref: "refs/heads/main", commits, seed: 1 });
  await runOrThrow("git", ["-C", first, "config", "gc.auto", "0"]);
  await runOrThrow("git", ["-C", first, "repack", "-adq"]);
  for (const repo of REPOS.slice(1)) await runOrThrow("cp", ["-r", first, `${upstream.root}/${repo}.git`]);
}

function gateOptions(upstream: SshUpstream, transport: Transport, app: string) {
  return {
    upstream,
    repos: REPOS.map((name) => ({ name })),
    transport,
    program: `${app}/${transport === "git" ? "git_gate" : "git_http"}/main.js`,
    env: GATE_ENV,
  };
}

function clientOf(side: Side, temp: string, upstream: SshUpstream, gate: RunningGate | undefined): Client {
  const env = { GIT_SSH_COMMAND: upstream.sshCommand };
  return {
    side,
    ...(gate !== undefined && { gate }),
    folder: (repo) => `${temp}/${side}-${repo}`,
    url: (repo) => (gate ?? upstream).url(repo),
    timed: async (folder, args) => {
      const began = performance.now();
      // Housekeeping would fall into whatever is measured then.
      const { code, output } = await clientGit(folder, ["-c", "gc.auto=0", ...args], env);
      if (code !== 0) throw new Error(`${side}: git ${args.join(" ")}: ${output}`);
      return performance.now() - began;
    },
  };
}

/** Waits until a gate has what its upstream has. */
async function untilSeen(gate: RunningGate, repo: Repo): Promise<void> {
  for (let tries = 0; tries < 3000; tries++) {
    if (await Deno.lstat(seenFile(gate, repo)).catch(() => undefined) !== undefined) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`the gate does not get its mirror: ${gate.output()}`);
}

/** Where a gate notes when it last looked upstream. */
function seenFile(gate: RunningGate, repo: Repo): string {
  return `${gate.root}/state/${repo}.seen`;
}

/** Makes a gate's last look upstream older than any that is still good for a push. */
export async function ageLook(gate: RunningGate, repo: Repo): Promise<void> {
  await Deno.writeTextFile(seenFile(gate, repo), JSON.stringify({ began: 0, ended: 1 }));
}

/** Ends a gate's shared connection, if there is one. */
export async function cool(gate: RunningGate, repo: Repo): Promise<void> {
  if (await master(gate, repo, "check")) await master(gate, repo, "exit");
}

/** Has a gate look upstream, over a shared connection that is there afterwards. */
export async function warm({ gate, timed, url }: Client, temp: string, repo: Repo): Promise<void> {
  if (gate === undefined) return;
  await timed(temp, ["ls-remote", "--quiet", url(repo)]);
  if (!await master(gate, repo, "check")) throw new Error("the gate shares no connection");
}

async function master(gate: RunningGate, repo: Repo, command: "check" | "exit"): Promise<boolean> {
  const socket = `${gate.root}/state/ssh-${REPOS.indexOf(repo)}`;
  const args = ["-F", "none", "-o", `ControlPath=${socket}`, "-O", command, "upstream"];
  const { success } = await new Deno.Command("ssh", { args, stdin: "null" }).output();
  return success;
}
