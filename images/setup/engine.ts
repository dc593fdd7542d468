/** An engine that answers: found, or on a Debian-like machine where we are root installed and started. */

import { Engine } from "../../backends/docker/engine/engine.ts";
import { findSocket, type FoundSocket, hostSearch } from "../../backends/docker/engine/socket.ts";
import { engineFacts } from "../../backends/docker/engine/system.ts";
import { messageOf, OperatorError } from "../../lib/errors.ts";
import { canInstall, installPackages } from "./debian.ts";
import { CommandError, commandFailed, run, which } from "./run.ts";
import type { Surroundings } from "./surroundings.ts";

/** A service manager may still be starting the engine that a package brought. */
const OWN_START_SECONDS = 3;
const START_SECONDS = 60;
const POLL_MS = 200;
const START_SCRIPT = 'exec dockerd >>"$0" 2>&1 </dev/null';
/** Codes of a socket that is not there, or that nobody listens at. */
const ABSENT: readonly unknown[] = ["ENOENT", "ENOTDIR", "ECONNREFUSED"];

/**
 * Gives a connected engine.
 *
 * @throws {OperatorError} none answers and none can be started here; what to do is said
 */
export async function ensureEngine(at: Surroundings): Promise<Engine> {
  const socket = findSocket(hostSearch(at.env, at.home));
  let engine: Engine;
  try {
    engine = await Engine.connect(socket.path);
  } catch (error) {
    if (!isAbsent(error)) throw error;
    engine = await bringUp(at, socket, error);
  }
  const { version, apiVersion } = await engineFacts(engine);
  at.report.say(`engine: ${version} (API ${apiVersion}) answers at ${socket.path}`);
  return engine;
}

/** Nobody is there; any other trouble (not permitted, too old) is not mended by starting one. */
function isAbsent(error: unknown): error is OperatorError {
  return error instanceof OperatorError && ABSENT.includes(codeOf(error.cause));
}

function codeOf(cause: unknown): unknown {
  return cause instanceof Error && "code" in cause ? cause.code : undefined;
}

async function bringUp(at: Surroundings, socket: FoundSocket, absent: OperatorError): Promise<Engine> {
  if (socket.from !== "default" || !await canInstall(at)) {
    throw new OperatorError(absent.message, {
      mend: "install Docker Engine 20.10 or newer (https://docs.docker.com/engine/install/), start it, " +
        "then run set-up again",
      cause: absent,
    });
  }
  if (await which("dockerd", at.path) === undefined) {
    await at.report.step(
      "engine: apt-get install docker.io",
      () => installPackages(["docker.io", "iptables"]),
    );
    const started = await waitFor(socket.path, OWN_START_SECONDS);
    if (started !== undefined) return started;
  }
  return await at.report.step("engine: starting dockerd", () => start(at, socket.path));
}

async function start(at: Surroundings, socketPath: string): Promise<Engine> {
  const log = `${at.logs}/dockerd.log`;
  const bySystemd = await exists("/run/systemd/system");
  try {
    if (bySystemd) await run(["systemctl", "start", "docker"]);
    // Detached: it outlives set-up, and its output goes to a file.
    else await run(["setsid", "--fork", "sh", "-c", START_SCRIPT, log], { cwd: "/" });
  } catch (error) {
    throw commandFailed("starting the docker engine", error, "start it by hand, then run set-up again");
  }
  const engine = await waitFor(socketPath, START_SECONDS);
  if (engine !== undefined) return engine;
  const where = bySystemd ? "`journalctl -u docker`" : log;
  throw new OperatorError(`the docker engine was started and does not answer within ${START_SECONDS} s`, {
    mend: `see ${where}`,
    cause: bySystemd ? undefined : new CommandError("dockerd", "does not answer", await textOf(log)),
  });
}

async function waitFor(socketPath: string, patienceSeconds: number): Promise<Engine | undefined> {
  const end = performance.now() + patienceSeconds * 1000;
  while (performance.now() < end) {
    try {
      return await Engine.connect(socketPath);
    } catch (error) {
      if (!isAbsent(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
  return undefined;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function textOf(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    return messageOf(error);
  }
}
