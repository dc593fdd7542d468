/**
 * A lab: everything that a bottle needs to run for real without a key. A home folder of its own with manifests and
 * made-up tokens, a certificate authority, and the stand-in for the model's services in a container on the engine's
 * host. The product meets it through settings an operator has too: BOT_BOTTLE_EXTRA_HOSTS and BOT_BOTTLE_EXTRA_CA.
 */

import type { DockerContext } from "../../backends/docker/context.ts";
import {
  containerLogs,
  createContainer,
  putArchive,
  removeContainer,
  startContainer,
} from "../../backends/docker/engine/containers.ts";
import { Engine } from "../../backends/docker/engine/engine.ts";
import { inspectImage } from "../../backends/docker/engine/images.ts";
import { createNetwork, inspectNetwork, removeNetwork } from "../../backends/docker/engine/networks.ts";
import { findSocket, hostSearch } from "../../backends/docker/engine/socket.ts";
import { engineFacts } from "../../backends/docker/engine/system.ts";
import { packTar } from "../../backends/docker/engine/tar.ts";
import { ensureBundleImage } from "../../backends/docker/images.ts";
import { homeDigest } from "../../backends/docker/names.ts";
import { PARTS, STAND_IN_PIPELOCK } from "../../images/parts.ts";
import { run as runProgram } from "../../images/setup/run.ts";
import type { Progress } from "../../lib/bottle/contracts.ts";
import { loadSettings } from "../../lib/state/settings.ts";
import { type CaFiles, mintCa } from "../../lib/tls/ca.ts";
import { MODEL_HOSTS } from "../standin/model_api.ts";
import type { Script } from "../standin/script.ts";
import type { RequestRecord } from "../standin/record.ts";
import { codexLogin } from "./codex_login.ts";
import { LAB_HOSTS, writeManifests } from "./lab_manifests.ts";

/** Start of the made-up token; a search for it inside a bottle must find nothing. */
export const TOKEN_PREFIX = "bottle-lab-token-";

/** A running lab. */
export interface Lab extends AsyncDisposable {
  /** Operator's home folder of the lab. */
  readonly home: string;
  /** Environment for `bottle`: HOME, settings, the made-up token. */
  readonly env: Readonly<Record<string, string>>;
  /** The credential that the stand-in must see and the agent must not. */
  readonly token: string;
  /** The access token of the made-up codex login. */
  readonly codexToken: string;
  /** Address of the stand-in, port 443. */
  readonly address: string;
  readonly engine: Engine;
  /** What the stand-in saw so far. */
  requests(): Promise<readonly RequestRecord[]>;
}

/** What the lab can be told. */
export interface LabOptions {
  /** What the model answers; a function is told the lab's address first. @default the stand-in's own answer */
  readonly answer?: string | Script | ((address: string) => Promise<Script>);
  /** Hears of image builds. @default nobody */
  readonly progress?: Progress;
}

const QUIET: Progress = {
  step: () => undefined,
  detail: () => undefined,
  warn: () => undefined,
  tail: () => undefined,
};

