/**
 * Makes one executable file of the stand-in, its libraries included, that can stand at `/usr/local/bin/pipelock`
 * of an image that has Deno 2.8: `deno run -A tests/fakes/pipelock/bundle.ts OUTPUT`.
 *
 * `deno compile` would do too, but with a runtime older than 2.8 its `node:http` loses CONNECT requests.
 */

const ENTRY = new URL("pipelock.ts", import.meta.url).pathname;
const CONFIG = new URL("../../../deno.json", import.meta.url).pathname;
// It is run with an empty environment and as a user without a home: Deno must look for neither cache nor config.
const HEAD =
  "#!/usr/bin/env -S DENO_DIR=/nonexistent deno run --no-config --ext=js --cached-only --no-prompt " +
  "--allow-net --allow-read --allow-env --allow-sys\n";

/** Writes the executable. @throws {Error} `deno bundle` failed; its output is the message */
export async function bundleStandIn(output: string): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--config", CONFIG, "--platform", "deno", ENTRY],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const code = new TextDecoder().decode(stdout).replace(/^#!.*\n/, "");
  await Deno.writeTextFile(output, HEAD + code);
  await Deno.chmod(output, 0o755);
}

if (import.meta.main) await bundleStandIn(Deno.args[0]!);
