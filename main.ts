/** Composes bottle: the process, the backends and the command tree. */

import config from "./deno.json" with { type: "json" };
import type { CliHost } from "./lib/cli/host.ts";
import { homeOf } from "./lib/cli/host.ts";
import { Output } from "./lib/cli/output.ts";
import { runCli } from "./lib/cli/run.ts";

const USUAL_COLUMNS = 80;

/** Width of the terminal, or the usual one when it cannot be told. */
function terminalColumns(): number {
  try {
    return Deno.consoleSize().columns || USUAL_COLUMNS;
  } catch {
    return USUAL_COLUMNS;
  }
}

function makeHost(): CliHost {
  const env = Deno.env.toObject();
  const output = new Output({
    stdout: Deno.stdout,
    stderr: Deno.stderr,
    env,
    columns: terminalColumns,
  });
  const host: CliHost = {
    version: config.version,
    env,
    cwd: Deno.cwd,
    output,
    keyboard: Deno.stdin,
    backends: {
      docker: async () => {
        const { dockerBackend } = await import("./backends/docker/mod.ts");
        return dockerBackend({ env, home: homeOf(host) });
      },
    },
  };
  return host;
}

if (import.meta.main) Deno.exit(await runCli(Deno.args, makeHost()));
