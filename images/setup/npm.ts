/** Packages from npm, fetched with npm itself so that the operator's registry, proxy and trust apply. */

import { OperatorError } from "../../lib/errors.ts";
import { systemBundle } from "../../lib/tls/host_trust.ts";
import { PARTS } from "../parts.ts";
import { keep } from "./artefacts.ts";
import { integrityOfFile } from "./digest.ts";
import { commandFailed, run } from "./run.ts";
import type { Surroundings } from "./surroundings.ts";

/** A package at a pinned version. */
export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  /**
   * `dist.integrity` of the public registry, by processor (`any`: the same for all). Where it is not known the
   * registry's own value, which npm checks, has to do.
   */
  readonly integrity: Readonly<Partial<Record<"x64" | "arm64" | "any", string>>>;
}

/** Node's program and headers, laid out as in Node's own archive. */
export function nodePackage(arch: "x64" | "arm64"): NpmPackage {
  return {
    name: `node-linux-${arch}`,
    version: PARTS.base.version,
    integrity: {
      x64: "sha512-qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng==",
      arm64:
        "sha512-l3DAHZreylo+p9QXDtsOrjG2JXJqVzYXnAGmIQNOUNARcMppTO2cmewVQP+36tjJnSE+dzpMNtgW+c3oiDvXtA==",
    },
  };
}

/** npm of the line that Node 22 brings. */
export const NPM_PACKAGE: NpmPackage = {
  name: "npm",
  version: "10.9.9",
  integrity: {
    any: "sha512-1g+6jLQvaIuB4zwvHL7yrXuXcWZwDsCtBX8bbWDqbvJSSr9nPiDDWTHNgwXR27iIcTTW7v3A57hDW9RYv2W4Yg==",
  },
};

/** Deno's program. */
export function denoPackage(arch: "x64" | "arm64"): NpmPackage {
  return {
    name: `@deno/linux-${arch}-glibc`,
    version: PARTS.deno.version,
    integrity: {
      x64: "sha512-73K6NpAFfGyEJ84nSSPECKilO1+gaEnNU90p/ebluWJBUFJ3HfpUgRxjG6hNXhVLuGDmp0u+2C00Cz6lbW4X+A==",
    },
  };
}

/**
 * Fetches a package and gives the path of its tar file (gzip), kept between runs.
 *
 * @throws {OperatorError} npm fails, or the file is not the pinned one
 */
export async function fetchNpmPackage(at: Surroundings, pkg: NpmPackage): Promise<string> {
  const spec = `${pkg.name}@${pkg.version}`;
  const file = `npm-${pkg.name.replace("@", "").replace("/", "-")}-${pkg.version}.tgz`;
  return await keep(at, file, (path) => at.report.step(`npm pack ${spec}`, () => pack(at, pkg, path)));
}

/** Node has its own list of authorities: it is told of the host's, unless the operator has told it of some. */
async function trust(at: Surroundings): Promise<Record<string, string>> {
  const bundle = at.env["NODE_EXTRA_CA_CERTS"] ? undefined : await systemBundle();
  return bundle === undefined ? {} : { NODE_EXTRA_CA_CERTS: bundle };
}

async function pack(at: Surroundings, pkg: NpmPackage, path: string): Promise<void> {
  const spec = `${pkg.name}@${pkg.version}`;
  const folder = await Deno.makeTempDir({ dir: at.cache, prefix: "npm-" });
  try {
    await run(["npm", "pack", "--silent", "--pack-destination", folder, spec], { env: await trust(at) });
    const [packed] = await Array.fromAsync(Deno.readDir(folder));
    if (packed === undefined) throw new OperatorError(`npm pack ${spec} gave no file`);
    await Deno.rename(`${folder}/${packed.name}`, path);
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw commandFailed(
      `fetching ${spec} from npm`,
      error,
      "see that npm can reach its registry, then run set-up again",
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  const pinned = pkg.integrity.any ?? pkg.integrity[at.arch];
  const found = await integrityOfFile(path);
  if (pinned !== undefined && pinned !== found) {
    throw new OperatorError(
      `${spec} from npm is not the pinned package: its integrity is ${found}, not ${pinned}`,
      {
        mend: "do not use that registry",
      },
    );
  }
}