/** Starts a lab; disposing it removes all of it. */
export async function startLab(options: LabOptions = {}): Promise<Lab> {
  await using undo = new AsyncDisposableStack();
  const hostEnv = Deno.env.toObject();
  const realHome = hostEnv["HOME"] ?? "/root";
  const engine = await Engine.connect(findSocket(hostSearch(hostEnv, realHome)).path);
  undo.defer(() => engine.close());
  const home = await Deno.makeTempDir({ prefix: "bottle-lab-" });
  undo.defer(() => Deno.remove(home, { recursive: true }));
  const ca = await mintCa("bottle lab");
  await Deno.writeTextFile(`${home}/lab-ca.pem`, ca.certPem);

  const run = home.slice(home.lastIndexOf("-") + 1).toLowerCase();
  const address = await labAddress(engine, run, undo);
  const token = TOKEN_PREFIX + crypto.randomUUID();
  const login = codexLogin();
  await Deno.mkdir(`${home}/.codex`);
  await Deno.writeTextFile(`${home}/.codex/auth.json`, login.authJson, { mode: 0o600 });
  await writeManifests(home);
  const env = {
    ...await pipelockSetting(engine),
    ...passed(hostEnv),
    HOME: home,
    LAB_TOKEN: token,
    BOT_BOTTLE_EXTRA_CA: `${home}/lab-ca.pem`,
    BOT_BOTTLE_EXTRA_HOSTS: [...MODEL_HOSTS, ...LAB_HOSTS].map((host) => `${host}=${address}`).join(","),
  };

  const context: DockerContext = {
    engine,
    facts: await engineFacts(engine),
    hostHome: home,
    hostEnv,
    home: await homeDigest(home),
  };
  const settings = await loadSettings(env, home);
  const image = await ensureBundleImage(
    context,
    settings,
    options.progress ?? QUIET,
    new AbortController().signal,
  );
  const answer = typeof options.answer === "function" ? await options.answer(address) : options.answer;
  const standIn = await startStandIn(engine, { run, image, address, ca, answer }, undo);
  const all = undo.move();
  return {
    home,
    env,
    token,
    codexToken: login.accessToken,
    address,
    engine,
    requests: () => readRequests(engine, standIn),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** A network of the lab's own, for its address on the engine's host. */
async function labAddress(engine: Engine, run: string, undo: AsyncDisposableStack): Promise<string> {
  const name = `bottle-lab-${run}`;
  undo.defer(() => removeNetwork(engine, name));
  await createNetwork(engine, { name, internal: false, labels: { "bottle.lab": run } });
  const gateway = (await inspectNetwork(engine, name))?.IPAM.Config?.[0]?.Gateway?.split("/")[0];
  if (gateway === undefined) throw new Error(`network ${name} has no gateway`);
  return gateway;
}

/** Where the real pipelock is not to be had, set-up has made its stand-in, which must be asked for by name. */
async function pipelockSetting(engine: Engine): Promise<Record<string, string>> {
  const real = await inspectImage(engine, PARTS.pipelock.local);
  const standIn = await inspectImage(engine, STAND_IN_PIPELOCK);
  return real === undefined && standIn !== undefined ? { BOT_BOTTLE_PIPELOCK_IMAGE: STAND_IN_PIPELOCK } : {};
}

/** What a lab's bottle gets of the environment of whoever runs it. */
function passed(env: Readonly<Record<string, string>>): Record<string, string> {
  const names = Object.keys(env).filter((name) =>
    /^(DOCKER_HOST|DOCKER_CONTEXT|XDG_RUNTIME_DIR|SSL_CERT_FILE|TERM|PATH|BOT_BOTTLE_\w+_IMAGE)$/.test(name)
  );
  return Object.fromEntries(names.map((name) => [name, env[name] ?? ""]));
}

interface StandInStart {
  readonly run: string;
  readonly image: string;
  readonly address: string;
  readonly ca: CaFiles;
  readonly answer?: string | Script;
}

const STANDIN = new URL("../standin/model_api.ts", import.meta.url).pathname;

/** Runs the stand-in on the engine's host, on the lab's address, in a container of the bundle image. */
async function startStandIn(
  engine: Engine,
  { run, image, address, ca, answer }: StandInStart,
  undo: AsyncDisposableStack,
): Promise<string> {
  const name = `bottle-lab-${run}-model`;
  undo.defer(() => removeContainer(engine, name));
  const script: Script | undefined = typeof answer === "string" ? [{ text: answer }] : answer;
  const id = await createContainer(engine, name, {
    Image: image,
    Entrypoint: ["deno", "run", "--cached-only", "-A", "/lab/model_api.js"],
    Cmd: [
      ...["--listen", `${address}:443`, "--ca-cert", "/lab/ca.pem", "--ca-key", "/lab/ca-key.pem"],
      ...["--echo-hosts", LAB_HOSTS.join(",")],
      ...script === undefined ? [] : ["--script", "/lab/script.json"],
    ],
    User: "0",
    Labels: { "bottle.lab": run },
    HostConfig: { NetworkMode: "host", CapDrop: ["ALL"], CapAdd: ["NET_BIND_SERVICE"] },
  });
  const program = await runProgram([Deno.execPath(), "bundle", "--quiet", "--platform", "deno", STANDIN]);
  const file = (path: string, content: string | Uint8Array) =>
    ({ type: "file", path, content, mode: 0o644, uid: 0, gid: 0 }) as const;
  await putArchive(
    engine,
    id,
    packTar([
      file("/lab/model_api.js", program),
      file("/lab/ca.pem", ca.certPem),
      file("/lab/ca-key.pem", ca.keyPem),
      file("/lab/script.json", JSON.stringify(script ?? [])),
    ]),
  );
  await startContainer(engine, id);
  await untilListening(engine, id);
  return id;
}

async function untilListening(engine: Engine, id: string): Promise<void> {
  let text = "";
  const decoder = new TextDecoder();
  for await (
    const { bytes } of containerLogs(engine, id, { follow: true, signal: AbortSignal.timeout(20_000) })
  ) {
    text += decoder.decode(bytes, { stream: true });
    if (text.includes("listening on")) return;
  }
  throw new Error(`the stand-in ended: ${text}`);
}

async function readRequests(engine: Engine, id: string): Promise<readonly RequestRecord[]> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const { stream, bytes } of containerLogs(engine, id)) {
    if (stream === "stdout") text += decoder.decode(bytes, { stream: true });
  }
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as RequestRecord);
}
