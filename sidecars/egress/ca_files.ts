/** The CA that egress signs with, as files. */

import { messageOf, OperatorError } from "../../lib/errors.ts";
import { escapeUntrusted } from "../../lib/escape.ts";
import type { CaFiles } from "./options.ts";

/** Makes the CA if that is wanted and it has neither file. @throws {OperatorError} they cannot be written */
export async function makeMissingCa(files: CaFiles): Promise<void> {
  if (!files.make || await exists(files.cert) || await exists(files.key)) return;
  // Only here: the certificate library takes longer to load than the rest.
  const { mintCa } = await import("../../lib/tls/ca.ts");
  const { certPem, keyPem } = await mintCa("bottle egress CA");
  try {
    await Deno.mkdir(files.cert.replace(/\/[^/]*$/, ""), { recursive: true, mode: 0o700 });
    await Deno.writeTextFile(files.key, keyPem, { createNew: true, mode: 0o600 });
    await Deno.writeTextFile(files.cert, certPem, { createNew: true });
  } catch (cause) {
    throw new OperatorError(`the CA cannot be written: ${escapeUntrusted(messageOf(cause))}`, {
      cause,
      mend: "`deno task egress` may write below /tmp; elsewhere run the file itself with --allow-write=DIR",
    });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
