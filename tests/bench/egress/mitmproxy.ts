/** mitmproxy with the rewrite that egress does. */

import type { Started } from "./peers.ts";
import { HOST, PATHS, type World } from "./world.ts";

const ADDON = new URL("rewrite.py", import.meta.url).pathname;

/** Starts mitmdump. It shows no flows of its own: the addon logs as egress does. */
export async function startMitmproxy(world: World, next: Started | undefined): Promise<Started> {
  const { egressCa, dir } = world;
  const port = world.port();
  // mitmproxy reads its CA, key and certificate in one file of this name, and writes others beside it.
  const folder = `${dir}/mitmproxy-${port}`;
  await Deno.mkdir(folder);
  const ca = await Deno.readTextFile(egressCa.key) + await Deno.readTextFile(egressCa.cert);
  await Deno.writeTextFile(`${folder}/mitmproxy-ca.pem`, ca, { mode: 0o600 });
  const args = [
    ...["--quiet", "--listen-host", "127.0.0.1", "--listen-port", String(port), "--scripts", ADDON],
    ...["--set", `confdir=${folder}`],
    ...["--set", `ssl_verify_upstream_trusted_ca=${next?.ca ?? world.upstreamCa}`],
    ...next === undefined ? [] : ["--mode", `upstream:http://${next.address}`],
  ];
  const env = {
    PATH: "/usr/bin:/bin",
    HOME: dir,
    // Else the addon's compiled form would lie beside it.
    PYTHONDONTWRITEBYTECODE: "1",
    BENCH_HOST: HOST,
    BENCH_PATHS: PATHS.join(","),
    BENCH_TOKEN: world.token,
  };
  const address = `127.0.0.1:${port}`;
  return {
    process: world.processes.start(world.tools.mitmdump!, args, env),
    address,
    ca: egressCa.cert,
    // It has no health page of its own.
    ready: ["--tunnel", address],
  };
}
