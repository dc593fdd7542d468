/** Digests of files, streamed. */

import { createHash } from "node:crypto";

/** SHA-256 of a file, lower-case hex. */
export async function sha256OfFile(path: string): Promise<string> {
  return await digest(path, "sha256", "hex");
}

/** SHA-512 of a file as npm writes it: `sha512-<base64>`. */
export async function integrityOfFile(path: string): Promise<string> {
  return `sha512-${await digest(path, "sha512", "base64")}`;
}

async function digest(path: string, algorithm: string, encoding: "hex" | "base64"): Promise<string> {
  const hash = createHash(algorithm);
  const file = await Deno.open(path);
  for await (const chunk of file.readable) hash.update(chunk);
  return hash.digest(encoding);
}
