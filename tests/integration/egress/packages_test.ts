/** npm install and pip install through egress, from registries that run in this test. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { python, startClientWorld } from "./clients.ts";
import { npmRegistry, pypiIndex } from "./registries.ts";

Deno.test("npm install: a package and its dependency, with the bottle's token and not the agent's", async () => {
  await using w = await startClientWorld({
    hosts: {},
    servers: { "npm.test": await npmRegistry("registry-token") },
    routes: "routes: [{host: npm.test, auth_scheme: Bearer, token_env: EGRESS_TOKEN_0}]",
    env: { EGRESS_TOKEN_0: "registry-token" },
  });
  await Deno.writeTextFile(`${w.home}/package.json`, "{}");
  await Deno.writeTextFile(
    `${w.home}/.npmrc`,
    "registry=https://npm.test/\n//npm.test/:_authToken=placeholder\naudit=false\nfund=false\nupdate-notifier=false\n" +
      `cache=${w.home}/cache\n`,
  );
  const { code, out, err } = await w.run("npm", ["install", "--no-progress", "small-package"]);
  assertEquals(code, 0, `${out}\n${err}`);
  assertMatch(out, /added 2 packages/);
  assertEquals((await w.run("node", ["-p", "require('small-package')"])).out, "42\n");
  const lock = JSON.parse(await Deno.readTextFile(`${w.home}/package-lock.json`));
  assertStringIncludes(lock.packages["node_modules/small-dependency"].integrity, "sha512-");
  const paths = w.egress.stdout.flatMap((line) => /"path":"([^"]+)"/.exec(line)?.[1] ?? []).toSorted();
  assertEquals(paths, [
    "/small-dependency",
    "/small-dependency/-/small-dependency-1.0.0.tgz",
    "/small-package",
    "/small-package/-/small-package-1.0.0.tgz",
  ]);
  const missing = await w.run("npm", ["install", "no-such-package"]);
  assert(missing.code !== 0);
  assertStringIncludes(missing.err, "404");
});

Deno.test("npm install: a registry that is not on the list is refused, and npm says so", async () => {
  await using w = await startClientWorld({ hosts: {}, routes: "routes: []" });
  await Deno.writeTextFile(`${w.home}/package.json`, "{}");
  const { code, err } = await w.run("npm", [
    ...[
      "install",
      "--registry",
      "https://unlisted.test/",
      "--fetch-retries=0",
      `--cache=${w.home}/cache`,
      "x",
    ],
  ]);
  assert(code !== 0);
  assertStringIncludes(err, "403");
});

Deno.test("pip install: a wheel from a simple index, its hash checked", async () => {
  const interpreter = await python("pip");
  const folder = await Deno.makeTempDir({ prefix: "egress-wheel-" });
  await using w = await startClientWorld({
    hosts: {},
    servers: { "pypi.test": await pypiIndex(interpreter, folder) },
    routes: "routes: [{host: pypi.test, path_allowlist: [/simple/, /files/]}]",
  });
  const pip = (...args: string[]) =>
    w.run(interpreter, [
      ...["-m", "pip", "install", "--no-cache-dir", "--retries", "0", "--target", `${w.home}/site`],
      ...["--index-url", "https://pypi.test/simple/", ...args],
    ]);
  const { code, out, err } = await pip("small-package==1.0");
  assertEquals(code, 0, `${out}\n${err}`);
  assertStringIncludes(out, "Successfully installed small-package-1.0");
  const script = "import sys; sys.path.insert(0, 'site'); import small_package; print(small_package.ANSWER)";
  assertEquals((await w.run(interpreter, ["-c", script])).out, "42\n");
  await w.egress.record((record) => record.path === "/files/small_package-1.0-py3-none-any.whl");
  const refused = await pip("--index-url", "https://pypi.test/other/", "small-package");
  assert(refused.code !== 0);
  await w.egress.record((record) => record.path === "/other/small-package/" && record.status === 403);
  await Deno.remove(folder, { recursive: true });
});
