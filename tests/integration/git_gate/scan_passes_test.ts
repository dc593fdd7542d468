/** What looks much like a secret and is none: it must pass. */

import { madeUpToken } from "../../support/git_gate.ts";
import { runOrThrow } from "../../support/sshd.ts";
import { startScanLab } from "../../support/scan_lab.ts";

/** Most that is given at once. */
const QUOTA = 65_536;

function random(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += QUOTA) crypto.getRandomValues(bytes.subarray(at, at + QUOTA));
  return bytes;
}

const base64 = (bytes: number) => random(bytes).toBase64();
const hex = (bytes: number) => random(bytes).toHex();
const times = <T>(count: number, make: (at: number) => T) =>
  Array.from({ length: count }, (_, at) => make(at));

function packageLock(): string {
  const packages = Object.fromEntries(times(300, (at) => [`node_modules/key-token-${at}`, {
    version: `1.${at}.0`,
    resolved: `https://packages.lab.example/key-token-${at}/-/key-token-${at}-1.${at}.0.tgz`,
    integrity: `sha512-${base64(64)}`,
    dev: true,
  }]));
  return JSON.stringify({ name: "demo", lockfileVersion: 3, packages }, null, 2);
}

const WORDS = ["const", "let", "return", "this", "token", "key", "auth", "api", "null", "length", "secret"];

function minified(): string {
  const word = () => WORDS[random(1)[0]! % WORDS.length];
  const name = () => String.fromCharCode(97 + random(1)[0]! % 26);
  return times(
    40_000,
    () => `function ${name()}(${name()}){${word()}.${word()}=${name()}.${word()}?${name()}:!0}`,
  )
    .join("");
}

const README = [
  "# Set up",
  "",
  "    export GITHUB_TOKEN=ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
  "    export AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
  "    export API_KEY=$API_KEY OPENAI_API_KEY=sk-... TOKEN=${{ secrets.TOKEN }}",
  "    curl -H 'Authorization: Bearer $TOKEN' https://api.example",
  "    password: <your password>",
  "    ANTHROPIC_API_KEY=<key>",
  "    url: https://user:password@host.example/",
  "",
].join("\n");

/** Files of each commit that must pass. */
const FILES: readonly (readonly [what: string, files: () => Record<string, string | Uint8Array>])[] = [
  [
    "package-lock.json",
    () => ({ "package-lock.json": packageLock(), "sub/package-lock.json": packageLock() }),
  ],
  ["go.sum", () => ({
    "go.sum": times(200, (at) => `github.com/api/key${at} v1.${at}.0 h1:${base64(32)}\n`).join(""),
    "go.mod": `module demo\n\nrequire github.com/api/key v0.0.0-20240102030405-${hex(6)}\n`,
  })],
  ["yarn.lock", () => ({
    "yarn.lock": times(
      200,
      (at) =>
        `"@auth/token@^${at}.0.0":\n  version "${at}.0.0"\n  resolved "https://registry.yarnpkg.com/@auth/token/-/token-` +
        `${at}.0.0.tgz#${hex(20)}"\n  integrity sha512-${base64(64)}\n`,
    ).join("\n"),
  })],
  ["pnpm-lock.yaml", () => ({
    "pnpm-lock.yaml": times(
      200,
      (at) => `  /key@${at}.0.0:\n    resolution: {integrity: sha512-${base64(64)}}\n`,
    ).join(""),
  })],
  ["Cargo.lock", () => ({
    "Cargo.lock": times(
      200,
      (at) => `[[package]]\nname = "api-key-${at}"\nversion = "0.${at}.0"\nchecksum = "${hex(32)}"\n`,
    ).join("\n"),
  })],
  ["deno.lock", () => ({
    "deno.lock": JSON.stringify(
      {
        version: "5",
        npm: Object.fromEntries(times(200, (at) => [`token@1.${at}`, { integrity: `sha512-${base64(64)}` }])),
        remote: Object.fromEntries(times(200, (at) => [`https://key.example/${at}.ts`, hex(32)])),
      },
      null,
      2,
    ),
  })],
  ["poetry.lock", () => ({
    "poetry.lock": times(200, (at) => `    {file = "token-${at}.whl", hash = "sha256:${hex(32)}"},\n`).join(
      "",
    ),
  })],
  [
    "minified scripts",
    () => ({ "dist/app.min.js": minified(), "dist/app.js.map": `{"mappings":"${base64(90_000)}"}` }),
  ],
  ["images in base64", () => ({
    "a.css": `a{background:url(data:image/png;base64,${base64(60_000)})}\n`,
    "a.svg": `<svg><image href="data:image/png;base64,${base64(60_000)}"/></svg>\n`,
    "a.html": `<img src="data:image/jpeg;base64,${base64(60_000)}">\n`,
    "a.ipynb": JSON.stringify({ cells: [{ outputs: [{ data: { "image/png": base64(60_000) } }] }] }),
  })],
  ["a README with placeholders", () => ({ "docs/README.md": README })],
  ["binary files", () => ({ "a.png": random(60_000), "b.dat": random(60_000), "c.woff2": random(60_000) })],
  ["public keys and certificates", () => ({
    "key.pub": `ssh-ed25519 AAAA${base64(40)} agent@lab.example\n`,
    "cert.pem": `-----BEGIN CERTIFICATE-----\n${
      base64(900).replace(/.{64}/g, "$&\n")
    }\n-----END CERTIFICATE-----\n`,
  })],
  ["names of objects", () => ({
    "CHANGES.md": times(200, () => `- fix the token cache (${hex(20)})\n- revert ${hex(20)}\n`).join(""),
    ".pre-commit-config.yaml": `repos:\n- repo: https://git.example/key\n  rev: ${hex(20)}\n`,
    ".github/workflows/a.yml": times(20, () => `      - uses: auth/token@${hex(20)}\n`).join(""),
  })],
  ["UUIDs", () => ({ "ids.json": JSON.stringify(times(200, () => ({ id: crypto.randomUUID() })), null, 1) })],
  ["nothing", () => ({})],
  ["an empty file", () => ({ "empty": "" })],
];

