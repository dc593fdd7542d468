/** Starts a pipelock, the real one or the stand-in, beside an upstream of the lab, for the contract test. */

import { mintCa } from "../../../lib/tls/ca.ts";
import { mintServerCert } from "../../standin/lab_tls.ts";

const STAND_IN = new URL("pipelock.ts", import.meta.url).pathname;
const START_TIMEOUT_MS = 10_000;

/** A command line that behaves as `pipelock` does. */
export interface Pipelock {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
}

/** The stand-in of this folder. */
export const standInPipelock: Pipelock = {
  name: "stand-in",
  program: Deno.execPath(),
  args: [
    "run",
    "--cached-only",
    "--no-prompt",
    "--allow-net",
    "--allow-read",
    "--allow-env",
    "--allow-sys",
    STAND_IN,
  ],
};

/** A real pipelock at that path. */
export function realPipelock(path: string): Pipelock {
  return { name: `real ${path}`, program: path, args: [] };
}

/** A lab: certificates on disk, and an upstream on the loopback that echoes what reached it. */
export interface Lab extends AsyncDisposable {
  readonly dir: string;
  /** CA of pipelock, PEM. */
  readonly pipelockCa: string;
  /** CA of the upstream, PEM. */
  readonly labCa: string;
  readonly tlsPort: number;
  readonly plainPort: number;
  /** Port of a TLS upstream whose CA nobody trusts. */
  readonly untrustedPort: number;
}

/** Makes a lab. The upstream's certificate is for `localhost`. */
export async function makeLab(): Promise<Lab> {
  const dir = await Deno.makeTempDir({ prefix: "pipelock-contract-" });
  const [pipelockCa, labCa, otherCa] = await Promise.all(["pipelock", "lab", "other"].map(mintCa));
  await Deno.writeTextFile(`${dir}/ca.pem`, pipelockCa!.certPem, { mode: 0o600 });
  await Deno.writeTextFile(`${dir}/ca-key.pem`, pipelockCa!.keyPem, { mode: 0o600 });
  await Deno.writeTextFile(`${dir}/trust.pem`, labCa!.certPem);
  const [trusted, untrusted] = await Promise.all(
    [labCa!, otherCa!].map((ca) => mintServerCert(ca, ["localhost"])),
  );
  const common = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const servers = [
    Deno.serve({ ...common, ...trusted! }, echo),
    Deno.serve(common, echo),
    Deno.serve({ ...common, ...untrusted! }, echo),
  ];
  const [tlsPort, plainPort, untrustedPort] = servers.map((server) => (server.addr as Deno.NetAddr).port);
  return {
    dir,
    pipelockCa: pipelockCa!.certPem,
    labCa: labCa!.certPem,
    tlsPort: tlsPort!,
    plainPort: plainPort!,
    untrustedPort: untrustedPort!,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(servers.map((server) => server.shutdown()));
      await Deno.remove(dir, { recursive: true });
    },
  };
}

async function echo(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const body = await request.text();
  return Response.json({
    method: request.method,
    host: request.headers.get("host"),
    path: pathname + search,
    authorization: request.headers.get("authorization"),
    body,
  }, { headers: { connection: "close" } });
}

/** A running pipelock. */
export interface RunningPipelock extends AsyncDisposable {
  readonly port: number;
  /** Ends it as init does; gives its exit status. */
  stop(): Promise<number>;
}

/** Starts `pipelock run` on a configuration text. */
export async function startPipelock(pipelock: Pipelock, lab: Lab, config: string): Promise<RunningPipelock> {
  const file = `${lab.dir}/pipelock.yaml`;
  await Deno.writeTextFile(file, config, { mode: 0o600 });
  const port = freePort();
  const process = new Deno.Command(pipelock.program, {
    args: [...pipelock.args, "run", "-c", file, "-l", `127.0.0.1:${port}`],
    env: {
      SSL_CERT_FILE: `${lab.dir}/trust.pem`,
      HTTPS_PROXY: "",
      HTTP_PROXY: "",
      https_proxy: "",
      http_proxy: "",
    },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const stop = async () => {
    try {
      process.kill("SIGTERM");
    } catch {
      // It has ended already.
    }
    return (await process.status).code;
  };
  try {
    await listening(port, process.status);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, stop, [Symbol.asyncDispose]: async () => void await stop() };
}

/** Runs `pipelock check` on a configuration text. */
export async function checkConfig(
  pipelock: Pipelock,
  dir: string,
  config: string,
): Promise<{ readonly status: number; readonly output: string }> {
  const file = `${dir}/check.yaml`;
  await Deno.writeTextFile(file, config);
  const { code, stdout, stderr } = await new Deno.Command(pipelock.program, {
    args: [...pipelock.args, "check", "--config", file],
  }).output();
  const decoder = new TextDecoder();
  return { status: code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** A port of the loopback that nothing listens on. */
export function freePort(): number {
  using probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return probe.addr.port;
}

async function listening(port: number, ended: Promise<Deno.CommandStatus>): Promise<void> {
  let status: Deno.CommandStatus | undefined;
  void ended.then((value) => status = value);
  for (const until = performance.now() + START_TIMEOUT_MS; performance.now() < until;) {
    if (status !== undefined) throw new Error(`pipelock ended with status ${status.code}`);
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  throw new Error("pipelock does not listen");
}
