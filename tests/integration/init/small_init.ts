/** Init as it is, with a table of small shell programs in place of egress and pipelock; run by the tests. */

import type { DaemonName } from "../../../lib/bundle/daemons.ts";
import { runInit } from "../../../sidecars/init.ts";
import type { DaemonProgram, TableContext } from "../../../sidecars/init/table.ts";

/** User that the programs become when init is root. */
export const SMALL_UID = 65534;

/** What the test says about one program. */
export interface SmallProgram {
  /** Shell script. */
  readonly script: string;
  /** Whether it gets the tokens. */
  readonly secrets?: boolean;
  /** Port that it accepts connections on. */
  readonly port?: number;
  /** Program in place of the shell. */
  readonly program?: string;
}

/** First argument, as JSON. */
export interface SmallTable {
  readonly programs: Partial<Record<DaemonName, SmallProgram>>;
  /** Folder for the CA bundles. */
  readonly dir: string;
  readonly graceMs: number;
}

function table(given: SmallTable, context: TableContext): ReadonlyMap<DaemonName, DaemonProgram> {
  const programs = Object.entries(given.programs) as [DaemonName, SmallProgram][];
  return new Map(programs.map(([name, small]) => [name, {
    name,
    program: small.program ?? "sh",
    args: small.program === undefined ? ["-c", small.script] : [],
    env: { PATH: context.path },
    secretEnv: small.secrets ? context.tokens : {},
    uid: context.dropPrivileges ? SMALL_UID : undefined,
    port: small.port,
  }]));
}

if (import.meta.main) {
  const given = JSON.parse(Deno.args[0]!) as SmallTable;
  Deno.exit(
    await runInit({
      table: (context) => table(given, context),
      graceMs: given.graceMs,
      secretsTimeoutMs: 500,
      caPaths: {
        systemCa: `${given.dir}/system.pem`,
        pipelockCaCert: `${given.dir}/ca.pem`,
        pipelockExtraCa: `${given.dir}/extra.pem`,
        pipelockUpstreamCa: `${given.dir}/pipelock-upstream.pem`,
        egressUpstreamCa: `${given.dir}/egress-upstream.pem`,
      },
    }),
  );
}
