import { assertEquals } from "@std/assert";
import { type Finding, findingLines, merged, ofHistory } from "../../../sidecars/git_gate/findings.ts";

const ID = "c".repeat(40);

Deno.test("a finding of both scans is one; a file whose name is a secret is not named", () => {
  const history = ofHistory([
    { RuleID: "r", StartLine: 3, File: "a.ini", Commit: ID },
    { RuleID: "p12", StartLine: 0, File: "x.p12", Commit: ID },
    { RuleID: "r", StartLine: 1, File: "secret-name", Commit: ID },
  ]);
  const text: Finding[] = [
    { rule: "r", commit: ID, part: "file", file: "a.ini", line: 3 },
    { rule: "r", commit: ID, part: "file name", file: "secret-name" },
  ];
  const all = merged(history, text);
  assertEquals(findingLines(all), [
    "  r: file a.ini, line 3, commit cccccccccccc",
    "  p12: file x.p12, commit cccccccccccc",
    "  r: file, line 1, commit cccccccccccc",
    "  r: file name, commit cccccccccccc",
  ]);
  assertEquals(JSON.stringify(all).includes("secret-name"), false);
});

Deno.test("ten are shown, and how many more there are; names are escaped", () => {
  const many: Finding[] = Array.from(
    { length: 12 },
    (_, line) => ({ rule: "r", part: "file", file: "\u001b[2J", line }),
  );
  const lines = findingLines(many);
  assertEquals([lines.length, lines[0], lines[10]], [11, "  r: file \\u{1b}[2J, line 0", "  and 2 more"]);
});
