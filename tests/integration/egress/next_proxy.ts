/** The proxy behind egress as a program of its own, which can be killed and started again on its port. */

import type { EgressRoute } from "../../../lib/egress/model.ts";
import { pipelockConfig, renderPipelockConfig } from "../../../lib/pipelock/config.ts";
import { mintCa } from "../../../lib/tls/ca.ts";
import type { Pki, Running } from "./upstream.ts";
import { startConnectProxy } from "./upstream.ts";

/** A running next proxy. */
export interface NextProxy extends Running {
  readonly port: number;
  /** CA that egress must trust for it, PEM; empty when it does not look inside. */
  readonly ca: string;
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>;
  /** Starts it again; resolves when it listens. */
  start(): Promise<void>;
}

/**
 * Starts pipelock with the configuration that a bottle gives it for the routes.
 *
 * @throws {Error} BOT_BOTTLE_TEST_PIPELOCK does not name the program
 */
export async function startPipelock(pki: Pki, routes: readonly EgressRoute[]): Promise<NextProxy> {
  const program = Deno.env.get("BOT_BOTTLE_TEST_PIPELOCK");
  if (program === undefined) throw new Error("BOT_BOTTLE_TEST_PIPELOCK must name the pipelock program");
  const ca = await mintCa("pipelock test CA");
  const paths = { ca_cert: `${pki.dir}/pipelock-ca.pem`, ca_key: `${pki.dir}/pipelock-ca-key.pem` };
  await Deno.writeTextFile(paths.ca_cert, ca.certPem);
  await Deno.writeTextFile(paths.ca_key, ca.keyPem, { mode: 0o600 });
  const config = pipelockConfig({ routes, extraHosts: [] });
  const file = `${pki.dir}/pipelock.yaml`;
  await Deno.writeTextFile(
    file,
    renderPipelockConfig({ ...config, tls_interception: { ...config.tls_interception, ...paths } }),
  );
  return await startProgram(ca.certPem, (port) =>
    new Deno.Command(program, {
      args: ["run", "-c", file, "-l", `127.0.0.1:${port}`],
      clearEnv: true,
      env: { PATH: Deno.env.get("PATH") ?? "", HOME: pki.dir, SSL_CERT_FILE: `${pki.dir}/upstream-ca.pem` },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }));
}

/** Starts the CONNECT proxy of `upstream.ts` as a program. */
export async function startConnectProgram(ports: Record<string, number>): Promise<NextProxy> {
  return await startProgram("", (port) =>
    new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-q",
        "--no-prompt",
        "--allow-net=127.0.0.1",
        import.meta.filename!,
        `${port}`,
        JSON.stringify(ports),
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }));
}

async function startProgram(ca: string, command: (port: number) => Deno.Command): Promise<NextProxy> {
  const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = probe.addr;
  probe.close();
  let child: Deno.ChildProcess | undefined;
  const kill = async () => {
    child?.kill("SIGKILL");
    await child?.status;
    child = undefined;
  };
  const start = async () => {
    child = command(port).spawn();
    for (let tries = 0;; tries++) {
      try {
        return (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      } catch (error) {
        if (tries > 400) throw error;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    }
  };
  await start();
  return { port, ca, kill, start, close: kill };
}

if (import.meta.main) startConnectProxy(JSON.parse(Deno.args[1]!), Number(Deno.args[0]));
