/** What the reader of git's log makes of it, and that it fails on what it does not know. */

import { assertEquals, assertRejects } from "@std/assert";
import { ScanDocument } from "../../../sidecars/git_gate/document.ts";
import { HistoryReader } from "../../../sidecars/git_gate/history.ts";
import { eachLine } from "../../../sidecars/git_gate/lines.ts";

const ID = "1".repeat(40);
const HEAD = [
  `commit ${ID}`,
  `tree ${"2".repeat(40)}`,
  `parent ${"3".repeat(40)}`,
  "author A <a@b.c> 1 +0000",
  "committer A <a@b.c> 1 +0000",
  "gpgsig -----BEGIN",
  " ",
  " abc",
  "",
  "    subject",
  "    ",
  "    diff --git a/x b/x",
  "",
];

/** The text that gitleaks reads, and where a line of it comes from. */
async function read(lines: readonly string[]): Promise<{ text: string; place: (line: string) => unknown }> {
  let text = "";
  const document = new ScanDocument((bytes) => {
    text += new TextDecoder().decode(bytes);
    return Promise.resolve();
  });
  const reader = new HistoryReader(document);
  await eachLine(
    new Blob([lines.map((line) => `${line}\n`).join("")]).stream(),
    (bytes, first) => reader.take(bytes, first),
  );
  await reader.end();
  await document.flush();
  const all = text.split("\n");
  return { text, place: (line) => document.placeOf(all.indexOf(line) + 1) };
}

Deno.test("headers, message, names and added lines, each with its place", async () => {
  const { text, place } = await read([
    ...HEAD,
    "diff --git a/src/a.ts b/src/a.ts",
    "index 1..2 100644",
    "--- a/src/a.ts",
    "+++ b/src/a.ts",
    "@@ -3,0 +4,2 @@ function commit() {",
    "+added one",
    "++++ b/not/a/name",
    "@@ -9 +11 @@",
    "-taken away",
    "+put in",
    "\\ No newline at end of file",
  ]);
  assertEquals(place("author A <a@b.c> 1 +0000"), { commit: ID, part: "commit header" });
  assertEquals(place(" abc"), { commit: ID, part: "commit header" });
  assertEquals(place("subject"), { commit: ID, part: "commit message", line: 1 });
  assertEquals(place("diff --git a/x b/x"), { commit: ID, part: "commit message", line: 3 });
  assertEquals(place("diff --git a/src/a.ts b/src/a.ts"), {
    commit: ID,
    part: "file name",
    file: "src/a.ts",
  });
  assertEquals(place("added one"), { commit: ID, part: "file", file: "src/a.ts", line: 4 });
  assertEquals(place("+++ b/not/a/name"), { commit: ID, part: "file", file: "src/a.ts", line: 5 });
  assertEquals(place("put in"), { commit: ID, part: "file", file: "src/a.ts", line: 11 });
  // Names of objects look like tokens to some rules, and what is taken away was there before.
  assertEquals(/2222|3333|taken away|No newline/.test(text), false);
});

Deno.test("of a merge, what is in none of the parents", async () => {
  const { text, place } = await read([
    ...HEAD,
    "diff --combined both.txt",
    "index 1,2..3",
    "--- a/both.txt",
    "+++ b/both.txt",
    "@@@ -1,2 -1,2 +1,4 @@@",
    "  in both",
    "+ of the second",
    " +of the first",
    "- lost",
    "++new in the merge",
  ]);
  assertEquals(place("new in the merge"), { commit: ID, part: "file", file: "both.txt", line: 4 });
  assertEquals(/in both|of the|lost/.test(text), false);
});

Deno.test("a file that is deleted has no name to scan; modes and empty files have", async () => {
  const { text } = await read([
    ...HEAD,
    "diff --git a/gone b/gone",
    "deleted file mode 100644",
    "index 1..0",
    "--- a/gone",
    "+++ /dev/null",
    "@@ -1 +0,0 @@",
    "-x",
    "diff --git a/empty b/empty",
    "new file mode 100644",
    "index 0..0",
    "diff --git a/run b/run",
    "old mode 100644",
    "new mode 100755",
    "",
    ...HEAD,
  ]);
  assertEquals(text.includes("a/gone"), false);
  assertEquals([text.includes("b/empty"), text.includes("b/run")], [true, true]);
});

Deno.test("what git does not print is no log", async () => {
  const bad: readonly (readonly string[])[] = [
    ["hello"],
    ["", `commit ${ID}`],
    ["diff --git a/x b/x"],
    [...HEAD, "hello"],
    [...HEAD, "diff --git a/x b/x", "something new 1"],
    [...HEAD, "diff --git a/x b/x", "@@ nonsense @@"],
    [...HEAD, "@@ -1 +1 @@"],
    [...HEAD, "diff --git a/x b/x", "@@ -0,0 +1 @@", "+x", "hello"],
    [`commit ${ID}`, "tree 1"],
  ];
  for (const lines of bad) await assertRejects(() => read(lines), Error, "git log", lines.join(" | "));
});
