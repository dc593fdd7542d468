import { assert, assertEquals, assertMatch } from "@std/assert";
import { decide, decideHost } from "../../../lib/egress/decide.ts";
import { denialOf, faultOf } from "../../../lib/egress/denial.ts";
import { parseRoutes } from "../../../lib/egress/wire.ts";
import { decideRows, request } from "./rows.ts";

const TABLE = parseRoutes(`routes:
- { host: open.test }
- { host: auth.test, auth_scheme: Bearer, token_env: EGRESS_TOKEN_0 }
- { host: paths.test, path_allowlist: [/v1/, /repo] }
`);

Deno.test("decide, rule by rule and in their order", (t) =>
  decideRows(t, TABLE, [
    ["GET https://open.test/", "forward"],
    ["GET https://open.test/any/../path", "forward"],
    ["GET http://open.test/", "forward"],
    ["OPTIONS https://open.test*", "forward"],
    ["GET https://other.test/", "unknown-host"],
    ["GET https://sub.open.test/", "unknown-host"],
    ["GET https://open.test.evil/", "unknown-host"],
    ["GET https://open.test:8443/", "port"],
    ["GET http://open.test:443/", "port"],
    ["GET https://open.test:80/", "port"],
    ["GET https://auth.test/", "forward"],
    ["GET http://auth.test/", "auth-needs-tls"],
    ["GET https://paths.test/v1/x?y", "forward"],
    ["GET https://paths.test/repo", "forward"],
    ["GET https://paths.test/repository", "path"],
    ["GET https://paths.test/v1", "path"],
    ["GET https://paths.test/", "path"],
    ["GET https://paths.test/v2?/v1/", "path"],
    ["GET https://paths.test/v1/../x", "path-ambiguous"],
    ["OPTIONS https://paths.test*", "path-ambiguous"],
    // git: both halves of a push, however written; a fetch passes.
    ["GET https://open.test/r.git/info/refs?service=git-upload-pack", "forward"],
    ["POST https://open.test/r.git/git-upload-pack", "forward"],
    ["GET https://open.test/r.git/info/refs?service=git-receive-pack", "git-push"],
    ["GET https://open.test/r.git/info/refs?x=1&service=git-receive-pack", "git-push"],
    ["GET https://open.test/r.git/info/refs?x;service=git-receive-pack", "git-push"],
    ["GET https://open.test/r.git/info/refs?service=git%2dreceive%2Dpack", "git-push"],
    ["GET https://open.test/r.git/info/refs?%73ervice=git-receive-pack", "git-push"],
    ["GET https://open.test/r.git/info/refs?service=git%252dreceive-pack", "git-push"],
    ["GET https://open.test/r.git/info/refs?service=GIT-RECEIVE-PACK", "git-push"],
    ["GET https://open.test/r.git/info/refs?x%26service=git-receive-pack", "git-push"],
    ["POST https://open.test/r.git/git-receive-pack", "git-push"],
    ["POST https://open.test/r.git/git%2Dreceive%2dpack", "git-push"],
    ["POST https://open.test/r.git%2fgit-receive-pack", "git-push"],
    ["POST https://open.test/r.git\\git-receive-pack", "git-push"],
    ["POST https://open.test/r.git/git-receive-pack/", "git-push"],
    ["POST https://open.test/r.git/git-receive-pack;x", "git-push"],
    ["POST https://open.test/%zz/../r.git/git-receive-pack", "git-push"],
    ["POST https://open.test/r.git/git-receive-pack%00", "git-push"],
    ["POST https://open.test/r.git/git-receive-pack%3fx", "git-push"],
    ["POST https://open.test/r.git/git-receive-pack.%20", "git-push"],
    ["POST https://open.test/r.git//git-receive-pack", "git-push"],
    ["POST https://open.test/r.git/x/../git-receive-pack", "git-push"],
    ["PUT https://open.test/r.git/git-receive-pack", "git-push"],
    ["GET https://open.test/r?service=git-upload-pack&service=git-receive-pack", "git-push"],
    ["GET https://open.test/r?service=git-receive-pack&service=git-upload-pack", "git-push"],
    ["GET https://open.test/r?x%26service=git-receive-pack", "git-push"],
    ["GET https://open.test/r?service%00=git-receive-pack", "git-push"],
    ["GET https://open.test/r?+service+=git-receive-pack", "git-push"],
    ["GET https://open.test/r?service=%20git-receive-pack", "git-push"],
    ["POST https://open.test/r.git/git-receive-pack%3f", "git-push"],
    ["POST https://open.test/r.git/git-receive-pack%23/x", "git-push"],
    ["POST https://open.test/r.git/git-receive-pack%0a", "git-push"],
    ["POST https://open.test/r.git/git-re%09ceive-pack", "git-push"],
    ["POST https://open.test/r.git/git-receive-pack.", "git-push"],
    ["POST https://open.test/r.git/git-receive-pack%20/", "git-push"],
    ["GET https://open.test/search?q=git-receive-pack", "forward"],
    ["GET https://open.test/docs/git-receive-pack.html", "forward"],
    ["GET https://open.test/docs/git-receive-packs", "forward"],
    ["GET https://open.test/o/git-receive-pack.git/info/refs?service=git-upload-pack", "forward"],
    ["GET https://open.test/r?microservice=git-receive-pack", "forward"],
    // The first rule that applies is the one that is named.
    ["POST https://paths.test/other/git-receive-pack", "path"],
    ["POST https://paths.test/repo/git-receive-pack", "git-push"],
    ["POST https://other.test/r/git-receive-pack", "unknown-host"],
  ]));

Deno.test("a forward carries the route, and with it what is injected", () => {
  const verdict = decide(TABLE, request("GET https://auth.test/x"));
  assertEquals(verdict.kind === "forward" && verdict.route.inject, {
    scheme: "Bearer",
    tokenEnv: "EGRESS_TOKEN_0",
    keepCookies: false,
  });
});

Deno.test("decideHost judges a CONNECT without a path", () => {
  assertEquals(decideHost(TABLE, { scheme: "https", host: "paths.test", port: 443 }).kind, "forward");
  assertEquals(decideHost(TABLE, { scheme: "https", host: "nope.test", port: 443 }).kind, "deny");
});

Deno.test("denials: what, which rule, what next; nothing that a terminal would act on", () => {
  for (const rule of ["unknown-host", "path"] as const) {
    const { status, body } = denialOf(rule, "a.test", "/v1/");
    assertEquals(status, 403);
    assert(body.includes("a.test") && body.includes(`rule ${rule}`) && body.includes("`egress-block`"));
  }
  for (const rule of ["git-push", "git-fetch"] as const) {
    assertMatch(denialOf(rule, "a.test", "").body, /ssh:\/\/ URL, which git-gate serves/);
  }
  assertMatch(
    denialOf("method", "a.test", "GET, HEAD").body,
    /a\.test .* only: GET, HEAD;[^]*`egress-block`/,
  );
  assertMatch(denialOf("git-only", "a.test", "").body, /clone and fetch[^]*`egress-block`/);
  assertMatch(denialOf("port", "a.test", "22").body, /port 22 of a.test/);
  const hostile = denialOf("unknown-host", "a\u001b[2J\u202e.test", "");
  for (const char of ["\u001b", "\u202e"]) assert(!hostile.body.includes(char));
  assert(!faultOf(502, "upstream", "x\u001b[2J").body.includes("\u001b"));
});
