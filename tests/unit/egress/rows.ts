/** Rows of a table test of `decide`: a request on one line, and what comes of it. */

import { assertEquals } from "@std/assert";
import { decide, type DenyRule, type EgressRequest } from "../../../lib/egress/decide.ts";
import type { RouteTable } from "../../../lib/egress/wire.ts";

/** `METHOD URL`, and the rule that denies it or `forward`. */
export type Row = readonly [request: string, outcome: "forward" | DenyRule];

/** Reads `GET https://host:port/path?query`. */
export function request(text: string): EgressRequest {
  const [method = "", url = ""] = text.split(" ");
  const match = /^(https?):\/\/([^/:*]+)(?::([0-9]+))?(.*)$/.exec(url)!;
  const scheme = match[1] === "http" ? "http" : "https";
  const port = match[3] === undefined ? { http: 80, https: 443 }[scheme] : Number(match[3]);
  return { scheme, host: match[2]!, port, method, target: match[4]! };
}

/** Decides each row in a step of its own. */
export async function decideRows(
  t: Deno.TestContext,
  table: RouteTable,
  rows: readonly Row[],
): Promise<void> {
  for (const [text, outcome] of rows) {
    await t.step(text, () => {
      const verdict = decide(table, request(text));
      assertEquals(verdict.kind === "forward" ? "forward" : verdict.rule, outcome);
    });
  }
}
