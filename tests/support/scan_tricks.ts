/** Pushes that try to lead the scan astray, and pushes that only look bad. */

import { binary, headers, type ScanCase, writeObject } from "./scan_cases.ts";

const found = (place: string) => new RegExp(`remote: git-gate: +github-pat: ${place}`);
const line = (token: string) => `token = "${token}"\n`;

/** What a repository says of itself, what readers of diffs stumble over, what gitleaks leaves out. */
export const TRICKS: readonly ScanCase[] = [
  ...["-diff", "binary", "diff=x", "-text diff=x export-ignore"].map((attribute): ScanCase => ({
    title: `.gitattributes with ${attribute}`,
    make: async (work, token) => {
      await work.commit("a", { ".gitattributes": `* ${attribute}\n`, "a.ini": line(token) });
    },
    says: found("file a\\.ini, line 1"),
  })),
  {
    title: "its own rules: .gitleaks.toml, .gitleaksignore, gitleaks:allow",
    make: async (work, token) => {
      const commit = await work.commit("a", {
        ".gitleaks.toml": "[allowlist]\nregexes = ['''.*''']\npaths = ['''.*''']\n",
        "a.ini": `token = "${token}" # gitleaks:allow\n`,
      });
      await work.commit("b", { ".gitleaksignore": `${commit}:a.ini:github-pat:1\na.ini:github-pat:1\n` });
    },
    says: found("file a\\.ini, line 1"),
  },
  ...[
    "logo.png",
    "package-lock.json",
    "go.sum",
    "node_modules/x/a.js",
    "gitleaks.toml",
    "a.pdf",
    "vendor/github.com/x.go",
  ]
    .map((path): ScanCase => ({
      title: `a file that gitleaks does not open: ${path}`,
      make: async (work, token) => void await work.commit("a", { [path]: `one\n${line(token)}` }),
      says: found(`file ${path.replaceAll(".", "\\.")}, line 2`),
    })),
  {
    title: "an image with the token in its bytes",
    make: async (work, token) => void await work.commit("a", { "logo.png": binary(token) }),
    says: found("file logo\\.png"),
  },
  ...["together", "before"].map((when): ScanCase => ({
    title: `a replaced commit, pushed ${when}`,
    make: async (work, token) => {
      const innocent = await work.commit("innocent", { "a.txt": "a\n" });
      await work.ok("reset", "-q", "--hard", "HEAD~1");
      const bad = await work.commit(`bad ${when}`, { "a.ini": line(token) });
      await work.ok("update-ref", `refs/replace/${bad}`, innocent);
      const replacement = `refs/replace/${bad}`;
      if (when === "together") return [replacement, `${bad}:refs/heads/replaced`];
      await work.ok("push", "-q", "origin", replacement);
      return [`${bad}:refs/heads/replaced`];
    },
    says: found("file a\\.ini"),
  })),
  {
    title: "names that readers of diffs stumble over",
    make: async (work, token) => {
      await work.commit("a", {
        "a\nb": "x\n",
        'quote"d': "x\n",
        "x b/x": "x\n",
        "tab\there": "x\n",
        "-dash": "x\n",
        "dev/null": "x\n",
        " lead and trail ": "x\n",
        "naïve ☃": "x\n",
        "@@ -1 +1 @@": "x\n",
      });
      await work.commit("b", { "a\nb": line(token) });
    },
    says: found("file a"),
  },
  {
    title: "content and messages that look like a diff",
    make: async (work, token) => {
      const looks =
        "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\ncommit 1234\n\\ No newline at end of file\n\n";
      await work.commit(`subject\n\n${looks}`, { "a.patch": looks.repeat(3) });
      await work.commit(looks, { "a.patch": looks + line(token) + looks, "empty": "" });
    },
    says: found("file a\\.patch, line 8"),
  },
  {
    title: "a file that becomes a link, a folder, and a file again",
    make: async (work, token) => {
      await work.commit("a", { "x": "x\n" });
      await Deno.remove(`${work.folder}/x`);
      await Deno.symlink("elsewhere", `${work.folder}/x`);
      await work.commit("b", {});
      await Deno.remove(`${work.folder}/x`);
      await work.commit("c", { "x/y": "y\n" });
      await Deno.remove(`${work.folder}/x`, { recursive: true });
      await work.commit("d", { "x": line(token) });
    },
    says: found("file x, line 1"),
  },
  {
    title: "a commit that git fsck calls broken",
    make: async (work) => {
      const whole = await headers(work);
      return [
        `${await writeObject(work, "commit", `${whole.replace(/author .*\n/, "")}\nx\n`)}:refs/heads/broken`,
      ];
    },
    says: /fsck error|missingAuthor/,
  },
];

