/** Set-up as a program on the real engine, and its steps where the world must be made to refuse. */

import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { getArchive } from "../../../backends/docker/engine/containers.ts";
import { createContainer, removeContainer } from "../../../backends/docker/engine/containers.ts";
import { Engine } from "../../../backends/docker/engine/engine.ts";
import { inspectImage } from "../../../backends/docker/engine/images.ts";
import { findSocket, hostSearch } from "../../../backends/docker/engine/socket.ts";
import { readTar } from "../../../backends/docker/engine/tar.ts";
import { PART_KINDS, PARTS, STAND_IN_PIPELOCK } from "../../../images/parts.ts";
import { findPipelock } from "../../../images/setup/pipelock.ts";
import { Report } from "../../../images/setup/report.ts";
import { CommandError } from "../../../images/setup/run.ts";
import { realOrStandIn, STAND_IN_DIGEST_LABEL } from "../../../images/setup/stand_in.ts";
import type { Surroundings } from "../../../images/setup/surroundings.ts";
import { OperatorError } from "../../../lib/errors.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;
const BASE = PARTS.base.local;

interface Ran {
  readonly status: number;
  readonly stderr: string;
}

/** Runs set-up with a home folder of its own. */
async function setUp(home: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${ROOT}images/setup/main.ts`, ...args],
    env: { HOME: home, NO_COLOR: "1", DENO_DIR: await denoDir(), ...env },
  }).output();
  return { status: code, stderr: new TextDecoder().decode(stderr) };
}

/** The cache in use here: a fresh home must not mean fresh downloads of the program's own modules. */
async function denoDir(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const info: { denoDir: string } = JSON.parse(new TextDecoder().decode(stdout));
  return info.denoDir;
}

async function inHome(work: (home: string) => Promise<void>): Promise<void> {
  const home = await Deno.makeTempDir();
  try {
    await work(home);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

const namedParts = (ref: string) => Object.fromEntries(PART_KINDS.map((kind) => [PARTS[kind].setting, ref]));

Deno.test("parts that the settings name are taken at the word, and nothing is made", () =>
  inHome(async (home) => {
    const { status, stderr } = await setUp(home, [], namedParts(BASE));
    assertEquals(status, 0, stderr);
    for (const kind of PART_KINDS) {
      assertStringIncludes(stderr, `setup: ${kind}: ${BASE} (${PARTS[kind].setting})`);
    }
    assertMatch(stderr, /^setup: engine: \S+ \(API \d+\.\d+\) answers at \//m);
    assertMatch(stderr, /^setup: ready \(\d+\.\d s\)$/m);
    const kept = await Array.fromAsync(Deno.readDir(`${home}/.cache/bot-bottle/parts`), ({ name }) => name);
    assertEquals(kept, [".lock"]);
  }));

Deno.test("a local part that is named and absent is never asked of a registry", () =>
  inHome(async (home) => {
    const env = { ...namedParts(BASE), [PARTS.deno.setting]: "bot-bottle-part/deno:none" };
    const { status, stderr } = await setUp(home, [], env);
    assertEquals(status, 1);
    assertStringIncludes(stderr, "setup: error: deno: the engine has no image bot-bottle-part/deno:none");
    assertStringIncludes(stderr, PARTS.deno.setting);
    assertEquals(stderr.includes("pull"), false, stderr);
  }));

Deno.test("no engine at a socket that the operator named: said, and none is started", () =>
  inHome(async (home) => {
    const { status, stderr } = await setUp(home, [], { DOCKER_HOST: `unix://${home}/none.sock` });
    assertEquals(status, 1);
    assertMatch(stderr, /^setup: error: the docker engine is not running: .*run set-up again$/m);
    assertEquals(stderr.includes("apt-get"), false, stderr);
  }));

Deno.test("an unknown argument is a usage error", () =>
  inHome(async (home) => {
    const { status, stderr } = await setUp(home, ["--fast"]);
    assertEquals(status, 2);
    assertStringIncludes(stderr, '"--fast"');
  }));

interface Ground {
  readonly at: Surroundings;
  readonly said: string[];
  /** Puts a shell script on the path. */
  script(name: string, body: string): Promise<void>;
}

