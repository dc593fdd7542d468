/**
 * Files kept between runs of set-up. Each has its SHA-256 beside it (`NAME.sha256`, as `sha256sum -c` reads it), which
 * is checked whenever the file is used again: a file that was cut short or changed is made anew.
 */

import { sha256OfFile } from "./digest.ts";
import type { Surroundings } from "./surroundings.ts";

/**
 * Gives the path of a kept file; makes the file when it is absent or not what was kept.
 *
 * @param name plain file name that contains the version
 * @param make writes the file to the path it is given
 */
export async function keep(
  at: Surroundings,
  name: string,
  make: (path: string) => Promise<void>,
): Promise<string> {
  const path = `${at.cache}/${name}`;
  const state = await check(path);
  if (state === "good") return path;
  if (state === "changed") at.report.warn(`${path} is not what was kept (SHA-256 differs): made again`);
  const unfinished = `${path}.part`;
  await remove(unfinished);
  try {
    await make(unfinished);
    const digest = await sha256OfFile(unfinished);
    await Deno.rename(unfinished, path);
    await Deno.writeTextFile(`${path}.sha256`, `${digest}  ${name}\n`);
  } finally {
    await remove(unfinished);
  }
  return path;
}

async function check(path: string): Promise<"good" | "changed" | "absent"> {
  let kept: string;
  try {
    kept = await Deno.readTextFile(`${path}.sha256`);
    await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "absent";
    throw error;
  }
  return kept.slice(0, 64) === await sha256OfFile(path) ? "good" : "changed";
}

async function remove(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
