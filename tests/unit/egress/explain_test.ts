import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { explainRequest } from "../../../lib/egress/explain.ts";
import { effectiveRoutes } from "../../../lib/egress/routes.ts";
import { isMethod, targetFault } from "../../../lib/egress/url.ts";
import { OperatorError } from "../../../lib/errors.ts";
import type { ManifestRoute } from "../../../lib/manifest/model.ts";
import { BadMessage, parseRequestHead } from "../../../sidecars/egress/http/head.ts";

const route = (host: string, fields: Partial<ManifestRoute> = {}): ManifestRoute => ({
  ...{ host, pathAllowlist: [], tlsPassthrough: false, ssrfIpAllowlist: [] },
  ...fields,
});

const PLAN = effectiveRoutes(
  [{ host: "api.example", tlsPassthrough: true }],
  [
    route("open.example"),
    route("paths.example", { pathAllowlist: ["/v1/"] }),
    route("read.example", { methods: ["GET"] }),
    route("clone.example", { git: "fetch" }),
    route("nogit.example", { git: "none" }),
    route("auth.example", { auth: { scheme: "Bearer", tokenRef: "T" } }),
    route("xn--bcher-kva.example"),
    route("2001:db8::1"),
  ],
);

type Row = readonly [request: string, outcome: string, key?: string];

const ROWS: readonly Row[] = [
  ["GET https://open.example/", "forward route"],
  ["GET https://open.example", "forward route"],
  ["GET https://open.example?q", "forward route"],
  ["GET http://open.example/", "forward route"],
  ["GET HTTPS://OPEN.Example.:443/", "forward route"],
  ["GET https://b\u00fccher.example/", "forward route"],
  ["GET https://[2001:DB8:0::1]/", "forward route"],
  ["CONNECT open.example:443", "forward route"],
  ["CONNECT open.example:22", "deny port"],
  ["CONNECT other.example:443", "deny unknown-host"],
  ["GET https://other.example/", "deny unknown-host"],
  ["GET https://open.example:8443/", "deny port"],
  ["GET http://open.example:443/", "deny port"],
  ["GET http://auth.example/", "deny auth-needs-tls", "auth"],
  ["GET https://paths.example/v2", "deny path", "path_allowlist"],
  ["GET https://paths.example/v1/../v2", "deny path-ambiguous", "path_allowlist"],
  ["GET https://nogit.example/a/../b", "deny path-ambiguous", "git"],
  ["POST https://read.example/", "deny method", "methods"],
  ["get https://read.example/", "deny method", "methods"],
  ["GET https://nogit.example/r.git/info/refs", "deny git-fetch", "git"],
  ["GET https://clone.example/", "deny git-only", "git"],
  ["POST https://open.example/r.git/git-receive-pack", "deny git-push"],
  // What never gets as far as the policy.
  ["TRACE https://open.example/", "refuse 405"],
  ["trace http://other.example/", "refuse 405"],
  ["CONNECT https://open.example/", "refuse 405"],
  // Over https the connection is refused first.
  ["TRACE https://other.example/", "deny unknown-host"],
  ["GET https://me@open.example/", "refuse 400"],
  ["GET https://me:pw@open.example/", "refuse 400"],
  ["GET https://open.example/#part", "refuse 400"],
  ["GET https://open.example/a b", "refuse 400"],
  ["GET https://open.example/\u00e9", "refuse 400"],
  ["GET https://open.example/a\nb", "refuse 400"],
  ["GET https://*.example/", "refuse 400"],
  ["GET https://open.example:/", "refuse 400"],
  ["GET https://open.example:99999/", "refuse 400"],
  ["GET https:///path", "refuse 400"],
  ["GET https://0x7f.1/", "refuse 400"],
  ["GET https://open.example\\@evil.example/", "refuse 400"],
  ["GET http://_egress.local/routes", "local local"],
  ["GET https://_egress.local/routes", "deny unknown-host"],
];

Deno.test("explainRequest: what comes of a request, and the key that decides", async (t) => {
  for (const [text, expected, key] of ROWS) {
    await t.step(JSON.stringify(text), () => {
      const space = text.indexOf(" ");
      const { outcome, key: found } = explainRequest(PLAN, text.slice(0, space), text.slice(space + 1));
      const fact = outcome.verdict === "refuse" ? outcome.status : outcome.rule;
      assertEquals(`${outcome.verdict} ${fact}`, expected);
      assertEquals(found, key);
    });
  }
});

Deno.test("explainRequest: the answer is the one that the agent reads; the route is told when it refuses too", () => {
  const { outcome, route, request } = explainRequest(PLAN, "POST", "https://READ.example./x");
  assertEquals("status" in outcome && outcome.status, 403);
  assertStringIncludes(
    "answer" in outcome ? outcome.answer : "",
    "egress denied this request (rule method): read.example is open for",
  );
  assertEquals(route?.host, "read.example");
  assertEquals(request, {
    ...{ scheme: "https", host: "read.example", port: 443 },
    ...{ method: "POST", target: "/x" },
  });
  assertEquals(explainRequest(PLAN, "GET", "https://other.example/").route, undefined);
});

Deno.test("explainRequest: what no client sends is a usage error that says how to write it", () => {
  for (
    const [method, url, says] of [
      ["GET", "open.example", "'open.example' is not a URL that egress serves; write it in full"],
      ["GET", "ftp://open.example/", "is not a URL that egress serves"],
      ["GET", "", "'' is not a URL"],
      ["CONNECT", "open.example", "CONNECT example.com:443"],
      ["GET,POST", "https://open.example/", "'GET,POST' is not a request method; give one such as GET"],
      ["", "https://open.example/", "'' is not a request method"],
      ["G\u001b", "https://open.example/", "'G\\u{1b}' is not"],
    ] as const
  ) {
    const error = assertThrows(() => explainRequest(PLAN, method, url), OperatorError);
    assert(error instanceof OperatorError);
    assertStringIncludes(error.line, says);
    assertEquals(error.status, 2);
  }
});

Deno.test("url.ts takes for a method and a target what the parser of egress takes", () => {
  const accepts = (line: string): boolean => {
    try {
      parseRequestHead(`${line} HTTP/1.1\r\n\r\n`);
      return true;
    } catch (error) {
      if (error instanceof BadMessage) return false;
      throw error;
    }
  };
  for (let code = 0; code < 256; code++) {
    const char = String.fromCharCode(code);
    assertEquals(targetFault(`/a${char}b`) === undefined, accepts(`GET /a${char}b`), `target ${code}`);
    // A space makes three words of it, of which the parser cannot know that they were meant as two.
    if (code !== 0x20) assertEquals(isMethod(`A${char}B`), accepts(`A${char}B /`), `method ${code}`);
  }
  for (const length of [64, 65]) {
    assertEquals(isMethod("A".repeat(length)), accepts(`${"A".repeat(length)} /`));
  }
});
