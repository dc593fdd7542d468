/** Real programs as an agent runs them: a home of their own, and egress in their environment. */

import { pythonWith } from "../../support/python.ts";
import { runProgram } from "./support.ts";
import { startWorld, type World, type WorldOptions } from "./world.ts";

/** A world with a folder to work in. */
export interface ClientWorld extends World {
  /** Home and working folder of the programs. */
  readonly home: string;
  /** Runs a program; its environment is what is given here and nothing else. */
  run(
    program: string,
    args: readonly string[],
    env?: Record<string, string>,
  ): Promise<{ code: number; out: string; err: string }>;
}

/** Starts a world for programs. */
export async function startClientWorld(options: WorldOptions): Promise<ClientWorld> {
  const world = await startWorld(options);
  const home = await Deno.makeTempDir({ prefix: "egress-client-" });
  const environment = environmentFor(world, home);
  return {
    ...world,
    home,
    run: (program, args, env = {}) =>
      runProgram(program, [...args], { ...environment, ...env }, { clearEnv: true, cwd: home }),
    [Symbol.asyncDispose]: async () => {
      await world[Symbol.asyncDispose]();
      await Deno.remove(home, { recursive: true });
    },
  };
}

/** Proxy and CA by every name that a common client reads. */
function environmentFor(world: World, home: string): Record<string, string> {
  const proxy = `http://127.0.0.1:${world.egress.port}`;
  const ca = `${world.pki.dir}/egress-ca.pem`;
  return {
    PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin",
    HOME: home,
    LC_ALL: "C.UTF-8",
    ...named(["HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"], proxy),
    ...named(["CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS", "PIP_CERT"], ca),
    ...named(["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "npm_config_cafile"], ca),
    GIT_TERMINAL_PROMPT: "0",
    GIT_CONFIG_NOSYSTEM: "1",
    NODE_USE_ENV_PROXY: "1",
    PIP_CONFIG_FILE: "/dev/null",
    PIP_DISABLE_PIP_VERSION_CHECK: "1",
  };
}

function named(names: readonly string[], value: string): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, value]));
}

/** Interpreter that has a module. @throws {Error} there is none: `tests/support/host_programs.ts` installs it */
export async function python(module: string): Promise<string> {
  const path = await pythonWith(module);
  if (path === undefined) throw new Error(`no Python here has the module ${module}`);
  return path;
}
