/** A real OpenSSH server on the loopback with bare repositories, as an upstream of the git gate. */

/** A running server. */
export interface SshUpstream extends AsyncDisposable {
  readonly port: number;
  /** Folder of its repositories. */
  readonly root: string;
  /** Public host key, `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
  /** Private key that it lets in. */
  readonly keyFile: string;
  /** Pid of the listening process. */
  readonly pid: number;
  /** `ssh://user@127.0.0.1:port/…` of a repository. */
  url(name: string): string;
  /** Makes an empty bare repository. Gives its folder. */
  makeRepo(name: string): Promise<string>;
  /** `GIT_SSH_COMMAND` that goes there directly. */
  readonly sshCommand: string;
  /** Ends it, with the connections that it serves. */
  stop(): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
}

/** Where Debian and most others have it. It insists on being started by its whole path. */
const SSHD = "/usr/sbin/sshd";

/** Runs a program to its end. @throws {Error} it fails */
export async function runOrThrow(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Record<string, string> } = {},
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args: [...args], ...options })
    .output();
  const decoder = new TextDecoder();
  if (!success) {
    throw new Error(`${command} ${args.join(" ")}: ${decoder.decode(stderr)}${decoder.decode(stdout)}`);
  }
  return decoder.decode(stdout);
}

/** Makes a key pair without a passphrase. Gives the path of the private one. */
export async function makeKey(path: string): Promise<string> {
  await runOrThrow("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "bottle test", "-f", path]);
  return path;
}

/** A port of the loopback that nobody listens on at the moment. */
export function freePort(hostname = "127.0.0.1"): number {
  using listener = Deno.listen({ hostname, port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

/** Starts a server. @param hostname address that it listens on */
export async function startSshUpstream(hostname = "127.0.0.1"): Promise<SshUpstream> {
  const folder = await Deno.makeTempDir({ prefix: "bottle-sshd-" });
  const root = `${folder}/repos`;
  await Deno.mkdir(root);
  const [hostKeyFile, keyFile] = await Promise.all([makeKey(`${folder}/host`), makeKey(`${folder}/key`)]);
  const hostKey = (await Deno.readTextFile(`${hostKeyFile}.pub`)).split(" ").slice(0, 2).join(" ");
  const port = freePort(hostname);
  const user = (await runOrThrow("id", ["-un"])).trim();
  await Deno.writeTextFile(`${folder}/known_hosts`, `[${hostname}]:${port} ${hostKey}\n`);
  await Deno.writeTextFile(`${folder}/sshd_config`, sshdConfig(folder, hostname, port));
  if (Deno.uid() === 0) await Deno.mkdir("/run/sshd", { recursive: true });
  const server = new Server(`${folder}/sshd_config`, hostname, port);
  await server.start();
  return {
    port,
    root,
    hostKey,
    keyFile,
    get pid() {
      return server.pid;
    },
    url: (name) => `ssh://${user}@${hostname}:${port}${root}/${name}.git`,
    makeRepo: async (name) => {
      await runOrThrow("git", ["init", "--quiet", "--bare", "--initial-branch=main", `${root}/${name}.git`]);
      return `${root}/${name}.git`;
    },
    sshCommand: `ssh -F none -i ${keyFile} -o IdentitiesOnly=yes -o BatchMode=yes ` +
      `-o StrictHostKeyChecking=yes -o UserKnownHostsFile=${folder}/known_hosts`,
    stop: () => server.stop(),
    start: () => server.start(),
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

function sshdConfig(folder: string, hostname: string, port: number): string {
  return [
    `Port ${port}`,
    `ListenAddress ${hostname}`,
    `HostKey ${folder}/host`,
    `AuthorizedKeysFile ${folder}/key.pub`,
    "PidFile none",
    "UsePAM no",
    // The folder is a temporary one, which others could write to by its parents' modes.
    "StrictModes no",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "MaxStartups 200",
    "MaxSessions 100",
    // As the well-known hosts do, so that git speaks its protocol 2.
    "AcceptEnv GIT_PROTOCOL",
    // bash reads ~/.bashrc for a command over ssh: whatever is in there would be waited for.
    `SetEnv HOME=${folder}`,
    "",
  ].join("\n");
}

class Server {
  #child: Deno.ChildProcess | undefined;
  readonly #config: string;
  readonly #hostname: string;
  readonly #port: number;

  constructor(config: string, hostname: string, port: number) {
    this.#config = config;
    this.#hostname = hostname;
    this.#port = port;
  }

  get pid(): number {
    return this.#child!.pid;
  }

  async start(): Promise<void> {
    this.#child = new Deno.Command(SSHD, {
      args: ["-D", "-e", "-f", this.#config],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    for (let tries = 0; tries < 200; tries++) {
      try {
        (await Deno.connect({ hostname: this.#hostname, port: this.#port })).close();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    throw new Error("sshd does not listen");
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    // Each connection is a process of its own, which outlives the listening one.
    for (const pid of await descendants(child.pid)) kill(pid);
    kill(child.pid);
    await child.status;
  }
}

/** Processes below a process, by `ps`. */
export async function descendants(pid: number): Promise<readonly number[]> {
  const table = (await runOrThrow("ps", ["-eo", "pid=,ppid="])).trim().split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
  const below = (of: number): number[] =>
    table.filter(([, parent]) => parent === of).flatMap(([child]) => [child, ...below(child)]);
  return below(pid);
}

function kill(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
