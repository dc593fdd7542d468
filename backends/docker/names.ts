/** What a bottle's resources on the engine are called, and the labels by which they are found again. */

import { homePaths } from "../../lib/state/paths.ts";

/** Label keys. */
export const LABELS = {
  /** Identity of the bottle. */
  identity: "bot-bottle.identity",
  /** Which operator's state folder it belongs to: two homes can share one engine. */
  home: "bot-bottle.home",
  /** See {@linkcode Role}. */
  role: "bot-bottle.role",
} as const;

/** Part that a resource plays in its bottle. */
export type Role = "agent" | "bundle" | "closer" | "bundle-closer" | "internal" | "egress";

/** Name of a bottle's resource; the agent container has the plain name. */
export function resourceName(identity: string, role: Role): string {
  return role === "agent" ? `bot-bottle-${identity}` : `bot-bottle-${identity}-${role}`;
}

/** Labels of a bottle's resource. */
export function resourceLabels(identity: string, home: string, role: Role): Record<string, string> {
  return { [LABELS.identity]: identity, [LABELS.home]: home, [LABELS.role]: role };
}

/**
 * A short digest that stands for one operator's state folder, however the home folder is spelled.
 *
 * @param home absolute path of the operator's home folder
 * @returns 16 hexadecimal digits
 */
export async function homeDigest(home: string): Promise<string> {
  const stateRoot = homePaths(await Deno.realPath(home).catch(() => home)).state;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(stateRoot)));
  return Array.from(digest.slice(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
