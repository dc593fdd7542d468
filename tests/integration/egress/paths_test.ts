/** A path allowlist over real sockets: no way of writing a path leads out of its prefixes, and plain paths pass as written. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { echoHeads } from "./support.ts";
import { startWorld } from "./world.ts";

const HOST = "paths.test";

function world() {
  return startWorld({
    hosts: { [HOST]: echoHeads },
    routes: `routes: [{host: ${HOST}, path_allowlist: [/v1/, /exact]}]`,
  });
}

const OUTSIDE: readonly string[] = [
  "/",
  "/v2/x",
  "/v1",
  "/V1/x",
  "/v1beta/x",
  "//v1/x",
  "/%76%32/x",
  "/v1%2fx",
  "/exactly",
  "/exact.json",
  "/exact../x",
  "/exact%2e%2e/x",
  "/?/v1/x",
  "/v2?/v1/",
];

const TRAVERSAL: readonly (readonly [name: string, path: string])[] = [
  ["raw", "/v1/../v2/x"],
  ["raw at the end", "/v1/.."],
  ["a single dot", "/v1/./x"],
  ["after an exact prefix", "/exact/../v2"],
  ["in front", "/../v1/x"],
  ["after an empty segment", "/v1//../../v2"],
  ["encoded dots", "/v1/%2e%2e/v2/x"],
  ["encoded dots, upper case", "/v1/%2E%2E/v2/x"],
  ["one encoded dot", "/v1/.%2e/v2"],
  ["an encoded slash", "/v1/..%2fv2"],
  ["all encoded", "/v1/%2e%2e%2f%2e%2e%2fv2"],
  ["twice encoded", "/v1/%252e%252e/v2"],
  ["twice encoded slash", "/v1/..%252fv2"],
  ["three times encoded", "/v1/%25252e%25252e/v2"],
  ["a percent sign encoded in the middle", "/v1/%2%65%2%65/v2"],
  ["encoded over and over", `/v1/%${"25".repeat(12)}2e/v2`],
  ["a backslash", "/v1/..\\v2"],
  ["encoded backslashes", "/v1/%5c..%5cv2"],
  ["a path parameter", "/v1/..;/v2"],
  ["a path parameter with a value", "/v1/..;a=b/v2"],
  ["an encoded path parameter", "/v1/%2e%2e%3b/v2"],
  ["overlong dots", "/v1/%c0%ae%c0%ae/v2"],
  ["an overlong slash", "/v1/..%c0%afv2"],
  ["an overlong slash of three bytes", "/v1/..%e0%80%afv2"],
  ["a non-standard escape", "/v1/%u002e%u002e/v2"],
  ["full-width dots", "/v1/%ef%bc%8e%ef%bc%8e/v2"],
  ["a two-dot leader", "/v1/%e2%80%a5/v2"],
  ["a full-width slash", "/v1/..%ef%bc%8fv2"],
  ["a trailing space", "/v1/..%20/v2"],
  ["a space between", "/v1/.%20./v2"],
  ["three dots", "/v1/.../v2"],
  ["a NUL after the dots", "/v1/..%00/v2"],
  ["a NUL before the end", "/v1/x%00.html"],
  ["a line end", "/v1/x%0d%0aX:%20y"],
  ["a lone percent sign", "/v1/%"],
  ["no hexadecimal digits", "/v1/%zz"],
];

const INSIDE: readonly string[] = [
  "/v1/x",
  "/v1/",
  "/v1/a%20b?next=../../x",
  "/v1/x?u=%2e%2e%2f&v=%00",
  "/v1/x%2fy",
  "/v1/%7Euser/%D0%B6",
  "/v1/a;b=c/d",
  "/v1/..x/.well-known/x..",
  "/exact",
  "/exact?",
  "/exact/more",
];

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`;

Deno.test("paths: outside the prefixes, or not to be compared with them, is refused", async (t) => {
  await using w = await world();
  const rows = [
    ...OUTSIDE.map((path) => [path, path, "path"] as const),
    ...TRAVERSAL.map(([name, path]) =>
      [`${name}: ${path.slice(0, 40)}`, path, "path(?:-ambiguous)?"] as const
    ),
  ];
  for (const [name, path, rule] of rows) {
    await t.step(name, async () => {
      const expected = new RegExp(`^HTTP/1.1 403 [\\s\\S]*\\(rule ${rule}\\)`);
      assertMatch(await w.inTunnel(HOST, get(path)), expected);
      assertMatch(await w.inPlain(get(`http://${HOST}${path}`)), expected);
    });
  }
  await t.step("a target that is no path", async () => {
    const answer = await w.inTunnel(HOST, `OPTIONS * HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`);
    assertMatch(answer, /^HTTP\/1.1 403 /);
  });
  assertEquals(w.dialled, []);
});

Deno.test("paths: inside the prefixes, the target passes byte for byte", async (t) => {
  await using w = await world();
  for (const path of INSIDE) {
    await t.step(path, async () => {
      const answer = await w.inTunnel(HOST, get(path));
      assert(answer.includes(`\r\n\r\nGET ${path} HTTP/1.1\r\n`), answer);
    });
  }
});
