/** Whether a mirror may be served now: the one rule for both transports. */

import { OperatorError } from "../../lib/errors.ts";
import type { Gate, Mirror } from "./gate.ts";
import { note } from "./journal.ts";
import { refresh } from "./refresh.ts";

/** What a client asks for. */
export type Service = "upload-pack" | "receive-pack";

/**
 * How old the last look may be for a push, milliseconds. It is compared with the upstream again when it is written
 * there; the look only spares the client a push that must fail.
 */
const PUSH_MAX_AGE = 30_000;

/**
 * Brings the mirror up to date.
 *
 * @param maxAge milliseconds that a look may be old for a fetch. @default 0
 * @returns why it cannot be served, one line; undefined: it may be served
 */
export async function access(
  gate: Gate,
  mirror: Mirror,
  service: Service,
  maxAge = 0,
): Promise<string | undefined> {
  try {
    await refresh(mirror, service === "receive-pack" ? Math.max(maxAge, PUSH_MAX_AGE) : maxAge);
    return undefined;
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    await note(gate, {
      event: service === "receive-pack" ? "push" : "fetch",
      repo: mirror.name,
      verdict: "fault",
      rule: "upstream",
      text: error.message,
    });
    return error.message;
  }
}