const HASH = () => btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(64))));
const HEX = () =>
  [...crypto.getRandomValues(new Uint8Array(20))].map((b) => b.toString(16).padStart(2, "0")).join("");

/** What an agent pushes on a normal day. */
export const HARMLESS: readonly ScanCase[] = [
  {
    title: "lock files",
    make: async (work) => {
      const names = ["js-tokens", "api-key-store", "oauth-secret", "jsonwebtoken", "password-validator"];
      const npm = Object.fromEntries(names.map((name) => [`node_modules/${name}`, {
        version: "1.2.3",
        resolved: `https://registry.npmjs.org/${name}/-/${name}-1.2.3.tgz`,
        integrity: `sha512-${HASH()}`,
      }]));
      await work.commit("locks", {
        "package-lock.json": JSON.stringify({ lockfileVersion: 3, packages: npm }, null, 2),
        "go.sum": names.map((name) => `github.com/x/${name} v1.2.3 h1:${HASH().slice(0, 43)}=\n`).join(""),
        "yarn.lock": names.map((name) =>
          `${name}@^1.0.0:\n  version "1.2.3"\n  resolved "https://registry.yarnpkg.com/${name}#${HEX()}"\n  integrity sha512-${HASH()}\n\n`
        ).join(""),
        "Cargo.lock": names.map((name) =>
          `[[package]]\nname = "${name}"\nversion = "1.2.3"\nchecksum = "${HEX()}${HEX().slice(0, 24)}"\n\n`
        ).join(""),
      });
    },
    says: undefined,
  },
  {
    title: "pinned actions, submodules, a mention of sourcegraph",
    make: async (work) => {
      await work.commit("chore: pin actions, as sourcegraph does", {
        ".github/workflows/ci.yml": `steps:\n  - uses: actions/checkout@${HEX()}\n`,
        "README.md": "Search it with sourcegraph.\n",
      });
      await work.ok("update-index", "--add", "--cacheinfo", `160000,${HEX()},sub`);
      await work.ok("commit", "-q", "-m", "submodule");
    },
    says: undefined,
  },
  {
    title: "a signed commit and documents with placeholders",
    make: async (work) => {
      await work.commit("docs", {
        "README.md":
          "export GITHUB_TOKEN=ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\nAPI_KEY=<your key>\npassword: changeme\n",
      });
      const armour = Array.from({ length: 10 }, () => ` ${HASH().slice(0, 64)}`).join("\n");
      const signature =
        `gpgsig -----BEGIN PGP SIGNATURE-----\n \n${armour}\n =AbCd\n -----END PGP SIGNATURE-----\n`;
      return [
        `${await writeObject(
          work,
          "commit",
          `${await headers(work, signature)}\nsigned\n`,
        )}:refs/heads/signed`,
      ];
    },
    says: undefined,
  },
  {
    title: "images, minified code, an empty commit without words",
    make: async (work) => {
      await work.commit("assets", {
        "logo.png": binary("PNG"),
        "icon.html": `<img src="data:image/png;base64,${HASH().repeat(20)}">\n`,
        "app.min.js": "function a(b){return b+1}".repeat(4000),
      });
      await work.commit("", {});
    },
    says: undefined,
  },
];
