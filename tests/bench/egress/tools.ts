/** The programs that the benchmark runs; it builds or installs them itself. */

import { run, which } from "../../../images/setup/run.ts";
import { OperatorError } from "../../../lib/errors.ts";
import { homePaths } from "../../../lib/state/paths.ts";
import type { Options } from "./options.ts";
import { hasPipelock, type PeerName } from "./peers.ts";

const LOAD = new URL("load/", import.meta.url).pathname;
const MAIN = new URL("../../../sidecars/egress/main.ts", import.meta.url).pathname;

/** Paths of the programs. */
export interface Tools {
  /** The load generator. */
  readonly load: string;
  /** Egress, bundled as in its image. */
  readonly egress: string;
  /** Undefined: not asked for. */
  readonly mitmdump: string | undefined;
  /** Undefined: not given. */
  readonly pipelock: string | undefined;
  /** What is measured, for the head of the table. */
  readonly versions: Readonly<Record<string, string>>;
}

/** A peer that is not run, and why. */
export type Missing = Partial<Record<PeerName, string>>;

/**
 * Gets all programs that the peers need.
 *
 * @param temp folder for what is built anew each time: another run may be under way from another checkout
 * @throws {OperatorError} one that must be there is not
 */
export async function getTools(
  options: Options,
  temp: string,
  say: (line: string) => void,
): Promise<{ tools: Tools; missing: Missing }> {
  const path = Deno.env.get("PATH") ?? "/usr/bin:/bin";
  const cache = `${homePaths(Deno.env.get("HOME") ?? "/root").cache}/bench`;
  await Deno.mkdir(cache, { recursive: true });
  const versions: Record<string, string> = { deno: Deno.version.deno };
  const load = await buildLoad(path, `${temp}/load`);
  const egress = await bundleEgress(`${temp}/egress`);
  let mitmdump: string | undefined;
  if (options.peers.some((name) => name.startsWith("mitmproxy"))) {
    mitmdump = await installMitmproxy(options.python ?? await newestPython(path), cache, say);
    versions["mitmproxy"] = await versionOf(mitmdump);
  }
  const missing: Missing = {};
  if (options.pipelock === undefined) {
    for (const name of options.peers.filter(hasPipelock)) missing[name] = "no pipelock";
  } else if (options.peers.some(hasPipelock)) {
    versions["pipelock"] = (await run([options.pipelock, "--version"])).trim().replace(
      /^pipelock version /,
      "",
    );
  }
  return {
    tools: { load, egress, mitmdump, pipelock: options.pipelock, versions },
    missing,
  };
}

async function buildLoad(path: string, program: string): Promise<string> {
  if (await which("go", path) === undefined) {
    throw new OperatorError("the load generator cannot be built: go is not on the PATH", {
      mend: "install Go 1.22 or newer",
    });
  }
  await run(["go", "build", "-o", program, "."], { cwd: LOAD, env: { CGO_ENABLED: "0" } });
  return program;
}

/** As images/Dockerfile.bundle does. */
async function bundleEgress(folder: string): Promise<string> {
  const how = ["--quiet", "--frozen", "--platform", "deno", "--code-splitting", "--outdir", folder];
  await run([Deno.execPath(), "bundle", ...how, MAIN]);
  return `${folder}/main.js`;
}

/** Installs the newest mitmproxy that a Python can have, or takes a newer one where there is one already. */
async function installMitmproxy(python: string, cache: string, say: (line: string) => void): Promise<string> {
  const version = (await run([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])).trim();
  const venv = `${cache}/mitmproxy-python${version}`;
  say(`mitmproxy: python ${version}, ${venv}`);
  await run([python, "-m", "venv", venv]);
  await run([`${venv}/bin/pip`, "install", "--quiet", "--upgrade", "mitmproxy"]);
  return `${venv}/bin/mitmdump`;
}

/** The newest Python on the PATH, or of pyenv. */
async function newestPython(path: string): Promise<string> {
  const folders = path.split(":");
  const pyenv = `${Deno.env.get("HOME")}/.pyenv/versions`;
  try {
    for await (const entry of Deno.readDir(pyenv)) folders.push(`${pyenv}/${entry.name}/bin`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  for (const name of ["python3.14", "python3.13", "python3.12", "python3"]) {
    for (const folder of folders) {
      const program = await which(name, folder);
      // A shim of pyenv stands for a version that need not be there.
      if (program !== undefined && !folder.endsWith("/shims")) return program;
    }
  }
  throw new OperatorError("mitmproxy cannot be installed: there is no python3", { mend: "give --python" });
}

async function versionOf(mitmdump: string): Promise<string> {
  const [mitmproxy, python] = (await run([mitmdump, "--version"])).split("\n");
  return `${mitmproxy?.replace(/^\S+\s+/, "")} on ${python?.replace(/:\s+/, " ")}`;
}
