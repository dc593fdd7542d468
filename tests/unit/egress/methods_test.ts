import { assertEquals, assertMatch } from "@std/assert";
import { isNeverForwarded, methodFault } from "../../../lib/egress/methods.ts";
import { parseRoutes } from "../../../lib/egress/wire.ts";
import { decideRows } from "./rows.ts";

const TABLE = parseRoutes(`routes:
- { host: read.test, methods: [GET] }
- { host: write.test, methods: [GET, POST, M-SEARCH] }
- { host: paths.test, methods: [GET], path_allowlist: [/v1/] }
- { host: auth.test, methods: [GET], auth_scheme: Bearer, token_env: EGRESS_TOKEN_0 }
- { host: open.test }
`);

Deno.test("methods: what is listed passes, and nothing else", (t) =>
  decideRows(t, TABLE, [
    ["GET https://read.test/", "forward"],
    ["GET http://read.test/", "forward"],
    ["POST https://read.test/", "method"],
    ["DELETE https://read.test/", "method"],
    // GET does not stand for HEAD, nor for what begins like it or is written otherwise.
    ["HEAD https://read.test/", "method"],
    ["get https://read.test/", "method"],
    ["Get https://read.test/", "method"],
    ["GETS https://read.test/", "method"],
    ["GE https://read.test/", "method"],
    ["OPTIONS https://read.test*", "method"],
    ["POST https://write.test/", "forward"],
    ["M-SEARCH https://write.test/", "forward"],
    ["PUT https://write.test/", "method"],
    ["DELETE https://open.test/", "forward"],
    ["get https://open.test/", "forward"],
  ]));

Deno.test("methods: a query that asks for another one counts as that one", (t) =>
  decideRows(t, TABLE, [
    ["GET https://write.test/?_method=DELETE", "method"],
    ["POST https://write.test/?_method=delete", "method"],
    ["POST https://write.test/?a=b&_method=PUT", "method"],
    ["POST https://write.test/?a;_method=PUT", "method"],
    ["POST https://write.test/?%5fmethod=PUT", "method"],
    ["POST https://write.test/?_METHOD=PUT", "method"],
    ["POST https://write.test/?_method=%50UT", "method"],
    ["POST https://write.test/?_method=POST&_method=PUT", "method"],
    ["POST https://write.test/?X-HTTP-Method-Override=PUT", "method"],
    ["POST https://write.test/?%24httpMethod=PUT", "method"],
    ["POST https://write.test/?_method=get", "forward"],
    ["GET https://write.test/?method=DELETE", "forward"],
    ["GET https://open.test/?_method=DELETE", "forward"],
  ]));

Deno.test("methods: the rules before it are the ones that are named", (t) =>
  decideRows(t, TABLE, [
    ["POST https://other.test/", "unknown-host"],
    ["POST https://read.test:8443/", "port"],
    ["POST http://auth.test/", "auth-needs-tls"],
    ["POST https://paths.test/v2/", "path"],
    ["POST https://paths.test/v1/../x", "path-ambiguous"],
    ["POST https://paths.test/v1/x", "method"],
    ["POST https://read.test/r.git/git-receive-pack", "git-push"],
    // Without `git` a fetch is a request like any other.
    ["GET https://read.test/r.git/info/refs?service=git-upload-pack", "forward"],
    ["POST https://read.test/r.git/git-upload-pack", "method"],
  ]));

Deno.test("methodFault: what a route may list", () => {
  for (const method of ["GET", "PROPFIND", "M-SEARCH", "VERSION-CONTROL", "RPC_IN_DATA"]) {
    assertEquals(methodFault(method), undefined, method);
  }
  for (const method of ["", "GET POST", "GET,POST", "*", "G\u0130T", "1GET", "GET\n", "A".repeat(65)]) {
    assertMatch(methodFault(method) ?? "", /must be a request method/, method);
  }
  assertMatch(methodFault("get") ?? "", /upper case/);
  assertMatch(methodFault("trace") ?? "", /upper case/);
  assertMatch(methodFault("CONNECT") ?? "", /never forwarded: it would open a tunnel/);
  for (const method of ["TRACE", "TRACK"]) {
    assertMatch(methodFault(method) ?? "", /never forwarded: it has the server repeat/);
  }
});

Deno.test("isNeverForwarded, in any case of the letters", () => {
  for (const method of ["TRACE", "trace", "Track", "CONNECT"]) assertEquals(isNeverForwarded(method), true);
  for (const method of ["GET", "TRACER", ""]) assertEquals(isNeverForwarded(method), false);
});
