/** The git gate as a program of its own, with real sshd upstreams, and a client whose git is nobody's else. */

import { gateConfigPath, gateFolders, keyPath, knownHostsPath } from "../../lib/git_gate/files.ts";
import { knownHostsLine } from "../../lib/git_gate/ssh_keys.ts";
import { type GateRepo, renderGateConfig } from "../../lib/git_gate/wire.ts";
import { freePort, runOrThrow, type SshUpstream } from "./sshd.ts";

/** One repository of a gate. */
export interface GateRepoOptions extends Partial<Pick<GateRepo, "push" | "force" | "url" | "host" | "port">> {
  readonly name: string;
  /** Private key file. @default the upstream's */
  readonly keyFile?: string;
  /** Pinned host key; null: none. @default the upstream's */
  readonly hostKey?: string | null;
}

/** How clients reach a gate. */
export type Transport = "git" | "http";

/** What a gate is started with. */
export interface GateOptions {
  readonly upstream: SshUpstream;
  readonly repos: readonly GateRepoOptions[];
  readonly maxPushBytes?: number;
  /** @default git */
  readonly transport?: Transport;
  /** Program instead of the sources' `main.ts`. */
  readonly program?: string;
  /** Environment over the test's. */
  readonly env?: Record<string, string>;
}

/** A running gate. */
export interface RunningGate extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  /** Folder with `gate.json`. */
  readonly config: string;
  /** Folder of the mirrors. */
  readonly root: string;
  /** URL of a repository, by either transport. */
  url(name: string): string;
  /** Entries of its log so far. */
  log(): readonly Record<string, unknown>[];
  /** All that it wrote, both streams. */
  output(): string;
  stop(): Promise<void>;
  /** Starts it again on the same port, configuration and mirrors. */
  start(): Promise<void>;
}

const MAIN: Readonly<Record<Transport, string>> = {
  git: new URL("../../sidecars/git_gate/main.ts", import.meta.url).pathname,
  http: new URL("../../sidecars/git_http/main.ts", import.meta.url).pathname,
};

/** Writes what the host would have put into the gate's folder. */
export async function writeGateFolder(folder: string, options: GateOptions): Promise<void> {
  for (const path of gateFolders(folder)) await Deno.mkdir(path, { recursive: true });
  const { upstream } = options;
  const repos: GateRepo[] = [];
  for (const { name, keyFile, hostKey, ...rest } of options.repos) {
    const repo = {
      name,
      url: upstream.url(name),
      host: "127.0.0.1",
      port: upstream.port,
      force: true,
      ...rest,
    };
    repos.push(repo);
    await Deno.writeTextFile(keyPath(folder, name), await Deno.readTextFile(keyFile ?? upstream.keyFile), {
      mode: 0o600,
    });
    if (hostKey === null) continue;
    const line = knownHostsLine(repo.host, repo.port, hostKey ?? upstream.hostKey);
    await Deno.writeTextFile(knownHostsPath(folder, name), line);
  }
  const config = renderGateConfig({ maxPushBytes: options.maxPushBytes ?? 2 ** 31, repos });
  await Deno.writeTextFile(gateConfigPath(folder), config);
}

/** Starts a gate. */
export async function startGate(options: GateOptions): Promise<RunningGate> {
  const folder = await Deno.makeTempDir({ prefix: "bottle-gate-" });
  const [config, root] = [`${folder}/config`, `${folder}/git`];
  await writeGateFolder(config, options);
  const port = freePort();
  const args = ["--config", config, "--root", root, "--listen", `127.0.0.1:${port}`];
  const transport = options.transport ?? "git";
  const program = options.program ?? MAIN[transport];
  const command = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-read",
      `--allow-write=${root}`,
      "--allow-run=git",
      ...transport === "http" ? [`--allow-net=127.0.0.1:${port}`] : [],
      program,
      ...args,
    ],
    env: options.env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  let text = "";
  const read = async (stream: ReadableStream<Uint8Array>) => {
    for await (const part of stream.pipeThrough(new TextDecoderStream())) text += part;
  };
  let child: Deno.ChildProcess;
  let reading: Promise<unknown>;
  const start = async () => {
    child = command.spawn();
    reading = Promise.all([read(child.stdout), read(child.stderr)]);
    await untilAccepts(port, () => text);
  };
  const stop = async () => {
    try {
      child.kill("SIGTERM");
    } catch {
      // It has ended.
    }
    await child.status;
    await reading;
  };
  await start();
  return {
    port,
    get pid() {
      return child.pid;
    },
    config,
    root,
    url: (name) => `${transport}://127.0.0.1:${port}/${name}.git`,
    log: () => text.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line)),
    output: () => text,
    stop,
    start,
    [Symbol.asyncDispose]: async () => {
      await stop();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function untilAccepts(port: number, output: () => string): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  throw new Error(`the gate does not listen: ${output()}`);
}

