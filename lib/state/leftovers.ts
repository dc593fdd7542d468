/** State folders that nobody needs any more. */

import { isHeld } from "./lock.ts";
import { listIdentities } from "./paths.ts";
import { isPreserved } from "./preserve.ts";

/** A state folder, and who needs it. */
export interface StateFolder {
  /** Name of the folder. */
  readonly identity: string;
  /** A live bottle process owns it. */
  readonly held: boolean;
  /** Kept for `resume`. */
  readonly preserved: boolean;
}

/** Every state folder, by identity. @throws {OperatorError} when the state cannot be read */
export async function stateFolders(home: string): Promise<readonly StateFolder[]> {
  const identities = await listIdentities(home);
  return await Promise.all(identities.map(async (identity) => ({
    identity,
    held: await isHeld(home, identity),
    preserved: await isPreserved(home, identity),
  })));
}
