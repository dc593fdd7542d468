/** The gate's log: hooks cannot print to it (their output is the client's), so they hand their lines to the sidecar. */

import { messageOf } from "../../lib/errors.ts";
import type { Finding } from "./findings.ts";
import type { Gate } from "./gate.ts";

/** What came of a fetch that was refused, or of a push. */
export interface JournalEntry {
  readonly event: "fetch" | "push";
  /** Name of the mirror. */
  readonly repo: string;
  /** `fault`: refused because a part of the gate failed, not for what was pushed. */
  readonly verdict: "accepted" | "refused" | "fault";
  /** What decided: a manifest key, `secret`, `upstream`, … */
  readonly rule: string;
  /** Refs of the push. */
  readonly refs?: readonly string[];
  readonly findings?: readonly Finding[];
  /** One line for the operator. */
  readonly text?: string;
}

const MAX_LINE = 64 * 1024;

/** Hands an entry to the sidecar. A sidecar that is not there loses it: the push must not hang on the log. */
export async function note(gate: Gate, entry: JournalEntry): Promise<void> {
  try {
    using connection = await Deno.connect({ transport: "unix", path: gate.journal });
    await new Blob([JSON.stringify({ time: new Date().toISOString(), ...entry })]).stream()
      .pipeTo(connection.writable, { preventClose: true });
  } catch {
    // Said in the client's message too.
  }
}

/** Takes lines from hooks until it is disposed. */
export function serveJournal(gate: Gate, write: (line: string) => void): Disposable {
  try {
    Deno.removeSync(gate.journal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const listener = Deno.listen({ transport: "unix", path: gate.journal });
  void (async () => {
    for await (const connection of listener) {
      readLine(connection).then(
        write,
        (error) => write(`git-gate: a log line was lost: ${messageOf(error)}`),
      );
    }
  })();
  return { [Symbol.dispose]: () => listener.close() };
}

async function readLine(connection: Deno.Conn): Promise<string> {
  using _connection = connection;
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of connection.readable) {
    text += decoder.decode(bytes, { stream: true });
    if (text.length > MAX_LINE) break;
  }
  return text.slice(0, MAX_LINE).replaceAll("\n", " ");
}
