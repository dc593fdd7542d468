/** Egress, as it runs in the bundle. */

import { renderRoutes } from "../../../lib/egress/wire.ts";
import { daemonTable } from "../../../sidecars/init/table.ts";
import type { Started } from "./peers.ts";
import { HOST, ROUTE, type World } from "./world.ts";

/** Starts egress; with a next proxy it may reach the loopback only, without one its one host too. */
export async function startOurs(world: World, next: Started | undefined): Promise<Started> {
  const { dir } = world;
  const address = `127.0.0.1:${world.port()}`;
  const routes = `${dir}/routes.yaml`;
  await Deno.writeTextFile(routes, renderRoutes({ routes: [ROUTE] }));
  const args = [
    "run",
    ...runtimeFlags(),
    `--allow-net=127.0.0.1${next === undefined ? `,${HOST}` : ""}`,
    `--allow-read=${dir}`,
    "--allow-env=EGRESS_TOKEN_*",
    world.tools.egress,
    ...["--routes", routes, "--listen", address, "--upstream-ca", next?.ca ?? world.upstreamCa],
    ...["--ca-cert", world.egressCa.cert, "--ca-key", world.egressCa.key],
    ...next === undefined ? [] : ["--upstream-proxy", `http://${next.address}`],
  ];
  const env = {
    NO_COLOR: "1",
    DENO_NO_UPDATE_CHECK: "1",
    DENO_DIR: "/nonexistent",
    EGRESS_TOKEN_0: world.token,
  };
  return {
    process: world.processes.start(Deno.execPath(), args, env),
    address,
    ca: world.egressCa.cert,
    ready: ["--health", `${address},http://_egress.local/healthz`],
  };
}

/** Flags of the runtime in the bundle, but for the permissions, which name the bundle's paths. */
function runtimeFlags(): readonly string[] {
  const table = daemonTable({ tokens: {}, path: "", dropPrivileges: false });
  const args = table.get("egress")!.args;
  const program = args.findIndex((word) => word.endsWith("/egress/main.js"));
  return args.slice(1, program).filter((word) => !word.startsWith("--allow-"));
}
