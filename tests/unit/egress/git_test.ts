import { parseRoutes } from "../../../lib/egress/wire.ts";
import { decideRows } from "./rows.ts";

const TABLE = parseRoutes(`routes:
- { host: none.test, git: none }
- { host: only.test, git: fetch }
- { host: read.test, git: fetch, methods: [GET] }
- { host: post.test, git: fetch, methods: [POST] }
- { host: paths.test, git: fetch, path_allowlist: [/o/r.git, /o/plain, /team/] }
- { host: bare.test, git: none, methods: [GET], path_allowlist: [/api/] }
`);

Deno.test("git: none refuses clone and fetch, by the smart protocol and the dumb one, however written", (t) =>
  decideRows(t, TABLE, [
    ["GET https://none.test/", "forward"],
    ["POST https://none.test/graphql", "forward"],
    ["GET https://none.test/r.git/info/refs?service=git-upload-pack", "git-fetch"],
    ["POST https://none.test/r.git/git-upload-pack", "git-fetch"],
    ["POST https://none.test/r.git/git-upload-archive", "git-fetch"],
    ["GET https://none.test/r.git/info/refs?service=git-upload-archive", "git-fetch"],
    ["GET https://none.test/r.git/info/refs", "git-fetch"],
    ["HEAD https://none.test/r.git/info/refs", "git-fetch"],
    ["GET https://none.test/r.git/objects/info/packs", "git-fetch"],
    ["GET https://none.test/r.git/objects/pack/pack-0123.pack", "git-fetch"],
    [`GET https://none.test/r.git/objects/0a/${"b".repeat(38)}`, "git-fetch"],
    ["GET https://none.test/x?service=git-upload-pack", "git-fetch"],
    ["GET https://none.test/x?a=b&%73ervice=git%2dupload-pack", "git-fetch"],
    ["GET https://none.test/r.git/info%2frefs", "git-fetch"],
    ["GET https://none.test/r.git/INFO/Refs", "git-fetch"],
    ["GET https://none.test/r.git/info//refs", "git-fetch"],
    ["GET https://none.test/r.git/info;x/refs;y", "git-fetch"],
    ["GET https://none.test/r.git/info\\refs", "git-fetch"],
    ["GET https://none.test/r.git/info/refs%00", "path-ambiguous"],
    ["GET https://none.test/r.git/info/refs/", "git-fetch"],
    ["POST https://none.test/r.git/git%2Dupload%2Dpack", "git-fetch"],
    ["POST https://none.test/r.git/git%252Dupload-pack", "git-fetch"],
    ["POST https://none.test/r.git/git-upload-pack;x", "git-fetch"],
    ["GET https://none.test/r.git/info/x/../refs", "path-ambiguous"],
    ["GET https://none.test/r.git/info/%2e/refs", "path-ambiguous"],
    // A push is named as what it is.
    ["POST https://none.test/r.git/git-receive-pack", "git-push"],
    ["GET https://none.test/r.git/info/refs?service=git-receive-pack", "git-push"],
    // What only looks a little like git.
    ["GET https://none.test/info/refsheet", "forward"],
    ["GET https://none.test/objects/info/123", "forward"],
    ["GET https://none.test/objects/0a/short", "forward"],
    ["GET https://none.test/docs/git-upload-pack.html", "forward"],
    ["GET https://none.test/search?q=git-upload-pack", "forward"],
    ["POST https://none.test/r.git/info/lfs/objects/batch", "forward"],
    // The other keys hold as well.
    ["GET https://bare.test/api/r.git/info/refs", "git-fetch"],
    ["POST https://bare.test/api/x", "method"],
    ["GET https://bare.test/r.git/info/refs", "path"],
  ]));

Deno.test("git: fetch without methods: clone and fetch, and nothing else", (t) =>
  decideRows(t, TABLE, [
    ["GET https://only.test/o/r.git/info/refs?service=git-upload-pack", "forward"],
    ["POST https://only.test/o/r.git/git-upload-pack", "forward"],
    ["GET https://only.test/o/My%20Project/_git/r/info/refs?service=git-upload-pack", "forward"],
    ["POST https://only.test/o/My%20Project/_git/r/git-upload-pack", "forward"],
    ["GET https://only.test/", "git-only"],
    ["GET https://only.test/o/r.git/info/refs", "git-only"],
    ["GET https://only.test/o/r.git/objects/info/packs", "git-only"],
    ["GET https://only.test/o/r.git/HEAD", "git-only"],
    ["HEAD https://only.test/o/r.git/info/refs?service=git-upload-pack", "git-only"],
    ["POST https://only.test/o/r.git/info/refs?service=git-upload-pack", "git-only"],
    ["GET https://only.test/o/r.git/git-upload-pack", "git-only"],
    ["POST https://only.test/o/r.git/git-upload-archive", "git-only"],
    ["POST https://only.test/o/r.git/info/lfs/objects/batch", "git-only"],
    ["PUT https://only.test/o/r.git/git-upload-pack", "git-only"],
    ["get https://only.test/o/r.git/info/refs?service=git-upload-pack", "git-only"],
    // Over plain HTTP what arrives could be anybody's.
    ["GET http://only.test/o/r.git/info/refs?service=git-upload-pack", "git-only"],
    ["POST http://only.test/o/r.git/git-upload-pack", "git-only"],
    ["POST https://only.test/o/r.git/git-receive-pack", "git-push"],
    ["GET https://only.test/o/r.git/info/refs?service=git-receive-pack", "git-push"],
    ["OPTIONS https://only.test*", "path-ambiguous"],
  ]));

