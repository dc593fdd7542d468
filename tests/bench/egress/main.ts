/**
 * Egress against its peers, side by side in one run: a table of medians and a table of targets.
 *
 *     deno task bench:egress [OPTIONS]     --help says which
 *
 * This program gets the tools and starts the benchmark itself, `inside.ts`, in namespaces of its own: there the
 * upstream server has a name and port 443, and nothing that is left running outlives it.
 */

import { OperatorError } from "../../../lib/errors.ts";
import { inNamespaces } from "./namespaces.ts";
import { HELP, parseOptions } from "./options.ts";
import { getTools } from "./tools.ts";

function say(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

async function main(): Promise<number> {
  const options = parseOptions(Deno.args, Deno.env.get("BOT_BOTTLE_TEST_PIPELOCK"));
  if (options.help) {
    Deno.stdout.writeSync(new TextEncoder().encode(HELP));
    return 0;
  }
  const temp = await Deno.makeTempDir({ prefix: "bench-egress-" });
  try {
    const { tools, missing } = await getTools(options, temp, say);
    const module = new URL("inside.ts", import.meta.url).pathname;
    return await inNamespaces(module, temp, { options, tools, missing });
  } finally {
    await Deno.remove(temp, { recursive: true });
  }
}

if (import.meta.main) {
  try {
    Deno.exit(await main());
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    say(`bench: error: ${error.line}`);
    Deno.exit(error.status);
  }
}
