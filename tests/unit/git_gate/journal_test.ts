import { assert, assertEquals } from "@std/assert";
import { type JournalEntry, lineOf } from "../../../sidecars/git_gate/journal.ts";

const NOW = new Date("2026-01-02T03:04:05Z");

function entry(count: number, name: string): JournalEntry {
  return {
    event: "push",
    repo: "demo",
    verdict: "refused",
    rule: "secret",
    refs: Array.from({ length: count }, (_, at) => `refs/heads/${name}${at}`),
    findings: Array.from({ length: count }, (_, at) => ({ rule: `${at}`, part: "file", file: name })),
    text: "gitleaks found a secret",
  };
}

Deno.test("a line of the log has the entry, and when that was", () => {
  assertEquals(JSON.parse(lineOf(entry(2, "x"), NOW)), { time: NOW.toISOString(), ...entry(2, "x") });
});

Deno.test("of many refs and findings the log has the first fifty", () => {
  const { refs, findings } = JSON.parse(lineOf(entry(1000, "x"), NOW));
  assertEquals([refs.length, refs.at(-1)], [50, "refs/heads/x49"]);
  assertEquals([findings.length, findings.at(-1).rule], [50, "49"]);
});

Deno.test("names that make a line too long are left out, and the rest is told", () => {
  const line = lineOf({ ...entry(50, "\u{1F512}".repeat(500)), text: "x".repeat(100_000) }, NOW);
  assert(line.length < 2000);
  assertEquals(JSON.parse(line), {
    time: NOW.toISOString(),
    event: "push",
    repo: "demo",
    verdict: "refused",
    rule: "secret",
    text: "x".repeat(1000),
  });
});
