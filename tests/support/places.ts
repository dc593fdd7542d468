/** Every place of a running bottle where a secret could have been left. */

import { Buffer } from "node:buffer";
import { containerLogs, inspectContainer } from "../../backends/docker/engine/containers.ts";
import { resourceName, type Role } from "../../backends/docker/names.ts";
import { homePaths } from "../../lib/state/paths.ts";
import { inAgent, processesOf } from "./inside.ts";
import type { Lab } from "./lab.ts";
import { streamOf } from "./needles.ts";

/** A place to search. */
export interface Place {
  readonly name: string;
  /** A text that is in there: a search that does not find it has not looked. */
  readonly control: string;
  /** All its bytes. */
  read(): Promise<AsyncIterable<Uint8Array> | Iterable<Uint8Array>>;
}

/** The places of a bottle. Only the bundle's and the operator's own processes may hold a credential, in memory. */
export async function placesOf(lab: Lab, identity: string): Promise<readonly Place[]> {
  const agent = resourceName(identity, "agent");
  const image = (await inspectContainer(lab.engine, agent))?.Config.Image;
  if (image === undefined) throw new Error(`${agent} is gone`);
  const path = image.split("/").map(encodeURIComponent).join("/");
  return [
    {
      name: "the agent's processes",
      control: "LAB_NOTE=from the manifest",
      read: async () => streamOf(await processesOf(lab, identity)),
    },
    {
      name: "the environment of a new program in the agent",
      control: "PATH=",
      read: async () => streamOf(await inAgent(lab, identity, "env; cat /proc/mounts")),
    },
    answer(lab, `files of the agent`, `/containers/${agent}/export`, "agent@lab.example"),
    answer(lab, "layers of the agent image", `/images/${path}/get`, "node:x:1000:1000"),
    answer(lab, "history of the agent image", `/images/${path}/history`, "CreatedBy"),
    ...(["agent", "bundle"] as const).flatMap((role) => ofContainer(lab, identity, role)),
    answer(
      lab,
      "files of the bundle",
      `/containers/${resourceName(identity, "bundle")}/export`,
      "api_allowlist",
    ),
    {
      name: "command lines on the host",
      control: "dist/bottle\0start\0",
      read: () => Promise.resolve(hostCommandLines()),
    },
    {
      name: "the folder of bottle in the operator's home",
      control: `"identity": "${identity}"`,
      read: () => Promise.resolve(filesBelow(homePaths(lab.home).root)),
    },
  ];
}

function ofContainer(lab: Lab, identity: string, role: Role): readonly Place[] {
  const name = resourceName(identity, role);
  const logs = async function* (): AsyncGenerator<Uint8Array> {
    // The agent container's own log is empty: its program is attached.
    yield* streamOf(`logs of ${name}\n`);
    for await (const { bytes } of containerLogs(lab.engine, name)) yield bytes;
  };
  return [
    answer(lab, `inspect of the ${role}`, `/containers/${name}/json`, identity),
    // The bundle runs nothing but its own init.
    {
      name: `execs of the ${role}`,
      control: role === "agent" ? "--dangerously-" : "none",
      read: () => execs(lab, name),
    },
    {
      name: `logs of the ${role}`,
      control: role === "bundle" ? "egress" : "logs of",
      read: () => Promise.resolve(logs()),
    },
  ];
}

/** What the engine answers to a GET. */
function answer(lab: Lab, name: string, path: string, control: string): Place {
  return {
    name,
    control,
    read: async () => (await lab.engine.request("GET", path)).body ?? [],
  };
}

/** The engine remembers how every program was started in a container. */
async function execs(lab: Lab, container: string): Promise<readonly Uint8Array[]> {
  const { ExecIDs } = await lab.engine.json<{ ExecIDs: string[] | null }>(
    "GET",
    `/containers/${container}/json`,
  );
  if (ExecIDs === null) return streamOf("none");
  let text = "";
  for (const id of ExecIDs) text += JSON.stringify(await lab.engine.json("GET", `/exec/${id}/json`));
  return streamOf(text);
}

/** Command lines of all processes now. */
export async function* hostCommandLines(): AsyncGenerator<Uint8Array> {
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const bytes = await Deno.readFile(`/proc/${name}/cmdline`).catch(() => new Uint8Array());
    yield Buffer.concat([bytes, Buffer.from("\n")]);
  }
}

async function* filesBelow(folder: string): AsyncGenerator<Uint8Array> {
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    yield* streamOf(`\n${path}\n`);
    if (entry.isDirectory) yield* filesBelow(path);
    else if (entry.isFile) yield await Deno.readFile(path);
  }
}
