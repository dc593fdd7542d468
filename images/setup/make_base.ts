/**
 * The base image without a registry: Debian bookworm by mmdebstrap, with Node and npm from npm, laid out like the
 * public Node image (programs in /usr/local, user node with uid and gid 1000).
 */

import { PARTS } from "../parts.ts";
import { keep } from "./artefacts.ts";
import { ensureProgram } from "./debian.ts";
import { fetchNpmPackage, nodePackage, NPM_PACKAGE } from "./npm.ts";
import { commandFailed, run } from "./run.ts";
import type { Surroundings } from "./surroundings.ts";

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** As slim images do: no manuals, no translations; copyright notices stay. */
const SLIM = ["doc", "man", "info", "locale"].map((folder) =>
  `--dpkgopt=path-exclude=/usr/share/${folder}/*`
);

/** Dockerfile instructions that belong to the imported file system. */
export const BASE_CHANGES: readonly string[] = [
  "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  `ENV NODE_VERSION=${PARTS.base.version}`,
  'CMD ["node"]',
];

/**
 * Gives the path of the base image's root file system as a tar file, kept between runs.
 *
 * @throws {OperatorError} a package cannot be had
 */
export async function makeBase(at: Surroundings): Promise<string> {
  return await keep(at, `base-${PARTS.base.version}-bookworm-${at.arch}.tar`, async (path) => {
    await ensureProgram(at, "mmdebstrap", ["mmdebstrap", "debian-archive-keyring"]);
    const node = await fetchNpmPackage(at, nodePackage(at.arch));
    const npm = await fetchNpmPackage(at, NPM_PACKAGE);
    const work = await Deno.makeTempDir({ dir: at.cache, prefix: "base-" });
    try {
      const added = await layOut(work, node, npm);
      await at.report.step("base: mmdebstrap bookworm", () => bootstrap(added, path));
    } catch (error) {
      throw commandFailed(
        "making the base image",
        error,
        "see that Debian's packages are in reach, then run set-up again",
      );
    } finally {
      await Deno.remove(work, { recursive: true });
    }
  });
}

/** Puts Node and npm where they will be, and gives that as a tar file owned by root. */
async function layOut(work: string, node: string, npm: string): Promise<string> {
  const local = `${work}/root/usr/local`;
  const npmHome = `${local}/lib/node_modules/npm`;
  await Deno.mkdir(npmHome, { recursive: true });
  const members = ["package/bin", "package/include", "package/LICENSE"];
  await run(["tar", "-xzf", node, "-C", local, "--strip-components=1", ...members]);
  await run(["tar", "-xzf", npm, "-C", npmHome, "--strip-components=1"]);
  for (const [name, target] of [["npm", "npm-cli.js"], ["npx", "npx-cli.js"]] as const) {
    await Deno.chmod(`${npmHome}/bin/${target}`, 0o755);
    await Deno.symlink(`../lib/node_modules/npm/bin/${target}`, `${local}/bin/${name}`);
  }
  await Deno.symlink("node", `${local}/bin/nodejs`);
  const tar = `${work}/added.tar`;
  await run(["tar", "-cf", tar, "--owner=0", "--group=0", "--numeric-owner", "-C", `${work}/root`, "usr"]);
  return tar;
}

async function bootstrap(added: string, path: string): Promise<void> {
  await run([
    "mmdebstrap",
    "--variant=minbase",
    "--include=ca-certificates",
    "--format=tar",
    `--keyring=${KEYRING}`,
    '--aptopt=Acquire::Languages "none"',
    ...SLIM,
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    `--customize-hook=tar-in ${added} /`,
    '--customize-hook=chroot "$1" groupadd --gid 1000 node',
    '--customize-hook=chroot "$1" useradd --uid 1000 --gid node --shell /bin/bash --create-home node',
    // Without a mirror named, mmdebstrap takes Debian's own, with updates and security.
    "bookworm",
    path,
  ]);
}
