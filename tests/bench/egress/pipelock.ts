/** The real pipelock, with the configuration that a bottle gives it. */

import { pipelockConfig, renderPipelockConfig } from "../../../lib/pipelock/config.ts";
import type { Started } from "./peers.ts";
import { ROUTE, type World } from "./world.ts";

/** Requests a minute: more than can be measured. A bottle's own limit would end each load within seconds. */
const NO_LIMIT = 1_000_000_000;

/** Starts pipelock, intercepting TLS. */
export async function startPipelock(world: World): Promise<Started> {
  const { dir, pipelockCa } = world;
  if (world.tools.pipelock === undefined) throw new Error("there is no pipelock");
  const address = `127.0.0.1:${world.port()}`;
  const config = pipelockConfig({ routes: [ROUTE], extraHosts: [] });
  const file = `${dir}/pipelock.yaml`;
  await Deno.writeTextFile(
    file,
    renderPipelockConfig({
      ...config,
      fetch_proxy: { ...config.fetch_proxy, monitoring: { max_requests_per_minute: NO_LIMIT } },
      tls_interception: { ...config.tls_interception, ca_cert: pipelockCa.cert, ca_key: pipelockCa.key },
    }),
  );
  const env = { PATH: "/usr/bin:/bin", HOME: dir, SSL_CERT_FILE: world.upstreamCa };
  return {
    process: world.processes.start(world.tools.pipelock, ["run", "-c", file, "-l", address], env),
    address,
    ca: pipelockCa.cert,
    ready: ["--health", `${address},/health`],
  };
}
