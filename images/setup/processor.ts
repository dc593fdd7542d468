/** The processor, as npm names it. */

import { OperatorError } from "../../lib/errors.ts";

/** The processor of this machine. @throws {OperatorError} no part is published for it */
export function processor(arch: string = Deno.build.arch): "x64" | "arm64" {
  if (arch === "x86_64") return "x64";
  if (arch === "aarch64") return "arm64";
  throw new OperatorError(`bottle's parts are not published for the processor ${arch}`);
}
