#!/usr/bin/env -S deno run --allow-net --allow-read --allow-env=EGRESS_TOKEN_*
/** Egress: the forward proxy of a bottle. `--help` says how to run it alone. */

import { OperatorError } from "../../lib/errors.ts";
import { escapeUntrusted } from "../../lib/escape.ts";
import { parseRoutes } from "../../lib/egress/wire.ts";
import { authority } from "../../lib/net/host_name.ts";
import { loadCa } from "../../lib/tls/load_ca.ts";
import { AccessLog } from "./access_log.ts";
import { makeMissingCa } from "./ca_files.ts";
import { LazyLeaves } from "./lazy_leaves.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { HELP, type Options, parseOptions } from "./options.ts";
import { Policy, readTokenSlots } from "./policy.ts";
import { EgressServer } from "./server.ts";
import { Upstreams } from "./upstream.ts";
import { Watches } from "./watch.ts";

const POOL_SWEEP = 5_000;

/** Starts the proxy and keeps it until SIGTERM or SIGINT. */
async function run(options: Options): Promise<void> {
  const slots = readTokenSlots(Deno.env);
  await makeMissingCa(options.ca);
  const [routes, caCert, caKey, upstreamCa] = await Promise.all([
    readText(options.routes),
    readText(options.ca.cert),
    readText(options.ca.key),
    options.upstreamCa === undefined ? undefined : readText(options.upstreamCa),
  ]);
  const policy = new Policy(parseRoutes(routes), slots);
  const limits = DEFAULT_LIMITS;
  const log = new AccessLog(Deno.stdout);
  const upstreams = new Upstreams({
    proxy: options.upstreamProxy,
    caCerts: upstreamCa === undefined ? [] : [upstreamCa],
    limits,
  });
  const leaves = new LazyLeaves(await loadCa(caCert, caKey), limits.leaves);
  const server = new EgressServer({
    policy,
    leaves,
    upstreams,
    log,
    limits,
    watches: new Watches(),
    streams: new Set(),
    protocols: options.protocols,
  });
  Deno.addSignalListener("SIGHUP", () => void reload(policy, options.routes));
  const stopped = signalled("SIGTERM", "SIGINT");
  const port = await server.listen(options.listen.hostname, options.listen.port);
  setInterval(() => upstreams.sweep(), POOL_SWEEP);
  log.line(`egress: listening on ${authority(options.listen.hostname, port)}`);
  await log.flush();
  await leaves.warm(policy.table.keys());
  await stopped;
  server.close();
  upstreams.close();
  await log.flush();
}

/** Swaps the routes, or says why not. */
async function reload(policy: Policy, path: string): Promise<void> {
  try {
    policy.reload(await readText(path));
    say(`egress: reloaded ${policy.table.size} routes from ${path}`);
  } catch (error) {
    say(`egress: the last good routes stay in force: ${reason(error)}`);
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new OperatorError(`cannot read ${path}: ${reason(cause)}`, { cause });
  }
}

function signalled(...signals: Deno.Signal[]): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of signals) Deno.addSignalListener(signal, () => resolve());
  });
}

function reason(error: unknown): string {
  if (error instanceof OperatorError) return error.line;
  return escapeUntrusted(error instanceof Error ? error.message : String(error));
}

function say(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) {
  try {
    const options = parseOptions(Deno.args);
    if (options.help) Deno.stdout.writeSync(new TextEncoder().encode(HELP));
    else await run(options);
    Deno.exit(0);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    say(`egress: error: ${error.line}`);
    Deno.exit(error.status);
  }
}
