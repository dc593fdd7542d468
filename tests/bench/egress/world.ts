/** What all peers of one run share: certificates, the upstream server, the programs and the ports. */

import type { EgressRoute } from "../../../lib/egress/model.ts";
import { mintCa } from "../../../lib/tls/ca.ts";
import { makePki } from "../../integration/egress/upstream.ts";
import { type Process, Processes } from "./processes.ts";
import type { Tools } from "./tools.ts";

/** Name of the upstream server; it has an address in the benchmark's namespace only. */
export const HOST = "bench.test";

/** What the agent may ask for. */
export const PATHS: readonly string[] = ["/small", "/big", "/upload", "/events", "/check"];

/** The one route, with auth: its token is injected and masked. */
export const ROUTE: EgressRoute = {
  host: HOST,
  pathAllowlist: PATHS,
  auth: { scheme: "Bearer", tokenRef: "BENCH_TOKEN", slot: "EGRESS_TOKEN_0" },
  agentAuth: false,
  owner: "manifest",
  tlsPassthrough: false,
  ssrfIpAllowlist: ["127.0.0.1/32"],
};

/** Files of a CA. */
export interface CaPaths {
  readonly cert: string;
  readonly key: string;
}

/** The surroundings of all peers. */
export interface World extends AsyncDisposable {
  readonly dir: string;
  readonly tools: Tools;
  readonly processes: Processes;
  /** The credential that is injected. */
  readonly token: string;
  /** CA of egress, and of mitmproxy in its place. */
  readonly egressCa: CaPaths;
  readonly pipelockCa: CaPaths;
  /** Certificate file that the upstream server is trusted by. */
  readonly upstreamCa: string;
  /** The upstream server. */
  readonly upstream: Process;
  /** A port that nothing else uses. */
  port(): number;
}

/** Makes the certificates and starts the upstream server. */
export async function makeWorld(tools: Tools): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const { dir, leaf } = await makePki();
  stack.defer(() => Deno.remove(dir, { recursive: true }));
  const processes = stack.use(new Processes(dir));
  const egressCa = { cert: `${dir}/egress-ca.pem`, key: `${dir}/egress-ca-key.pem` };
  const pipelockCa = { cert: `${dir}/pipelock-ca.pem`, key: `${dir}/pipelock-ca-key.pem` };
  await writePair(pipelockCa, await mintCa("pipelock bench CA").then((ca) => [ca.certPem, ca.keyPem]));
  const server = { cert: `${dir}/upstream.pem`, key: `${dir}/upstream-key.pem` };
  await writePair(server, await leaf(HOST).then(({ cert, key }) => [cert, key]));
  const token = crypto.getRandomValues(new Uint8Array(24)).toHex();
  const upstream = processes.start(
    tools.load,
    ["serve", "--addr", "127.0.0.1:443", "--cert", server.cert, "--key", server.key, "--token", token],
    {},
  );
  // Nothing else runs in this network namespace.
  let port = 9100;
  const kept = stack.move();
  return {
    dir,
    tools,
    processes,
    token,
    egressCa,
    pipelockCa,
    upstreamCa: `${dir}/upstream-ca.pem`,
    upstream,
    port: () => port++,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function writePair(paths: CaPaths, [cert, key]: readonly string[]): Promise<void> {
  await Deno.writeTextFile(paths.cert, cert!);
  // pipelock refuses a wider mode.
  await Deno.writeTextFile(paths.key, key!, { mode: 0o600 });
}
