/** The figures: what is measured of each way to the upstream. Everything is in milliseconds. */

import { writeHistory } from "./history.ts";
import { ageLook, type Client, cool, type Repo, warm, type World } from "./world.ts";
import { madeUpToken, refsOf } from "../../support/git_gate.ts";
import { runOrThrow } from "../../support/sshd.ts";

/** Names of the figures, in the order of the table. */
export const FIGURE_NAMES = [
  "clone",
  "fetch1",
  "fetch100",
  "fetch0",
  "fetch1cold",
  "push",
  "pushSoon",
] as const;

/** Name of a figure. */
export type FigureName = typeof FIGURE_NAMES[number];

/** Commits of a push. */
const PUSHED = 100;

/** Where a number comes from that has not been used: seeds of new commits. */
let seed = 1;

/** What comes before a figure is measured of each client in turn. */
export async function prepare(world: World, figure: FigureName): Promise<void> {
  if (figure === "fetch1" || figure === "fetch1cold") await advance(world, 1);
  if (figure === "fetch100") await advance(world, 100);
}

/** New commits on the upstream. */
async function advance(world: World, commits: number): Promise<void> {
  const ref = "refs/heads/main";
  await writeHistory(world.bare("fetched"), { ref, from: `${ref}^0`, commits, seed: ++seed });
}

/** Waits until others do not compute. */
export type Quiet = () => Promise<void>;

/** Measures one figure of one client, each time in a quiet moment; a push gives what gitleaks alone takes too. */
export async function measure(
  world: World,
  client: Client,
  figure: FigureName,
  quiet: Quiet,
): Promise<{ readonly ms: number; readonly gitleaks?: number }> {
  if (figure === "clone") return { ms: await clone(world, client, quiet) };
  if (figure === "push" || figure === "pushSoon") return await push(world, client, figure === "push", quiet);
  return { ms: await fetch(world, client, figure === "fetch1cold", quiet) };
}

async function clone(world: World, client: Client, quiet: Quiet): Promise<number> {
  await warm(client, world.temp, "fetched");
  await quiet();
  const folder = `${world.temp}/clone`;
  const ms = await client.timed(world.temp, ["clone", "--quiet", client.url("fetched"), folder]);
  await same(world, "fetched", folder);
  await Deno.remove(folder, { recursive: true });
  return ms;
}

async function fetch(world: World, client: Client, cold: boolean, quiet: Quiet): Promise<number> {
  const { gate } = client;
  // The other repository's listing would warm nothing: each has a connection of its own.
  if (gate !== undefined && cold) await cool(gate, "fetched");
  const folder = client.folder("fetched");
  await quiet();
  const ms = await client.timed(folder, ["fetch", "--quiet", "origin"]);
  await same(world, "fetched", folder);
  return ms;
}

/** A working copy must have what is upstream. */
async function same(world: World, repo: Repo, folder: string): Promise<void> {
  const [there, here] = [await refsOf(world.bare(repo)), await refsOf(folder)];
  if (there["refs/heads/main"] !== here["refs/remotes/origin/main"]) throw new Error("it got something else");
}

async function push(world: World, client: Client, lookOld: boolean, quiet: Quiet) {
  const { gate, side } = client;
  const folder = client.folder("pushed");
  const branch = `refs/heads/bench/${side}-${++seed}`;
  const base = "refs/remotes/origin/main";
  const tip = await writeHistory(folder, { ref: branch, from: `${base}^0`, commits: PUSHED, seed });
  await warm(client, world.temp, "pushed");
  await quiet();
  if (gate !== undefined && lookOld) await ageLook(gate, "pushed");
  const ms = await client.timed(folder, ["push", "--quiet", "origin", branch]);
  if ((await refsOf(world.bare("pushed")))[branch] !== tip) throw new Error("it is not there");
  if (gate !== undefined) return { ms };
  await quiet();
  return { ms, gitleaks: await gitleaksAlone(folder, `${base}..${branch}`) };
}

/** What a scan of the pushed commits takes by itself. */
async function gitleaksAlone(folder: string, range: string): Promise<number> {
  const began = performance.now();
  const args = ["git", "--no-banner", "--redact", "--exit-code", "7", `--log-opts=${range}`, folder];
  await runOrThrow("gitleaks", args);
  return performance.now() - began;
}

/** A gate must be one that scans, or its figures are another thing's. @throws {Error} it lets a secret pass */
export async function prove(client: Client): Promise<void> {
  if (client.gate === undefined) return;
  const folder = client.folder("pushed");
  const run = (...args: readonly string[]) => client.timed(folder, args);
  const mail = ["-c", "user.name=Bench", "-c", "user.email=bench@lab.example"];
  await run("checkout", "--quiet", "--detach");
  await Deno.writeTextFile(`${folder}/leak.ts`, `export const it = "${madeUpToken()}";\n`);
  await run("add", "leak.ts");
  await run(...mail, "commit", "--quiet", "-m", "a leak");
  const said = await run("push", "origin", "HEAD:refs/heads/leak").then(() => "", String);
  if (!said.includes("gitleaks found a secret")) throw new Error(`${client.side} scans nothing: ${said}`);
  await run("checkout", "--quiet", "main");
}