/** Surroundings whose path holds only what the test puts there (and the shell). */
async function onGround(work: (ground: Ground) => Promise<void>): Promise<void> {
  await inHome(async (home) => {
    const bin = `${home}/bin`;
    await Deno.mkdir(bin);
    const said: string[] = [];
    const report = new Report((line) => said.push(line));
    const at = { env: {}, path: bin, home, cache: home, logs: home, arch: "x64", report } as const;
    const script = (name: string, body: string) =>
      Deno.writeTextFile(`${bin}/${name}`, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    const before = Deno.env.get("PATH") ?? "";
    Deno.env.set("PATH", `${bin}:${before}`);
    try {
      await work({ at, said, script });
    } finally {
      Deno.env.set("PATH", before);
    }
  });
}

const REFUSAL = "reading https://proxy.example/@v/v2.3.0.zip: 403 Forbidden";

Deno.test("a pipelock that cannot be had is named, with the command's last lines and what to do", () =>
  onGround(async ({ at, script }) => {
    await script("go", `echo 'go: downloading'; echo '${REFUSAL}' >&2; exit 1`);
    const error: OperatorError = await assertRejects(() => findPipelock(at), OperatorError, "pipelock 2.3.0");
    assertStringIncludes(error.mend ?? "", PARTS.pipelock.setting);
    assertEquals(error.cause instanceof CommandError ? error.cause.lastLines : [], [
      "go: downloading",
      REFUSAL,
    ]);
    assertEquals(await Array.fromAsync(Deno.readDir(at.cache), ({ name }) => name), ["bin"]);
  }));

Deno.test("without go the same is said", () =>
  onGround(async ({ at }) => {
    const error: OperatorError = await assertRejects(
      () => findPipelock(at),
      OperatorError,
      "go is not on the PATH",
    );
    assertStringIncludes(error.mend ?? "", PARTS.pipelock.setting);
  }));

for (
  const [name, version, reason] of [
    ["another series", "pipelock version 2.2.9", "it is not pipelock 2.3"],
    ["no static program", "pipelock version 2.3.4", "not a static Linux program"],
  ] as const
) {
  Deno.test(`a pipelock on the path that does not serve is passed over: ${name}`, () =>
    onGround(async ({ at, said, script }) => {
      await script("pipelock", `echo '${version}'`);
      await script("go", `echo '${REFUSAL}' >&2; exit 1`);
      await assertRejects(() => findPipelock(at), OperatorError);
      assertStringIncludes(said.join("\n"), reason);
    }));
}

Deno.test("the stand-in comes only when the real one cannot be had, under its own tag, with a warning", () =>
  onGround(async ({ at, said }) => {
    const socket = findSocket(hostSearch(Deno.env.toObject(), Deno.env.get("HOME") ?? "/"));
    await using engine = await Engine.connect(socket.path);
    const realBefore = (await inspectImage(engine, PARTS.pipelock.local))?.Id;
    await realOrStandIn(at, engine, () => Promise.resolve());
    assertEquals(said, []);
    const refused = () => Promise.reject(new OperatorError("pipelock 2.3.0 cannot be had"));
    await realOrStandIn(at, engine, refused);
    const image = await inspectImage(engine, STAND_IN_PIPELOCK);
    assertEquals(said.filter((line) => line.startsWith("setup: warning:")).length, 2);
    assertStringIncludes(said.join("\n"), "imitation");
    const program = await fileOf(engine, STAND_IN_PIPELOCK, "/pipelock");
    assertMatch(program, /^#!\/usr\/bin\/env -S deno run /);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(program)))
      .toHex();
    assertEquals(image?.Config.Labels?.[STAND_IN_DIGEST_LABEL], digest);
    assertEquals((await inspectImage(engine, PARTS.pipelock.local))?.Id, realBefore);
    await realOrStandIn(at, engine, refused);
    assertEquals((await inspectImage(engine, STAND_IN_PIPELOCK))?.Id, image?.Id);
  }));

Deno.test("a mistake in set-up itself is not covered by the stand-in", () =>
  onGround(async ({ at }) => {
    const socket = findSocket(hostSearch(Deno.env.toObject(), Deno.env.get("HOME") ?? "/"));
    await using engine = await Engine.connect(socket.path);
    await assertRejects(
      () => realOrStandIn(at, engine, () => Promise.reject(new TypeError("bug"))),
      TypeError,
    );
  }));

async function fileOf(engine: Engine, image: string, path: string): Promise<string> {
  // It is never started: the command only has to be there.
  const id = await createContainer(engine, `bottle-setup-${crypto.randomUUID().slice(0, 8)}`, {
    Image: image,
    Cmd: ["/pipelock"],
  });
  try {
    const archive = await getArchive(engine, id, path);
    if (archive === undefined) throw new Error(`${image} has no ${path}`);
    for await (const entry of readTar(archive)) {
      assertEquals((entry.header.mode ?? 0) & 0o777, 0o755);
      return await new Response(entry.body as ReadableStream<Uint8Array<ArrayBuffer>>).text();
    }
    throw new Error("an empty archive");
  } finally {
    await removeContainer(engine, id);
  }
}
