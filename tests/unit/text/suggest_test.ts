import { assertEquals } from "@std/assert";
import { suggest } from "../../../lib/text/suggest.ts";

const KEYS = ["extends", "env", "egress", "agent_provider", "git-gate", "supervise"];

Deno.test("suggest finds the nearest known word, and none when nothing is near", () => {
  const cases: [word: string, nearest: string | undefined][] = [
    ["evn", "env"],
    ["ENV", "env"],
    ["egres", "egress"],
    ["egresss", "egress"],
    ["git_gate", "git-gate"],
    ["agent-provider", "agent_provider"],
    ["supervize", "supervise"],
    ["zebra", undefined],
    ["", undefined],
    ["e".repeat(10_000), undefined],
  ];
  for (const [word, nearest] of cases) assertEquals(suggest(word, KEYS), nearest, word.slice(0, 20));
  assertEquals(suggest("env", []), undefined);
});
