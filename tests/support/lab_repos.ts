/** Repositories for a lab's bottles, on a real sshd of the lab's address. */

import type { Lab } from "./lab.ts";
import type { SshUpstream } from "./sshd.ts";

/** Name by which the bundle knows the upstream. */
export const GIT_HOST = "git.lab.example";

/** A repository of the upstream. */
export interface LabRepo {
  readonly name: string;
  /** Further lines of its declaration. @default its host key */
  readonly lines?: readonly string[];
}

/** Puts repositories into a bottle of the lab's. */
export async function declareRepos(
  lab: Lab,
  upstream: SshUpstream,
  repos: readonly LabRepo[],
  bottle = "claude",
): Promise<void> {
  const file = `${lab.home}/.bot-bottle/bottles/${bottle}.md`;
  const text = await Deno.readTextFile(file);
  const declared = repos.flatMap(({ name, lines }) => [
    `    ${name}:`,
    `      url: ${named(upstream.url(name))}`,
    `      identity: ${upstream.keyFile}`,
    ...(lines ?? [`host_key: ${upstream.hostKey}`]).map((line) => `      ${line}`),
  ]);
  await Deno.writeTextFile(
    file,
    text.replace("git-gate:\n", ["git-gate:", "  repos:", ...declared, ""].join("\n")),
  );
}

/** The URL of a repository by the upstream's name. */
export function named(url: string): string {
  return url.replace(/@[0-9.]+:/, `@${GIT_HOST}:`);
}

/** The environment under which a bottle of the lab knows the upstream. */
export function knowing(lab: Lab): Record<string, string> {
  return { BOT_BOTTLE_EXTRA_HOSTS: `${lab.env.BOT_BOTTLE_EXTRA_HOSTS},${GIT_HOST}=${lab.address}` };
}
