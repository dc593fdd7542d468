/** The reader of `git log`, on logs as git writes them and on others. */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ScanDocument } from "../../../sidecars/git_gate/document.ts";
import { HistoryReader } from "../../../sidecars/git_gate/history.ts";
import { eachLine } from "../../../sidecars/git_gate/lines.ts";

const [C1, C2, TREE] = ["1".repeat(40), "2".repeat(40), "f".repeat(40)];
const ZERO = "0".repeat(40);

function head(commit: string, parents: readonly string[] = [C2], message = "message"): string {
  return [
    `commit ${commit}`,
    `tree ${TREE}`,
    ...parents.map((parent) => `parent ${parent}`),
    "author Agent <agent@lab.example> 1700000000 +0000",
    "committer Agent <agent@lab.example> 1700000000 +0000",
    "",
    ...message.split("\n").map((line) => `    ${line}`),
    "",
  ].join("\n") + "\n";
}

/** Pieces of the document, each with its place, and the merged files. */
async function read(log: string | Uint8Array<ArrayBuffer>) {
  let text = "";
  const document = new ScanDocument((bytes) => {
    text += new TextDecoder().decode(bytes);
    return Promise.resolve();
  });
  const reader = new HistoryReader(document);
  await eachLine(new Blob([log]).stream(), (bytes, first) => reader.take(bytes, first));
  reader.end();
  await document.flush();
  const pieces: { place: ReturnType<ScanDocument["placeOf"]>; text: string }[] = [];
  let line = 1;
  for (const part of text.split("\n\n")) {
    const skipped = part.match(/^\n*/)![0].length;
    if (part.trim() !== "") {
      pieces.push({ place: document.placeOf(line + skipped), text: part.slice(skipped) });
    }
    line += part.split("\n").length + 1;
  }
  return { pieces, merged: reader.merged };
}

/** What of a log is in files. */
async function files(log: string | Uint8Array<ArrayBuffer>) {
  return (await read(log)).pieces.filter(({ place }) => place?.part === "file")
    .map(({ place, text }) => [place?.file, place?.line, text]);
}

Deno.test("an ordinary commit: header, message, name, lines", async () => {
  const log = head(C1, [C2], "subject\n\nbody") +
    `\ndiff --git a/a.txt b/a.txt\nindex ${TREE}..${C1} 100644\n--- a/a.txt\n+++ b/a.txt\n` +
    "@@ -3 +3,2 @@ heading\n-old\n+new\n+newer\n@@ -9,0 +11 @@\n+last\n\\ No newline at end of file\n";
  const { pieces, merged } = await read(log);
  assertEquals(pieces, [
    {
      place: { commit: C1, part: "commit header" },
      text: "Agent <agent@lab.example> 1700000000 +0000\nAgent <agent@lab.example> 1700000000 +0000",
    },
    { place: { commit: C1, part: "commit message", line: 1 }, text: "subject\n\f\nbody" },
    { place: { commit: C1, part: "file name", file: "a.txt" }, text: "diff --git a/a.txt b/a.txt" },
    { place: { commit: C1, part: "file", file: "a.txt", line: 3 }, text: "new\nnewer" },
    { place: { commit: C1, part: "file", file: "a.txt", line: 11 }, text: "last" },
  ]);
  assertEquals(merged, []);
});

Deno.test("several commits; no new ones at all", async () => {
  const log = `${head(C1)}\n${head(C2, [])}`;
  assertEquals((await read(log)).pieces.map(({ place }) => place?.commit), [C1, C1, C2, C2]);
  assertEquals((await read("")).pieces, []);
});

Deno.test("headers that git does not know, and signatures", async () => {
  const extra =
    "gpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----\nx-note a\n more\n";
  const log = head(C1).replace("\n\n", `\n${extra}\n`);
  const [header] = (await read(log)).pieces;
  assertEquals(
    header!.text.split("\n").slice(2),
    extra.trimEnd().split("\n").map((line) => line === " " ? " \f" : line),
  );
});

