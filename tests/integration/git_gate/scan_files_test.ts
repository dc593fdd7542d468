/** Files that scanners leave out, and what a repository says about itself: none of it counts. */

import { assertStringIncludes } from "@std/assert";
import { madeUpToken } from "../../support/git_gate.ts";
import { startScanLab } from "../../support/scan_lab.ts";

type Files = Readonly<Record<string, string | Uint8Array>>;

const encoder = new TextEncoder();

function utf16(text: string, littleEndian: boolean): Uint8Array {
  const view = new DataView(new ArrayBuffer(2 + 2 * text.length));
  for (const [at, char] of [..."\ufeff" + text].entries()) {
    view.setUint16(2 * at, char.charCodeAt(0), littleEndian);
  }
  return new Uint8Array(view.buffer);
}

function bytes(...parts: readonly (string | readonly number[])[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part) => [...(typeof part === "string" ? encoder.encode(part) : part)]),
  );
}

/** One commit each, with the token in it: where, and where the gate says that it is. */
const FILES: readonly (readonly [what: string, (token: string) => Files, told?: string])[] = [
  ["binary", (token) => ({ "a.dat": bytes([0, 1, 2, 255, 10, 0], `${token}`, [0, 7, 10]) }), "a.dat, line 2"],
  ["binary, NUL last", (token) => ({ "a.dat": bytes(`x\n${token}\n`, [0]) }), "a.dat, line 2"],
  ["random around it", (token) => {
    const around = crypto.getRandomValues(new Uint8Array(60_000));
    around.set(encoder.encode(` ${token} `), 31_000);
    return { "a.dat": around };
  }],
  ["UTF-16 LE", (token) => ({ "a.txt": utf16(`one\r\n${token}\r\n`, true) }), "a.txt, line 2"],
  ["UTF-16 BE", (token) => ({ "a.txt": utf16(`one\r\n${token}\r\n`, false) })],
  [
    "UTF-32",
    (token) => ({ "a.txt": new Uint8Array(Uint32Array.from(token, (c) => c.charCodeAt(0)).buffer) }),
  ],
  ["CRLF", (token) => ({ "a.txt": `one\r\ntwo\r\n${token}\r\n` }), "a.txt, line 3"],
  ["old Mac line ends", (token) => ({ "a.txt": `one\r\r${token}\rthree` })],
  ["no newline at the end", (token) => ({ "a.txt": `one\n${token}` }), "a.txt, line 2"],
  ["terminal escapes", (token) => ({ "a.log": `\x1b[31m${token}\x1b[0m\n` })],
  ["a megabyte on one line", (token) => ({ "a.min.js": `${"a=1;".repeat(250_000)}"${token}"\n` })],
  ["behind such a line", (token) => ({ "a.css": `${"a{b:c}".repeat(90_000)}\n${token}\n` }), "a.css, line 2"],
  ["an empty file beside", (token) => ({ "empty": "", "a.txt": `${token}\n`, "z": "" })],
  ["an image by its name", (token) => ({ "a.png": `${token}\n` }), "file a.png, line 1"],
  ["an SVG", (token) => ({ "a.svg": `<svg>\n<!-- ${token} --></svg>\n` }), "file a.svg, line 2"],
  [
    "package-lock.json",
    (token) => ({ "package-lock.json": `{"a": "https://${token}@npm.example/a.tgz"}\n` }),
  ],
  ["go.sum", (token) => ({ "go.sum": `git.example/${token} v1.0.0 h1:x=\n` })],
  ["node_modules", (token) => ({ "node_modules/x/index.js": `"${token}"\n` })],
  ["vendor", (token) => ({ "vendor/github.com/x/y.go": `"${token}"\n` })],
  ["a folder named like gitleaks.toml", (token) => ({ "gitleaks.toml/x.txt": `${token}\n` })],
  ["the path of the gate's own rules", (token) => ({ "state/rules.toml": `# ${token}\n` })],
  ["an archive by its name", (token) => ({ "a.zip": `PK\x03\x04 ${token}\n` })],
  ["where a rule of gitleaks' allows it", (token) => ({ "@octokit/auth-token/README.md": `${token}\n` })],
  ["-diff", (token) => ({ ".gitattributes": "* -diff\n", "a.txt": `${token}\n` })],
  ["binary as an attribute", (token) => ({ ".gitattributes": "* binary\n", "a.txt": `${token}\n` })],
  ["diff=foo", (token) => ({ ".gitattributes": "* diff=foo\n", "a.txt": `${token}\n` })],
  ["diff=python", (token) => ({ ".gitattributes": "* diff=python\n", "a.py": `def a():\n  "${token}"\n` })],
  ["export-ignore and filters", (token) => ({
    ".gitattributes": "* export-ignore export-subst filter=lfs text ident\n",
    "a.txt": `${token}\n`,
  })],
  ["a macro of attributes", (token) => ({ ".gitattributes": "[attr]x -diff -text\n* x\n", "a.txt": token })],
  ["an allowlist of its own", (token) => ({
    ".gitleaks.toml": "[allowlist]\npaths = ['''.*''']\nregexes = ['''.*''']\n",
    "a.txt": `${token}\n`,
  })],
  ["no rules of its own", (token) => ({ ".gitleaks.toml": 'title = "none"\n', "a.txt": `${token}\n` })],
  ["gitleaks:allow", (token) => ({ "a.txt": `"${token}" # gitleaks:allow\n` })],
  ["gitleaks:allow in an image", (token) => ({ "a.png": `"${token}" # gitleaks:allow\n` })],
  ["a baseline", (token) => ({ "gitleaks-baseline.json": "[]\n", "a.txt": `${token}\n` })],
  ["base64, which gitleaks reads", (token) => ({ "a.txt": `${btoa(`the token is ${token}, so`)}\n` })],
];

