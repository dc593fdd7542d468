/** Invariant 1: no credential that bottle brokers is in the agent, in any file, log, argv or `inspect`. */

import { assert, assertEquals } from "@std/assert";
import { containerLogs, inspectContainer } from "../../backends/docker/engine/containers.ts";
import { runExec } from "../../backends/docker/engine/exec.ts";
import { inspectImage } from "../../backends/docker/engine/images.ts";
import { resourceName } from "../../backends/docker/names.ts";
import { planBottle } from "../support/bottle.ts";
import { type Lab, startLab } from "../support/lab.ts";
import { recording, withLaunched } from "../support/launching.ts";
import { API_HOST } from "../support/lab_manifests.ts";

/** The credential as it is and as it would stand in common wrappings. */
function shapesOf(token: string): readonly string[] {
  return [token, btoa(token).slice(0, -4), btoa(`Bearer ${token}`).slice(8, -4), encodeHex(token)];
}

function encodeHex(text: string): string {
  return new TextEncoder().encode(text).toHex();
}

/** A grep for a text in which the search does not find itself. */
function bracketed(text: string): string {
  return `[${text[0]}]${text.slice(1).replaceAll(".", "[.]")}`;
}

/** Command lines of every process of this host. */
async function hostArgvs(): Promise<string> {
  let all = "";
  for await (const { name } of Deno.readDir("/proc")) {
    if (/^\d+$/.test(name)) all += await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
  }
  return all;
}

async function textsBelow(folder: string): Promise<string> {
  let all = "";
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) all += await textsBelow(path);
    else if (entry.isFile) all += `${path}\n${new TextDecoder("latin1").decode(await Deno.readFile(path))}`;
  }
  return all;
}

/** Everything of a bottle that can be read outside the memory of init and egress, by where it stands. */
async function readable(lab: Lab, identity: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const role of ["agent", "bundle"] as const) {
    const name = resourceName(identity, role);
    const info = await inspectContainer(lab.engine, name);
    found[`inspect ${role}`] = JSON.stringify(info);
    found[`image ${role}`] = JSON.stringify(await inspectImage(lab.engine, info?.Image ?? "")) +
      JSON.stringify(await lab.engine.json("GET", `/images/${info?.Image}/history`));
    let log = "";
    for await (const { bytes } of containerLogs(lab.engine, name)) log += new TextDecoder().decode(bytes);
    found[`log ${role}`] = log;
  }
  found["state folder"] = await textsBelow(`${lab.home}/.bot-bottle`);
  found["argv on the host"] = await hostArgvs();
  return found;
}

for (const agent of ["claude", "codex"]) {
  Deno.test(`the token of ${agent} is nowhere but in the bundle's memory`, async () => {
    await using lab = await startLab();
    const token = agent === "claude" ? lab.token : lab.codexToken;
    const { backend, plan } = await planBottle(lab, agent);
    let argvs = "";
    const watching = setInterval(() => void hostArgvs().then((text) => argvs += text), 100);
    const said = recording();
    try {
      await withLaunched(lab, { backend, plan, progress: said }, async (bottle) => {
        // The control: the search can find it, and it is in use.
        const url = agent === "claude" ? `https://${API_HOST}/v1/x` : "https://chatgpt.com/backend-api/x";
        await bottle.exec(`curl -sS -m 10 ${url}`, { user: "node" });
        const seen = (await lab.requests()).map(({ authorization }) => authorization);
        assert(seen.includes(`Bearer ${token}`), JSON.stringify(seen));
        const egress = await runExec(lab.engine, resourceName(plan.identity, "bundle"), {
          argv: ["sh", "-c", "for f in /proc/[0-9]*/environ; do cat $f 2>/dev/null; done"],
          user: "9099:9099",
        });
        assert(egress.stdout.includes(token), "egress should hold it");

        const places: Record<string, string> = {
          ...await readable(lab, plan.identity),
          "argv during the launch": argvs,
          "what the launch said": JSON.stringify(said),
          "the plan, printed": JSON.stringify(plan) + Deno.inspect(plan, { depth: 20 }),
        };
        assertEquals(argvs !== "", true);
        for (const shape of shapesOf(token)) {
          for (const [place, text] of Object.entries(places)) {
            assert(!text.includes(shape), `${place} holds the token`);
          }
        }
        // The end of it alone is enough to know it by, and of a JWT it is the signature.
        const patterns = shapesOf(token).map((shape) => `-e '${bracketed(shape.slice(-24))}'`).join(" ");
        for (const user of ["node", "root"] as const) {
          const { stdout } = await bottle.exec(
            `cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -a ${patterns}
LC_ALL=C grep -rlaI ${patterns} /home /root /tmp /etc /run /var /opt /srv /mnt /dev/shm 2>/dev/null
echo searched`,
            { user },
          );
          assertEquals(stdout, "searched\n");
        }
        // The CA's key stays outside too.
        const { stdout } = await bottle.exec(
          "grep -rlaE 'BEGIN (EC |RSA |)PRIVATE[ ]KEY' /home /root /tmp /etc /run /var /usr/local/share 2>/dev/null; echo searched",
          { user: "root" },
        );
        assertEquals(stdout, "searched\n");
      });
    } finally {
      clearInterval(watching);
    }
  });
}

Deno.test("the manifest's own env is in no inspect, and bottle's state is the operator's alone", async () => {
  await using lab = await startLab();
  const { backend, plan } = await planBottle(lab, "claude");
  await withLaunched(lab, { backend, plan, progress: recording() }, async (bottle) => {
    assertEquals((await bottle.exec("echo $LAB_NOTE", { user: "node" })).stdout, "from the manifest\n");
    for (const [place, text] of Object.entries(await readable(lab, plan.identity))) {
      if (place !== "state folder") assert(!text.includes("from the manifest"), place);
    }
    const check = async (folder: string): Promise<void> => {
      for await (const entry of Deno.readDir(folder)) {
        const path = `${folder}/${entry.name}`;
        const mode = ((await Deno.lstat(path)).mode ?? 0) & 0o777;
        assertEquals(mode, entry.isDirectory ? 0o700 : 0o600, path);
        if (entry.isDirectory) await check(path);
      }
    };
    await check(`${lab.home}/.bot-bottle/state`);
  });
});