Deno.test("a byte order mark is no empty line, and plays no end of a header", async () => {
  const lines = `\ufeff\ndiff --git a/x b/x\n@@ -1 +1 @@\n-token\n`;
  const [header, message] = (await read(head(C1).replace("\n\n", `\n${lines}\n`))).pieces;
  assertEquals(header!.text.endsWith(`\ufeff\ndiff --git a/x b/x\n@@ -1 +1 @@\n-token`), true);
  assertEquals(message!.place?.part, "commit message");
});

Deno.test("a deleted file is not named, an empty one and one whose mode changes are", async () => {
  const log = head(C1) +
    `\ndiff --git a/gone b/gone\ndeleted file mode 100644\nindex ${TREE}..${ZERO}\n--- a/gone\n+++ /dev/null\n` +
    "@@ -1 +0,0 @@\n-token\n" +
    `diff --git a/empty b/empty\nnew file mode 100644\nindex ${ZERO}..${TREE}\n` +
    "diff --git a/mode b/mode\nold mode 100644\nnew mode 100755\n";
  const names = (await read(log)).pieces.filter(({ place }) => place?.part === "file name");
  assertEquals(names.map(({ place }) => place?.file), ["empty", "mode"]);
  assertEquals(await files(log), []);
});

for (
  const [what, first, plus, name] of [
    ["a blank", "a/x b/x b/x b/x", "b/x b/x\t", "x b/x"],
    ["a tab", '"a/a\\tb" "b/a\\tb"', '"b/a\\tb"', "a\tb"],
    ["a newline", '"a/a\\nb" "b/a\\nb"', '"b/a\\nb"', "a\nb"],
    ["quotes and backslashes", '"a/\\"\\\\" "b/\\"\\\\"', '"b/\\"\\\\"', '"\\'],
    ["an octal escape", '"a/\\177\\001" "b/\\177\\001"', '"b/\\177\\001"', "\x7f\x01"],
    ["UTF-8", "a/ü b/ü", "b/ü", "ü"],
    ["UTF-8 in quotes", '"a/ü\\"" "b/ü\\""', '"b/ü\\""', 'ü"'],
    ["a folder b", "a/b/x b/b/x", "b/b/x", "b/x"],
  ] as const
) {
  Deno.test(`a name with ${what}, with and without a line that has it alone`, async () => {
    const start = `${head(C1)}\ndiff --git ${first}\nnew file mode 100644\nindex ${ZERO}..${TREE}\n`;
    assertEquals(await files(`${start}--- /dev/null\n+++ ${plus}\n@@ -0,0 +1 @@\n+new\n`), [[
      name,
      1,
      "new",
    ]]);
    const { pieces } = await read(start);
    assertEquals(pieces.at(-1)!.place, { commit: C1, part: "file name", file: name });
  });
}

Deno.test("lines that look like something else are lines", async () => {
  const lines = [
    `+commit ${C1}`,
    "+@@ -1 +1 @@",
    "+++ b/other",
    "+diff --git a/x b/x",
    "+",
    "+\\ No newline at end of file",
    "+-token",
    "+ token",
  ];
  const log =
    `${head(C1)}\ndiff --git a/a b/a\nindex ${TREE}..${C1} 100644\n--- a/a\n+++ b/a\n@@ -0,0 +1,8 @@\n` +
    `${lines.join("\n")}\n--- gone\n`;
  const [file] = await files(log);
  assertEquals(file, ["a", 1, lines.map((line) => line.slice(1) || "\f").join("\n")]);
});

const COMBINED = (columns: number, hunk: string, more = "") =>
  head(C1, Array.from({ length: columns }, () => C2)) +
  `\ndiff --combined a.txt\nindex ${
    Array.from({ length: columns }, () => C2).join()
  }..${TREE}\n${more}${hunk}`;