Deno.test("a secret in a file of every kind", async (t) => {
  await using lab = await startScanLab();
  const { work } = lab;

  for (const [what, files, told] of FILES) {
    await t.step(what, async () => {
      const branch = await lab.fresh();
      const token = madeUpToken();
      await work.commit(what, files(token));
      const said = await lab.refused(token, `HEAD:refs/heads/${branch}`);
      if (told !== undefined) assertStringIncludes(said, `${told}, commit`);
    });
  }

  await t.step(".gitleaksignore with its fingerprints", async () => {
    const branch = await lab.fresh();
    const token = madeUpToken();
    const bad = await work.commit("a", { "a.txt": `${token}\n` });
    const lines = [`${bad}:a.txt:github-pat:1`, "a.txt:github-pat:1", ":github-pat:1"];
    await work.commit("ignore", { ".gitleaksignore": lines.join("\n") });
    await lab.refused(token, `HEAD:refs/heads/${branch}`);
  });

  await t.step("text in the place of a binary file, and the other way", async () => {
    const branch = await lab.fresh();
    const token = madeUpToken();
    await work.commit("binary", { a: bytes([0, 1, 2, 3, 10, 0, 10]) });
    const clean = await work.ok("rev-parse", "HEAD");
    await work.commit("text", { a: `one\n${token}\n` });
    assertStringIncludes(await lab.refused(token, `HEAD:refs/heads/${branch}`), "file a, line 2");
    await work.ok("reset", "--quiet", "--hard", clean);
    await work.commit("text", { a: "one\ntwo\n" });
    await work.commit("binary", { a: bytes([0, 10, 0], token, [10]) });
    assertStringIncludes(await lab.refused(token, `HEAD:refs/heads/${branch}`), "file a, line 2");
  });

  await t.step("a change of mode with a change of content, and one without", async () => {
    const branch = await lab.fresh();
    const token = madeUpToken();
    await work.commit("file", { "a.sh": "one\ntwo\n" });
    await Deno.chmod(`${work.folder}/a.sh`, 0o755);
    await work.commit("mode", {});
    await lab.passed(`HEAD:refs/heads/${branch}`);
    await Deno.chmod(`${work.folder}/a.sh`, 0o644);
    await work.commit("mode and more", { "a.sh": `one\n${token}\n` });
    assertStringIncludes(await lab.refused(token, `HEAD:refs/heads/${branch}`), "file a.sh, line 2");
  });

  await t.step("a key of many lines in an image by its name, with empty lines in it", async () => {
    const branch = await lab.fresh();
    const body = Array.from({ length: 40 }, () => madeUpToken().slice(4) + madeUpToken().slice(8));
    const key = ["-----BEGIN RSA PRIVATE KEY-----", "", ...body, "-----END RSA PRIVATE KEY-----", ""].join(
      "\n",
    );
    await work.commit("key", { "a.png": key });
    assertStringIncludes(
      await lab.refused(body[20]!, `HEAD:refs/heads/${branch}`),
      "private-key: file a.png, line 1",
    );
  });
});