Deno.test("what is no secret passes", async (t) => {
  await using lab = await startScanLab();
  const { work } = lab;

  for (const [what, files] of FILES) {
    await t.step(what, async () => {
      const branch = await lab.fresh();
      await work.commit(`add ${what}`, files());
      await lab.passed(`HEAD:refs/heads/${branch}`);
    });
  }

  await t.step("commits and tags with signatures, a merge of a signed tag", async () => {
    const name = await lab.fresh();
    const folder = `${work.folder}/.git`;
    await runOrThrow("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", `${folder}/sign`]);
    const signed = ["-c", "gpg.format=ssh", "-c", `user.signingKey=${folder}/sign.pub`];
    await work.ok(...signed, "commit", "--quiet", "--allow-empty", "-S", "-m", "signed");
    await work.ok(...signed, "tag", "-s", name, "-m", "signed");
    await lab.fresh();
    await work.commit("other", { "other.txt": "x\n" });
    await work.ok(...signed, "merge", "--quiet", "--no-ff", "-S", "-m", "merge", name);
    await lab.passed(`HEAD:refs/heads/${name}`, `refs/tags/${name}`);
  });

  await t.step("a signature as GnuPG writes it", async () => {
    const branch = await lab.fresh();
    const body = base64(384).replace(/.{64}/g, "$&\n ").trim();
    const header =
      `gpgsig -----BEGIN PGP SIGNATURE-----\n \n ${body}\n =AbCd\n -----END PGP SIGNATURE-----\n`;
    await lab.passed(`${await lab.rawCommit({ header })}:refs/heads/${branch}`);
  });

  await t.step("a revert, a trailer, a link to a commit", async () => {
    const branch = await lab.fresh();
    const message = `Revert "token cache"\n\nThis reverts commit ${lab.base}.\n\nChange-Id: I${hex(20)}\n` +
      `See https://git.example/auth/token/commit/${hex(20)}\nSigned-off-by: Agent <agent@lab.example>`;
    await work.commit(message, { "a.txt": "x\n" });
    await lab.passed(`HEAD:refs/heads/${branch}`);
  });

  await t.step("a token that is taken out, when it was there before", async () => {
    const branch = await lab.fresh();
    // Behind the gate's back: what the upstream has is known.
    await work.commit("leak", { "leak.txt": `one\n${madeUpToken()}\nthree\n` });
    await work.ok("push", "--quiet", lab.bare, `HEAD:refs/heads/${branch}`);
    await work.ok("fetch", "--quiet", "origin");
    await work.commit("clean", { "leak.txt": "one\nthree\n" });
    await lab.passed(`HEAD:refs/heads/${branch}`);
  });
});
