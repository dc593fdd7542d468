/** What of findings is told. */

import { assertEquals, assertThrows } from "@std/assert";
import {
  type Finding,
  findingLines,
  merged,
  ofHistory,
  parseReport,
} from "../../../sidecars/git_gate/findings.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";

Deno.test("one line a finding, with what is known of its place", () => {
  const lines = findingLines([
    { rule: "a", commit: COMMIT, part: "file", file: "x/y.txt", line: 3 },
    { rule: "b", commit: COMMIT, part: "file", file: "x.p12" },
    { rule: "c", commit: COMMIT, part: "file name" },
    { rule: "d", commit: COMMIT, part: "commit header" },
    { rule: "e", commit: COMMIT, part: "commit message", line: 1 },
    { rule: "f", commit: COMMIT, part: "tag", line: 7 },
    { rule: "g", part: "ref name" },
  ]);
  assertEquals(lines, [
    "  a: file x/y.txt, line 3, commit 0123456789ab",
    "  b: file x.p12, commit 0123456789ab",
    "  c: file name, commit 0123456789ab",
    "  d: commit header, commit 0123456789ab",
    "  e: commit message, line 1, commit 0123456789ab",
    "  f: tag, line 7, tag object 0123456789ab",
    "  g: ref name",
  ]);
});

Deno.test("what a terminal would act on is shown, in names and in rules", () => {
  const [line] = findingLines([{ rule: "a\n", commit: COMMIT, part: "file", file: "\x1b[2J\n\u202ex" }]);
  assertEquals(line, "  a\\n: file \\u{1b}[2J\\n\\u{202e}x, commit 0123456789ab");
});

Deno.test("ten are told, the others counted", () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, at): Finding => ({ rule: `${at}`, part: "ref name" }));
  assertEquals(findingLines(many(10)).length, 10);
  assertEquals(findingLines(many(11)).at(-1), "  and 1 more");
  assertEquals(findingLines(many(11)).length, 11);
});

Deno.test("a finding of both scans is one", () => {
  const one: Finding = { rule: "a", commit: COMMIT, part: "file", file: "x", line: 1 };
  assertEquals(merged([one], [{ ...one }, { ...one, line: 2 }]), [one, { ...one, line: 2 }]);
});

Deno.test("where a name is a finding, no name of a file is told", () => {
  const file: Finding = { rule: "a", commit: COMMIT, part: "file", file: "secret", line: 1 };
  const other: Finding = { rule: "a", commit: COMMIT, part: "file", file: "else", line: 1 };
  const name: Finding = { rule: "a", commit: COMMIT, part: "file name", file: "secret" };
  const told = merged([file], [other, name]);
  assertEquals(told.map(({ part, line }) => [part, line]), [["file", 1], ["file", 1], [
    "file name",
    undefined,
  ]]);
  assertEquals(told.some((finding) => "file" in finding), false);
});

Deno.test("gitleaks' own places: a rule about a name has no line", () => {
  const reported = { RuleID: "pkcs12-file", StartLine: 0, File: "x.p12", Commit: COMMIT };
  assertEquals(ofHistory([reported, { ...reported, StartLine: 4 }]), [
    { rule: "pkcs12-file", commit: COMMIT, part: "file", file: "x.p12" },
    { rule: "pkcs12-file", commit: COMMIT, part: "file", file: "x.p12", line: 4 },
  ]);
});

Deno.test("a report is a list of JSON", () => {
  assertEquals(parseReport("[]"), []);
  for (const text of ["", "{}", "null", "[", "no leaks found"]) assertThrows(() => parseReport(text));
});
