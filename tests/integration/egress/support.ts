/** A real egress, its process and its clients; the other parts come along. */

import type { Pki, Running } from "./upstream.ts";
import { Wire } from "./wire.ts";

export * from "./upstream.ts";
export * from "./wire.ts";

const MAIN = new URL("../../../sidecars/egress/main.ts", import.meta.url).pathname;

/** A running egress process. */
export interface EgressProcess extends Running {
  readonly port: number;
  readonly pid: number;
  /** Lines of standard output so far. */
  readonly stdout: string[];
  /** Lines of standard error so far. */
  readonly stderr: string[];
  /** Writes the routes file and has it reloaded; resolves with what egress says about it. */
  reload(routes: string): Promise<string>;
  /** Waits for an access record. */
  record(matches: (record: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>;
}

/** Starts egress as it runs in the bundle: with its least permissions. */
export async function startEgress(
  pki: Pki,
  options: {
    routes: string;
    proxyPort?: number;
    env?: Record<string, string>;
    extraCa?: string;
    args?: string[];
  },
): Promise<EgressProcess> {
  const routes = `${pki.dir}/routes-${crypto.randomUUID()}.yaml`;
  const caFile = `${pki.dir}/trust-${crypto.randomUUID()}.pem`;
  await Deno.writeTextFile(routes, options.routes);
  await Deno.writeTextFile(caFile, pki.upstreamCa + (options.extraCa ?? ""));
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...[
        "run",
        "--quiet",
        "--no-prompt",
        "--allow-net=127.0.0.1",
        "--allow-read",
        "--allow-env=EGRESS_TOKEN_*",
        MAIN,
      ],
      ...["--routes", routes, "--listen", "127.0.0.1:0", "--upstream-ca", caFile],
      ...["--ca-cert", `${pki.dir}/egress-ca.pem`, "--ca-key", `${pki.dir}/egress-ca-key.pem`],
      ...options.args ?? [],
      ...options.proxyPort === undefined ? [] : ["--upstream-proxy", `http://127.0.0.1:${options.proxyPort}`],
    ],
    env: { ...options.env, NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stdout = collectLines(child.stdout);
  const stderr = collectLines(child.stderr);
  const ready = await until(
    () => stdout.lines.find((line) => line.startsWith("egress: listening on ")),
    () => `egress did not start: ${stderr.lines.join("\n")}`,
  );
  return {
    port: Number(ready.split(":").at(-1)),
    pid: child.pid,
    stdout: stdout.lines,
    stderr: stderr.lines,
    reload: async (content) => {
      const seen = stderr.lines.length;
      // Not awaited: under load the event loop of this process keeps a write waiting for seconds.
      Deno.writeTextFileSync(routes, content);
      child.kill("SIGHUP");
      return await until(
        () => stderr.lines.slice(seen).find((line) => line.startsWith("egress: ")),
        () => "no answer to SIGHUP",
      );
    },
    record: async (matches) =>
      await until(() =>
        stdout.lines.filter((line) => line.startsWith("{"))
          .map((line): Record<string, unknown> => JSON.parse(line)).find(matches), () =>
        `no such record in:\n${stdout.lines.join("\n")}`),
    close: async () => {
      child.kill("SIGTERM");
      const status = await child.status;
      await Promise.all([stdout.done, stderr.done]);
      if (status.code !== 0) throw new Error(`egress ended with ${status.code}: ${stderr.lines.join("\n")}`);
    },
  };
}

/** Polls for a value; fails with a message after 15 s. */
export async function until<T>(probe: () => T | undefined, message: () => string): Promise<T> {
  for (const end = Date.now() + 15_000; Date.now() < end;) {
    const value = probe();
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(message());
}

function collectLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): { lines: string[]; done: Promise<void> } {
  const lines: string[] = [];
  const done = (async () => {
    let rest = "";
    for await (const part of stream.pipeThrough(new TextDecoderStream())) {
      const split = (rest + part).split("\n");
      rest = split.pop() ?? "";
      lines.push(...split);
    }
    if (rest !== "") lines.push(rest);
  })();
  return { lines, done };
}

/**
 * Opens a tunnel through egress and TLS inside it, as a well-behaved client does. With a server name of its own the
 * client takes the certificate of any name, so that it is egress alone that can refuse; an address is not sent as one.
 */
export async function openTunnel(
  egressPort: number,
  host: string,
  pki: Pki,
  serverName?: string,
): Promise<Wire> {
  const tcp = await Deno.connect({ hostname: "127.0.0.1", port: egressPort });
  tcp.setNoDelay(true);
  const plain = new Wire(tcp);
  await plain.send(`CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}:443\r\n\r\n`);
  const head = await plain.head();
  if (!head.startsWith("HTTP/1.1 200 ")) {
    const body = await plain.rest();
    plain.close();
    throw new Error(`${head}${body}`);
  }
  const tls = await Deno.startTls(tcp, {
    hostname: serverName ?? host,
    caCerts: [pki.egressCa],
    alpnProtocols: ["http/1.1"],
    unsafelyDisableHostnameVerification: serverName !== undefined,
  });
  try {
    await tls.handshake();
  } catch (error) {
    tls.close();
    throw error;
  }
  return new Wire(tls);
}

/** Sends raw bytes to egress and reads to the end. */
export async function rawExchange(egressPort: number, data: string): Promise<string> {
  const wire = new Wire(await Deno.connect({ hostname: "127.0.0.1", port: egressPort }));
  try {
    await wire.send(data);
    return await wire.rest();
  } finally {
    wire.close();
  }
}

/** Runs a program, for a minute at most, and collects its output. */
export async function runProgram(
  name: string,
  args: string[],
  env: Record<string, string> = {},
  options: { readonly clearEnv?: boolean; readonly cwd?: string } = {},
): Promise<{ code: number; out: string; err: string }> {
  const command = new Deno.Command(name, {
    args,
    env,
    ...options,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const child = command.spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
  const { code, stdout, stderr } = await child.output().finally(() => clearTimeout(timer));
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}
