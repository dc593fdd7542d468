import { assert, assertEquals, assertRejects } from "@std/assert";
import { OperatorError } from "../../../lib/errors.ts";
import { acquireOwnerLock, isHeld } from "../../../lib/state/lock.ts";
import { type Metadata, readMetadata, writeMetadata } from "../../../lib/state/metadata.ts";
import { listIdentities, makeStateFolders, removeStateFolder, statePaths } from "../../../lib/state/paths.ts";
import { clearPreserved, isPreserved, markPreserved } from "../../../lib/state/preserve.ts";
import { withHome } from "./folder.ts";

const ID = "dev-abc12";

const METADATA: Metadata = {
  identity: ID,
  agentName: "dev",
  backend: "docker",
  cwd: "/src",
  copyCwd: true,
  startedAt: "2026-01-02T03:04:05.000Z",
};

async function makeState(home: string): Promise<void> {
  const lock = await acquireOwnerLock(home, ID);
  await makeStateFolders(statePaths(home, ID));
  lock.release();
}

async function writeRaw(home: string, text: string): Promise<void> {
  await makeState(home);
  await Deno.writeTextFile(statePaths(home, ID).metadata, text);
}

Deno.test("state folders are 0700 and files 0600 under any umask", () =>
  withHome(async (home) => {
    const before = Deno.umask(0o000);
    try {
      await makeState(home);
      await writeMetadata(home, METADATA);
      await markPreserved(home, ID);
    } finally {
      Deno.umask(before);
    }
    const paths = statePaths(home, ID);
    const folders = [paths.dir, paths.agent, paths.egress, paths.pipelock, paths.gitGate, paths.queue];
    for (const folder of [...folders, `${home}/.bot-bottle`, `${home}/.bot-bottle/state`, paths.supervise]) {
      assertEquals((await Deno.stat(folder)).mode! & 0o777, 0o700, folder);
    }
    for (const file of [paths.lock, paths.metadata, paths.preserve]) {
      assertEquals((await Deno.stat(file)).mode! & 0o777, 0o600, file);
    }
  }));

Deno.test("a state folder of another mode is closed to others again", () =>
  withHome(async (home) => {
    await makeState(home);
    const { dir, queue } = statePaths(home, ID);
    for (const folder of [dir, queue]) await Deno.chmod(folder, 0o777);
    await makeStateFolders(statePaths(home, ID));
    for (const folder of [dir, queue]) assertEquals((await Deno.stat(folder)).mode! & 0o777, 0o700, folder);
  }));

Deno.test("metadata comes back as it was written, under the names of the format", () =>
  withHome(async (home) => {
    await makeState(home);
    await writeMetadata(home, METADATA);
    assertEquals(await readMetadata(home, ID), METADATA);
    const raw: unknown = JSON.parse(await Deno.readTextFile(statePaths(home, ID).metadata));
    assertEquals(raw, {
      identity: ID,
      agent_name: "dev",
      backend: "docker",
      cwd: "/src",
      copy_cwd: true,
      started_at: "2026-01-02T03:04:05.000Z",
    });
    const left = [...Deno.readDirSync(statePaths(home, ID).dir)].map((entry) => entry.name);
    assertEquals(left.filter((name) => name.endsWith(".tmp")), []);
  }));

Deno.test("no metadata is not an error", () =>
  withHome(async (home) => assertEquals(await readMetadata(home, ID), undefined)));

Deno.test("metadata without a backend means docker, and a newer version's fields are ignored", () =>
  withHome(async (home) => {
    await writeRaw(home, JSON.stringify({ identity: ID, agent_name: "dev", from_the_future: [1] }));
    const metadata = await readMetadata(home, ID);
    assertEquals(metadata?.backend, "docker");
    assertEquals(metadata?.startedAt, "");
  }));

const BROKEN: readonly [string, string, string][] = [
  ["half a file", '{"identity": "dev-a', "it is not JSON"],
  ["a list", "[]", "the top level"],
  ["no agent", JSON.stringify({ identity: ID }), "agent_name"],
  ["a wrong type", JSON.stringify({ identity: ID, agent_name: "dev", cwd: 3 }), "cwd"],
  ["another's identity", JSON.stringify({ identity: "x-00000", agent_name: "x" }), "the folder is dev-abc12"],
];

for (const [title, text, expected] of BROKEN) {
  Deno.test(`broken metadata is named: ${title}`, () =>
    withHome(async (home) => {
      await writeRaw(home, text);
      const error = await assertRejects(() => readMetadata(home, ID), OperatorError) as OperatorError;
      assert(error.message.includes(`${ID}/metadata.json`), error.message);
      assert(error.message.includes(expected), error.message);
      assert(!error.line.includes("\n"), error.line);
    }));
}

Deno.test("the preserve marker is set, seen and cleared", () =>
  withHome(async (home) => {
    await makeState(home);
    assertEquals(await isPreserved(home, ID), false);
    await markPreserved(home, ID);
    assertEquals(await isPreserved(home, ID), true);
    await clearPreserved(home, ID);
    await clearPreserved(home, ID);
    assertEquals(await isPreserved(home, ID), false);
  }));

Deno.test("identities are listed; other names in the state folder are left alone", () =>
  withHome(async (home) => {
    assertEquals(await listIdentities(home), []);
    await makeState(home);
    await Deno.mkdir(`${home}/.bot-bottle/state/Not An Identity`);
    await Deno.writeTextFile(`${home}/.bot-bottle/state/file-00000`, "");
    assertEquals(await listIdentities(home), [ID]);
    await removeStateFolder(home, ID);
    await removeStateFolder(home, ID);
    assertEquals(await listIdentities(home), []);
  }));

Deno.test("an owned bottle is held, for others too, until it is released", () =>
  withHome(async (home) => {
    assertEquals(await isHeld(home, ID), false);
    const lock = await acquireOwnerLock(home, ID);
    assertEquals(await isHeld(home, ID), true);
    await assertRejects(() => acquireOwnerLock(home, ID), OperatorError, "in use by another bottle process");
    lock.release();
    lock.release();
    assertEquals(await isHeld(home, ID), false);
    (await acquireOwnerLock(home, ID)).release();
  }));

Deno.test("looking does not take the lock away from who wants it", () =>
  withHome(async (home) => {
    (await acquireOwnerLock(home, ID)).release();
    let looking = true;
    const lookers = Array.from({ length: 4 }, async () => {
      while (looking) await isHeld(home, ID);
    });
    for (let i = 0; i < 10; i++) (await acquireOwnerLock(home, ID)).release();
    looking = false;
    await Promise.all(lookers);
  }));

Deno.test("a fresh identity whose folder exists is refused", () =>
  withHome(async (home) => {
    await makeState(home);
    await assertRejects(() => acquireOwnerLock(home, ID, { fresh: true }), OperatorError, "already taken");
  }));

Deno.test("the lock of a process that was killed is free", () =>
  withHome(async (home) => {
    const program = `
      import { acquireOwnerLock } from ${
      JSON.stringify(new URL("../../../lib/state/lock.ts", import.meta.url))
    };
      await acquireOwnerLock(${JSON.stringify(home)}, "${ID}");
      Deno.stdout.writeSync(new TextEncoder().encode("held\\n"));
      setInterval(() => {}, 1000);
    `;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", "--ext=ts", program],
      cwd: new URL("../../../", import.meta.url),
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reader = child.stdout.getReader();
    const first = await reader.read();
    assertEquals(new TextDecoder().decode(first.value), "held\n");
    assertEquals(await isHeld(home, ID), true);
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    assertEquals(await isHeld(home, ID), false);
  }));