Deno.test("git: fetch with methods: those too; a fetch passes where they would refuse it", (t) =>
  decideRows(t, TABLE, [
    ["GET https://read.test/api", "forward"],
    ["POST https://read.test/api", "method"],
    ["GET https://read.test/r.git/info/refs?service=git-upload-pack", "forward"],
    ["POST https://read.test/r.git/git-upload-pack", "forward"],
    ["POST https://read.test/r.git/info/lfs/objects/batch", "method"],
    ["PUT https://read.test/r.git/info/lfs/objects/0a", "method"],
    ["GET https://post.test/r.git/info/refs?service=git-upload-pack", "forward"],
    ["GET https://post.test/r.git/info/refs", "method"],
    ["GET https://read.test/r.git/info/refs?service=git-receive-pack", "git-push"],
    ["POST https://read.test/r.git/git-receive-pack", "git-push"],
  ]));

Deno.test("git: fetch lets no other POST through that is dressed as one", (t) =>
  decideRows(t, TABLE, [
    ["POST https://read.test/r.git/git-upload-pack?x", "method"],
    ["POST https://read.test/r.git/git-upload-pack?", "method"],
    ["POST https://read.test/r.git/git-upload-pack?service=git-receive-pack", "git-push"],
    ["POST https://read.test/r.git/git-upload-pack/", "method"],
    ["POST https://read.test/r.git/git-upload-pack;x", "method"],
    ["POST https://read.test/api;/git-upload-pack", "method"],
    ["POST https://read.test/api%3b/git-upload-pack", "method"],
    ["POST https://read.test/api%23/git-upload-pack", "method"],
    ["POST https://read.test/api%253b/git-upload-pack", "method"],
    ["POST https://read.test/api?/git-upload-pack", "method"],
    ["POST https://read.test/api%3f/git-upload-pack", "method"],
    ["POST https://read.test/r.git%2fgit-upload-pack", "method"],
    ["POST https://read.test/r.git\\git-upload-pack", "method"],
    ["POST https://read.test/r.git//git-upload-pack", "method"],
    ["POST https://read.test//r.git/git-upload-pack", "method"],
    ["POST https://read.test/r.git/git-upload-pack%00", "path-ambiguous"],
    ["POST https://read.test/r.git/git-upload-pack/../api", "path-ambiguous"],
    ["POST https://read.test/api/x%2f..%2f/git-upload-pack", "path-ambiguous"],
    ["POST https://read.test/r.git/GIT-UPLOAD-PACK", "method"],
    ["POST https://read.test/r.git/xgit-upload-pack", "method"],
    ["GET https://post.test/r.git/info/refs?service=git-upload-pack&x", "method"],
    ["GET https://post.test/r.git/info/refs?x&service=git-upload-pack", "method"],
    ["GET https://post.test/r.git/info/refs?service=git-upload-packs", "method"],
    ["GET https://post.test/r.git/info/refs?service=git%2dupload-pack", "method"],
    ["GET https://post.test/r.git/info/refs?service=git-upload-pack&service=git-receive-pack", "git-push"],
    ["GET https://post.test/api?service=git-upload-pack", "method"],
  ]));

Deno.test("git: fetch stays inside path_allowlist, whose prefixes are whole segments", (t) =>
  decideRows(t, TABLE, [
    ["GET https://paths.test/o/r.git/info/refs?service=git-upload-pack", "forward"],
    ["POST https://paths.test/o/r.git/git-upload-pack", "forward"],
    // The clone URL's own form is what must be listed.
    ["GET https://paths.test/o/r/info/refs?service=git-upload-pack", "path"],
    ["GET https://paths.test/o/plain/info/refs?service=git-upload-pack", "forward"],
    ["GET https://paths.test/o/plain.git/info/refs?service=git-upload-pack", "path"],
    ["POST https://paths.test/team/any.git/git-upload-pack", "forward"],
    ["POST https://paths.test/o/r.git/../s.git/git-upload-pack", "path-ambiguous"],
    ["POST https://paths.test/o/s.git/git-upload-pack", "path"],
    ["GET https://paths.test/o/r.git", "git-only"],
    ["POST https://paths.test/o/r.git/git-receive-pack", "git-push"],
  ]));
