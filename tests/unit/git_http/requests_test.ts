import { assertEquals } from "@std/assert";
import { bodyFault, cgiVariables, readRequest } from "../../../sidecars/git_http/requests.ts";

const SERVED: readonly [string, string, unknown][] = [
  ["GET", "/app.git/info/refs?service=git-upload-pack", {
    name: "app",
    service: "upload-pack",
    kind: "refs",
  }],
  ["GET", "/app.git/info/refs?service=git-receive-pack", {
    name: "app",
    service: "receive-pack",
    kind: "refs",
  }],
  ["POST", "/app.git/git-upload-pack", { name: "app", service: "upload-pack", kind: "rpc" }],
  ["POST", "/a.b-c_D.git.git/git-receive-pack", {
    name: "a.b-c_D.git",
    service: "receive-pack",
    kind: "rpc",
  }],
];

const REFUSED: readonly [string, string, number][] = [
  ["GET", "/app.git/info/refs", 403],
  ["GET", "/app.git/info/refs?service=git-upload-archive", 403],
  ["GET", "/app.git/info/refs?service=git-upload-pack&x=1", 403],
  ["GET", "/app.git/info/refs?service=git-upload-pac%6b", 403],
  ["POST", "/app.git/git-upload-archive", 403],
  ["POST", "/app.git/info/refs?service=git-upload-pack", 405],
  ["GET", "/app.git/git-upload-pack", 405],
  ["HEAD", "/app.git/info/refs?service=git-upload-pack", 405],
  ...[
    "",
    "/",
    "/app/info/refs?service=git-upload-pack",
    "/app.git/HEAD",
    "/app.git/objects/info/packs",
    "//app.git/info/refs?service=git-upload-pack",
    "/app.git//info/refs?service=git-upload-pack",
    "/x/../app.git/info/refs?service=git-upload-pack",
    "/x/%2e%2e/app.git/info/refs?service=git-upload-pack",
    "/%2e%2e/app.git/info/refs?service=git-upload-pack",
    "/app.git/../app.git/info/refs?service=git-upload-pack",
    "/app.git%2finfo/refs?service=git-upload-pack",
    "/app.git/info%2Frefs?service=git-upload-pack",
    "/%61pp.git/info/refs?service=git-upload-pack",
    "/app.git\\info\\refs?service=git-upload-pack",
    "/app.git/info/refs/?service=git-upload-pack",
    "/app.git/info/refs\n?service=git-upload-pack",
    "/app.git/git-upload-pack/../x",
  ].map((target): [string, string, number] => ["GET", target, 404]),
];

Deno.test("what is served, and what each other request is answered", () => {
  for (const [method, target, expected] of SERVED) {
    assertEquals<unknown>(readRequest(method, target), expected);
  }
  for (const [method, target, status] of REFUSED) {
    const answered = readRequest(method, target);
    assertEquals("status" in answered && answered.status, status, `${method} ${target}`);
  }
});

Deno.test("how a body is announced", () => {
  const fault = (headers: Record<string, string>) => bodyFault(headers, 100)?.status;
  assertEquals(fault({ "content-length": "100" }), undefined);
  assertEquals(fault({ "content-length": "0" }), undefined);
  assertEquals(fault({ "transfer-encoding": "chunked" }), undefined);
  assertEquals(fault({ "transfer-encoding": "Chunked", "content-length": "5" }), undefined);
  assertEquals(fault({}), 411);
  assertEquals(fault({ "content-length": "101" }), 413);
  assertEquals(fault({ "content-length": "9".repeat(15) }), 413);
  for (const length of ["-1", "+1", "1.0", "0x5", "5, 5", "abc", "1 2", "9".repeat(16), ""]) {
    assertEquals(fault({ "content-length": length }), 400, length);
  }
  assertEquals(fault({ "transfer-encoding": "gzip, chunked" }), 400);
  assertEquals(fault({ "transfer-encoding": "identity" }), 400);
});

Deno.test("what of a request reaches the backend", () => {
  const hostile = {
    "content-type": "text/x; $(x)",
    "content-length": "7",
    "content-encoding": "x-gzip",
    "git-protocol": "version=2:agent=git",
    "x-remote-user": "root",
    "authorization": "Basic eA==",
  };
  assertEquals(cgiVariables({ name: "app", service: "receive-pack", kind: "rpc" }, hostile), {
    REQUEST_METHOD: "POST",
    PATH_INFO: "/app.git/git-receive-pack",
    QUERY_STRING: "",
    CONTENT_TYPE: "application/x-git-receive-pack-request",
    CONTENT_LENGTH: "7",
    HTTP_CONTENT_ENCODING: "gzip",
    GIT_PROTOCOL: "version=2:agent=git",
  });
  const odd = { "content-encoding": "br", "git-protocol": "version=2; rm" };
  assertEquals(cgiVariables({ name: "app", service: "upload-pack", kind: "refs" }, odd), {
    REQUEST_METHOD: "GET",
    PATH_INFO: "/app.git/info/refs",
    QUERY_STRING: "service=git-upload-pack",
    CONTENT_TYPE: "",
  });
});
