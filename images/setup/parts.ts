/** The part images: found in the engine, pulled, or made from packages. */

import type { Engine } from "../../backends/docker/engine/engine.ts";
import { atEdge } from "../../backends/docker/engine/errors.ts";
import { importImage, inspectImage } from "../../backends/docker/engine/images.ts";
import { packTar } from "../../backends/docker/engine/tar.ts";
import { messageOf, OperatorError } from "../../lib/errors.ts";
import { escapeUntrusted } from "../../lib/escape.ts";
import type { Settings } from "../../lib/state/settings.ts";
import { type PartFacts, type PartKind, PARTS } from "../parts.ts";
import { keep } from "./artefacts.ts";
import { GITLEAKS, goInstall } from "./go.ts";
import { BASE_CHANGES, makeBase } from "./make_base.ts";
import { denoPackage, fetchNpmPackage } from "./npm.ts";
import { findPipelock } from "./pipelock.ts";
import { inReach, pullImage, registryReference } from "./registry.ts";
import { commandFailed, run } from "./run.ts";
import type { Surroundings } from "./surroundings.ts";

/** Label of a part image: version of what is in it. */
export const VERSION_LABEL = "bot-bottle.part-version";

/** Repositories of the images that set-up makes itself. */
const LOCAL_PREFIX = "bot-bottle-part/";

/** Registries already asked in this run, by host. */
export type Reach = Map<string, Promise<boolean>>;

/**
 * Sees to it that the engine has a part.
 *
 * @throws {OperatorError} it cannot be had: what was tried and what to do
 */
export async function ensurePart(
  at: Surroundings,
  engine: Engine,
  settings: Settings,
  kind: PartKind,
  reach: Reach,
): Promise<void> {
  const facts = PARTS[kind];
  const has = async (ref: string) => await inspectImage(engine, ref) !== undefined;
  const set = settings[facts.settingKey];
  if (set !== undefined) {
    if (!await has(set)) await pullNamed(at, engine, kind, set);
    return at.report.say(`${kind}: ${escapeUntrusted(set)} (${facts.setting})`);
  }
  for (const ref of [facts.local, facts.registry]) {
    if (await has(ref)) return at.report.say(`${kind}: ${ref} is there`);
  }
  if (await pulled(at, engine, kind, facts, reach)) return;
  if (Deno.build.os !== "linux") {
    throw new OperatorError(
      `${kind}: no registry is in reach, and only Linux makes part images from packages`,
      {
        mend: `set ${facts.setting} to an image that the engine has`,
      },
    );
  }
  await MAKERS[kind](at, engine);
  at.report.say(`${kind}: ${facts.local} made from packages`);
}

async function pullNamed(at: Surroundings, engine: Engine, kind: PartKind, ref: string): Promise<void> {
  if (ref.startsWith(LOCAL_PREFIX)) {
    // Such names are ours and on no registry; whoever owned them there could hand us anything.
    throw new OperatorError(`${kind}: the engine has no image ${escapeUntrusted(ref)}`, {
      mend: `unset ${PARTS[kind].setting}, or set it to an image that there is`,
    });
  }
  await at.report.step(`${kind}: pull ${escapeUntrusted(ref)}`, () => atEdge(kind, pullImage(engine, ref)));
}

async function pulled(
  at: Surroundings,
  engine: Engine,
  kind: PartKind,
  facts: PartFacts,
  reach: Reach,
): Promise<boolean> {
  const { host } = registryReference(facts.registry);
  const asked = reach.get(host) ?? inReach(host);
  reach.set(host, asked);
  if (!await asked) {
    at.report.say(`${kind}: registry ${host} is not in reach`);
    return false;
  }
  try {
    await at.report.step(
      `${kind}: pull ${facts.registry}`,
      () => atEdge(kind, pullImage(engine, facts.registry)),
    );
    return true;
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    at.report.warn(`${messageOf(error)}; made from packages instead`);
    return false;
  }
}

type Maker = (at: Surroundings, engine: Engine) => Promise<void>;

const MAKERS: Readonly<Record<PartKind, Maker>> = {
  async base(at, engine) {
    const tar = await makeBase(at);
    await at.report.step("base: import", async () => {
      const file = await Deno.open(tar);
      await importAs(engine, PARTS.base.local, file.readable, [
        ...BASE_CHANGES,
        versionLabel(PARTS.base.version),
      ]);
    });
  },
  async deno(at, engine) {
    await importProgram(engine, PARTS.deno, await denoProgram(at), PARTS.deno.version);
  },
  async gitleaks(at, engine) {
    let program: string;
    try {
      program = await goInstall(at, GITLEAKS);
    } catch (error) {
      const mend =
        `set ${PARTS.gitleaks.setting} to an image with gitleaks at /usr/bin/gitleaks, then run set-up again`;
      throw commandFailed(`gitleaks ${PARTS.gitleaks.version} cannot be had`, error, mend);
    }
    await importProgram(engine, PARTS.gitleaks, program, PARTS.gitleaks.version);
  },
  async pipelock(at, engine) {
    const program = await findPipelock(at);
    at.report.say(`pipelock: version ${program.version} from ${program.from}`);
    await importProgram(engine, PARTS.pipelock, program.path, program.version);
  },
};

/** Deno's program out of its npm package, kept between runs. */
async function denoProgram(at: Surroundings): Promise<string> {
  return await keep(at, `deno-${PARTS.deno.version}-${at.arch}`, async (path) => {
    const tgz = await fetchNpmPackage(at, denoPackage(at.arch));
    const folder = await Deno.makeTempDir({ dir: at.cache, prefix: "deno-" });
    try {
      await run(["tar", "-xzf", tgz, "-C", folder, "--strip-components=1", "package/deno"]);
      await Deno.rename(`${folder}/deno`, path);
    } catch (error) {
      throw commandFailed("unpacking deno", error, `remove ${tgz}, then run set-up again`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** Makes an image that holds one program, where the Dockerfile takes it from. */
async function importProgram(
  engine: Engine,
  facts: PartFacts,
  program: string,
  version: string,
): Promise<void> {
  const [path] = facts.files;
  if (path === undefined) throw new TypeError("a part without a file");
  const content = await Deno.readFile(program);
  await importFile(engine, facts.local, path, content, [versionLabel(version)]);
}

/** Makes an image of one executable file. @throws {OperatorError} the engine refuses it */
export async function importFile(
  engine: Engine,
  ref: string,
  path: string,
  content: Uint8Array,
  changes: readonly string[],
): Promise<void> {
  const tar = packTar([{ type: "file", path, mode: 0o755, uid: 0, gid: 0, mtime: new Date(0), content }]);
  await importAs(engine, ref, tar, changes);
}

async function importAs(
  engine: Engine,
  ref: string,
  tar: ReadableStream<Uint8Array>,
  changes: readonly string[],
): Promise<void> {
  const colon = ref.lastIndexOf(":");
  const reference = { repo: ref.slice(0, colon), tag: ref.slice(colon + 1) };
  await atEdge(`importing image ${ref}`, importImage(engine, tar, reference, changes));
}

function versionLabel(version: string): string {
  return `LABEL ${VERSION_LABEL}=${version}`;
}
