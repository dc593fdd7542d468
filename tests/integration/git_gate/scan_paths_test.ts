/** Our copy of what gitleaks leaves out by name, against the real gitleaks, and what it knows by name. */

import { assert, assertEquals } from "@std/assert";
import { scanHistory } from "../../../sidecars/git_gate/gitleaks.ts";
import { isSkippedPath } from "../../../sidecars/git_gate/skipped_paths.ts";
import { type Clone, clone, madeUpToken } from "../../support/git_gate.ts";
import { testRules } from "../../support/scan_lab.ts";

const FOLDERS = `
  a/ gitleaks.toml/ node_modules/ a/node_modules/x/ xnode_modules/ bower_components/x/ vendor/github.com/x/
  vendor/golang.org/x/ vendor/golang.org/y/ vendor/other.example/x/ vendor/bundle/ vendor/bundlex/ vendor/ruby/a/
  venv/lib/ ENV/lib64/x/ virtualenv/lib/ lib/python3.12/ python/3.12/lib/ lib/python/ x-1.0.dist-info/ x.dist-info/
  .mvn/wrapper/ vendor/ a/vendor/
`.trim().split(/\s+/);

const NAMES = `
  a.txt a.go x.bmp X.PNG x.jpg x.jpeg x.gif x.svg x.tif x.tiff x.webp x.png.txt x.eot x.otf x.ttf x.woff x.woff2 x.doc
  x.docx x.xls x.xlsx x.pdf x.bin x.exe x.v2 x.dll x..dll x.pdb x.gltf x.suo x.wsuo x.socket x.vsidx go.mod go.sum go.work
  go.work.sum xgo.mod go.modx modules.txt gradlew gradlew.bat gradle.lockfile mvnw mvnw.cmd MavenWrapperDownloader.java
  deno.lock npm-shrinkwrap.json package-lock.json xpackage-lock.json pnpm-lock.yaml yarn.lock Cargo.lock composer.lock
  package.json jquery.js jquery-3.1.min.js jqueryui.js jquery-ui.min.js bootstrap.min.js.map angular.js plotly-2.0.js
  swagger-ui.js swaggerui-bundle.js javascript.json Pipfile.lock poetry.lock METADATA x.gem x.gemspec my-gitleaks.toml.bak
  verification-metadata.xml Database.refactorlog Databasexrefactorlog .gitx
`.trim().split(/\s+/);

/** The tip of a repository without refs, so that nothing in it is known already. */
async function unknownTip(work: Clone): Promise<string> {
  const tip = await work.ok("rev-parse", "HEAD");
  await work.ok("update-ref", "-d", "refs/heads/main");
  return tip;
}

Deno.test("the paths that we say gitleaks skips are those that it skips", async () => {
  await using files = await testRules();
  await using work = await clone(undefined);
  const paths = ["", ...FOLDERS].flatMap((folder) => NAMES.map((name) => folder + name));
  await work.commit("all", Object.fromEntries(paths.map((path) => [path, `${madeUpToken()}\n`])));
  const found = await scanHistory(work.folder, [await unknownTip(work)], files);
  const seen = new Set(found.map(({ File }) => File));
  assert(seen.size > 100 && paths.length - seen.size > 100, "one side is empty");
  for (const path of paths) assertEquals(isSkippedPath(path), !seen.has(path), path);
});

Deno.test("a key store is found by its name, though git shows nothing of binary files", async () => {
  await using files = await testRules();
  await using work = await clone(undefined);
  const stores = ["keys/cert.p12", "CERT.PFX"];
  await work.commit(
    "stores",
    Object.fromEntries(stores.map((path) => [path, new Uint8Array([0, 1, 2, 255])])),
  );
  const found = await scanHistory(work.folder, [await unknownTip(work)], files);
  assertEquals(found.map(({ RuleID, File }) => [RuleID, File]).sort(), [
    ["pkcs12-file", "CERT.PFX"],
    ["pkcs12-file", "keys/cert.p12"],
  ]);
});