/** How a client's git command ended. */
export interface GitEnded {
  readonly code: number;
  /** Both streams. */
  readonly output: string;
}

/** A client's working copy. */
export interface Clone extends AsyncDisposable {
  readonly folder: string;
  /** Runs git in it; a failure is a status. */
  git(...args: readonly string[]): Promise<GitEnded>;
  /** Runs git in it. @throws {Error} it fails */
  ok(...args: readonly string[]): Promise<string>;
  /** Writes files and commits them. Gives the commit. */
  commit(message: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<string>;
}

const CLIENT_ENV = {
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_TERMINAL_PROMPT: "0",
  GIT_AUTHOR_NAME: "Agent",
  GIT_AUTHOR_EMAIL: "agent@lab.example",
  GIT_COMMITTER_NAME: "Agent",
  GIT_COMMITTER_EMAIL: "agent@lab.example",
  LC_ALL: "C",
  // Housekeeping that goes on behind a command would write into a folder that is being removed.
  GIT_CONFIG_COUNT: "1",
  GIT_CONFIG_KEY_0: "maintenance.auto",
  GIT_CONFIG_VALUE_0: "false",
};

/** The client's git: another version than the gate's where the environment names one. */
export const CLIENT_GIT: string = Deno.env.get("BOT_BOTTLE_TEST_GIT") ?? "git";

/** Runs git as a client, anywhere. @param git program, for other versions */
export async function clientGit(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  git = CLIENT_GIT,
): Promise<GitEnded> {
  const { code, stdout, stderr } = await new Deno.Command(git, {
    args: ["-C", folder, ...args],
    env: { ...CLIENT_ENV, ...env },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stderr) + decoder.decode(stdout) };
}

/** Clones a URL into a folder of its own, or with `url` undefined makes an empty repository. */
export async function clone(
  url: string | undefined,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
  git = CLIENT_GIT,
): Promise<Clone> {
  const folder = await Deno.makeTempDir({ prefix: "bottle-clone-" });
  const made = url === undefined
    ? await clientGit(folder, ["init", "--quiet", "--initial-branch=main", ...args], env, git)
    : await clientGit(folder, ["clone", "--quiet", ...args, url, "."], env, git);
  if (made.code !== 0) {
    await Deno.remove(folder, { recursive: true });
    throw new Error(`git clone: ${made.output}`);
  }
  const run = (...args: readonly string[]) => clientGit(folder, args, env, git);
  const ok = async (...args: readonly string[]) => {
    const { code, output } = await run(...args);
    if (code !== 0) throw new Error(`git ${args.join(" ")}: ${output}`);
    return output.trim();
  };
  return {
    folder,
    git: run,
    ok,
    commit: async (message, files) => {
      for (const [path, content] of Object.entries(files)) {
        await Deno.mkdir(`${folder}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
        if (typeof content === "string") await Deno.writeTextFile(`${folder}/${path}`, content);
        else await Deno.writeFile(`${folder}/${path}`, content);
      }
      await ok("add", "--all", "--force");
      await ok("commit", "--quiet", "--allow-empty", "--allow-empty-message", "-m", message);
      return await ok("rev-parse", "HEAD");
    },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** Refs of a repository on disk, by name. */
export async function refsOf(folder: string): Promise<Readonly<Record<string, string>>> {
  const text = await runOrThrow("git", ["-C", folder, "for-each-ref", "--format=%(refname) %(objectname)"]);
  return Object.fromEntries(text.split("\n").filter((line) => line !== "").map((line) => line.split(" ")));
}

/** A token that gitleaks knows, put together at run time so that no scanner takes this file for a leak. */
export function madeUpToken(): string {
  const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  const random = crypto.getRandomValues(new Uint8Array(36));
  return ["ghp", [...random].map((byte) => letters[byte % letters.length]).join("")].join("_");
}
