/** The gate's log: hooks cannot print to it (their output is the client's), so they hand their lines to the sidecar. */

import { messageOf } from "../../lib/errors.ts";
import type { Finding } from "./findings.ts";
import { type Gate, stateFolder } from "./gate.ts";

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

/** Findings and refs of one entry: a push of many must not make the log unreadable. */
const MAX_LISTED = 50;

/** Longest line, bytes. */
const MAX_LINE = 64 * 1024;

/** Programs that keep a log; in a bottle one of them runs. */
const KEEPERS = ["git-gate", "git-http"] as const;

/** Name of such a program. */
export type Keeper = typeof KEEPERS[number];

/** Hands an entry to the sidecar. A sidecar that is not there loses it: the push must not hang on the log. */
export async function note(gate: Gate, entry: JournalEntry): Promise<void> {
  const line = lineOf(entry, new Date());
  for (const keeper of KEEPERS) {
    try {
      using connection = await Deno.connect({ transport: "unix", path: socketOf(gate, keeper) });
      await new Blob([line]).stream().pipeTo(connection.writable, { preventClose: true });
      return;
    } catch {
      // It is not there; the other may be. The client's message says the same.
    }
  }
}

/** The line of an entry: JSON that is never cut off. What is too long is left out of it. */
export function lineOf(entry: JournalEntry, now: Date): string {
  const time = now.toISOString();
  const { refs, findings, ...rest } = entry;
  const line = JSON.stringify({
    time,
    ...rest,
    ...(refs !== undefined && { refs: refs.slice(0, MAX_LISTED) }),
    ...(findings !== undefined && { findings: findings.slice(0, MAX_LISTED) }),
  });
  if (new TextEncoder().encode(line).length <= MAX_LINE) return line;
  return JSON.stringify({ time, ...rest, text: rest.text?.slice(0, 1000) });
}

/** Takes lines from hooks until it is disposed. */
export function serveJournal(gate: Gate, keeper: Keeper, write: (line: string) => void): Disposable {
  const path = socketOf(gate, keeper);
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const listener = Deno.listen({ transport: "unix", path });
  void (async () => {
    for await (const connection of listener) {
      readLine(connection).then(
        write,
        (error) => write(`${keeper}: a log line was lost: ${messageOf(error)}`),
      );
    }
  })();
  return { [Symbol.dispose]: () => listener.close() };
}

function socketOf(gate: Gate, keeper: Keeper): string {
  return `${stateFolder(gate)}/journal-${keeper}`;
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