Deno.test("of a merge, the lines that no parent has", async () => {
  const hunk =
    "--- a/a.txt\n+++ b/a.txt\n@@@ -1,2 -1,2 +1,4 @@@\n- one\n -two\n++both\n +first\n+ second\n++again\n";
  assertEquals(await files(COMBINED(2, hunk)), [["a.txt", 1, "both"], ["a.txt", 4, "again"]]);
  const octopus =
    "--- a/a.txt\n+++ b/a.txt\n@@@@ -1 -1 -1 +1,2 @@@@\n+++all\n++ some\n\\ No newline at end of file\n";
  assertEquals(await files(COMBINED(3, octopus)), [["a.txt", 1, "all"]]);
});

Deno.test("a merge's files are named, for what git shows nothing of", async () => {
  const { merged } = await read(COMBINED(2, "Binary files differ\n"));
  assertEquals(merged, [{ commit: C1, file: "a.txt", oid: TREE, binary: true }]);
  const text = "--- a/a.txt\n+++ b/a.txt\n@@@ -1 -1 +1 @@@\n++both\n";
  assertEquals((await read(COMBINED(2, text))).merged, [{
    commit: C1,
    file: "a.txt",
    oid: TREE,
    binary: false,
  }]);
});

Deno.test("a merge of more parents than git can count is not read", async () => {
  await read(head(C1, Array.from({ length: 32 }, () => C2)));
  const more = head(C1, Array.from({ length: 33 }, () => C2));
  await assertRejects(() => read(more), Error, "a merge has more than 32 parents");
});

Deno.test("long lines of content and messages are read on, long names are not", async () => {
  const long = "word ".repeat(10_000);
  const start = `\ndiff --git a/a b/a\nindex ${TREE}..${C1} 100644\n--- a/a\n+++ b/a\n@@ -1 +1,2 @@ x\n`;
  const log = `${head(C1, [C2], `${long}MESSAGE`)}${start}-${long}GONE\n+${long}NEW\n+next\n`;
  const { pieces } = await read(log);
  const all = pieces.map(({ text }) => text).join();
  assertEquals(["MESSAGE", "GONE", "NEW"].map((word) => all.includes(word)), [true, false, true]);
  assertEquals(pieces.at(-1)!.text.endsWith("\nnext"), true);
  const name = `${head(C1)}\ndiff --git a/${long} b/${long}\n`;
  await assertRejects(() => read(name), Error, "the name of a file is too long");
});

const FILE = `${head(C1)}\ndiff --git a/a b/a\nindex ${TREE}..${C1} 100644\n--- a/a\n+++ b/a\n`;

for (
  const [what, log] of [
    ["something before the first commit", `warning: x\n${head(C1)}`],
    ["an empty line before it", `\n${head(C1)}`],
    ["an end in a header", head(C1).split("\n\n")[0]!],
    ["a commit without its name", "commit\n"],
    ["a commit with more than its name", `commit ${C1} (HEAD)\n`],
    ["a message that is not set in", head(C1).replace("    message", "message")],
    ["a note", `${head(C1)}\nNotes:\n    note\n`],
    ["a head of a hunk that is none", `${FILE}@@ nonsense @@\n+x\n`],
    ["a hunk before a file", `${head(C1)}\n@@ -1 +1 @@\n+x\n`],
    ["a line about a file that is not known", `${FILE.replace("--- a/a", "similarity index 100%")}`],
    ["a binary patch", `${FILE}GIT binary patch\nliteral 0\n`],
    [
      "binary data that should have been shown",
      `${head(C1)}\ndiff --git a/a b/a\nBinary files a/a and b/a differ\n`,
    ],
    ["a line in a hunk without a mark", `${FILE}@@ -1 +1 @@\n+x\ny\n`],
    ["a carriage return in a hunk's place", `${FILE}@@ -1 +1 @@\n\r\n`],
    ["a short name of an object", `${head(C1)}\ndiff --git a/a b/a\nindex 1234567..7654321 100644\n`],
  ] as const
) {
  Deno.test(`fails: ${what}`, async () => {
    const error = await assertRejects(() => read(log), Error);
    assertMatch(error.message, /^git log /);
  });
}
