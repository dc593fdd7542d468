/** git-http as clients meet it that are not git: raw requests, bounds, bodies that never end. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { clientGit, clone, refsOf, startGate } from "../../support/git_gate.ts";
import { startSshUpstream } from "../../support/sshd.ts";

const PACK = "/app.git/git-receive-pack";
const REFS = "/app.git/info/refs?service=git-upload-pack";
const TYPE = "Content-Type: application/x-git-receive-pack-request\r\n";

/** Sends bytes as they stand and gives the answer: the server keeps a connection whose body has not come whole. */
async function raw(port: number, ...parts: readonly string[]): Promise<string> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const encoder = new TextEncoder();
  const writing = (async () => {
    for (const part of parts) {
      const bytes = encoder.encode(part);
      for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
    }
  })().catch(() => {});
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65536);
  let text = "";
  while (!/\r\n\r\n(?:[\s\S]*\r\n)?0\r\n\r\n$|^[\s\S]*content-length[\s\S]*\r\n\r\n[\s\S]+$/i.test(text)) {
    const count = await connection.read(buffer).catch(() => null);
    if (count === null) break;
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
  connection.close();
  await writing;
  return text;
}

function status(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
}

function head(method: string, target: string, ...lines: readonly string[]): string {
  return `${method} ${target} HTTP/1.1\r\nHost: gate\r\nConnection: close\r\n${
    lines.map((line) => `${line}\r\n`).join("")
  }\r\n`;
}

Deno.test("git-http", async (t) => {
  await using upstream = await startSshUpstream();
  const bare = await upstream.makeRepo("app");
  const limit = 3_000_000;
  await using gate = await startGate({
    upstream,
    transport: "http",
    repos: [{ name: "app" }, { name: "link" }, {
      name: "narrow",
      url: upstream.url("app"),
      push: ["agent/*"],
    }],
    maxPushBytes: limit,
  });
  await using work = await clone(gate.url("app"));
  const base = await work.commit("first", { "README.md": "hello\n" });
  await work.ok("push", "-q", "origin", "HEAD:refs/heads/main");
  const ask = (...parts: readonly string[]) => raw(gate.port, ...parts);

  await t.step("the control: the listing is served", async () => {
    const answer = await ask(head("GET", REFS));
    assertEquals(status(answer), 200);
    assertStringIncludes(answer, `${base} refs/heads/main`);
  });

  await t.step("path escapes, escapes of them and unknown repositories are not found", async () => {
    for (
      const path of [
        ...[
          "/other.git",
          "//app.git",
          "/./app.git",
          "/x/../app.git",
          "/x/%2e%2e/app.git",
          "/%2e%2e/git/app.git",
        ],
        ...[
          "/app.git/../app.git",
          "/app.git/%2e%2e/app.git",
          "/app.git%2f",
          "/%61pp.git",
          "/state",
          "/hooks",
          "",
        ],
      ]
    ) {
      const answer = await ask(head("GET", `${path}/info/refs?service=git-upload-pack`));
      assertEquals(status(answer), 404, path);
    }
    for (const file of ["HEAD", "config", "objects/info/packs", "description"]) {
      assertEquals(status(await ask(head("GET", `/app.git/${file}`))), 404, file);
    }
  });

  await t.step("a mirror that is a symlink is not found", async () => {
    await Deno.remove(`${gate.root}/link.git`, { recursive: true });
    await Deno.symlink(`${gate.root}/app.git`, `${gate.root}/link.git`);
    assertEquals(status(await ask(head("GET", REFS.replace("app", "link")))), 404);
  });

  await t.step("no service, or another, is forbidden", async () => {
    for (
      const query of ["", "?service=git-upload-archive", "?service=", "?service=git-upload-pack&service=x"]
    ) {
      assertEquals(status(await ask(head("GET", `/app.git/info/refs${query}`))), 403, query);
    }
    assertEquals(status(await ask(head("POST", "/app.git/git-upload-archive", "Content-Length: 0"))), 403);
  });

  await t.step("how a body is announced: 411, 400, 413", async () => {
    assertEquals(status(await ask(head("POST", PACK))), 411);
    for (const length of ["-1", "abc", "+4", "4, 4", "99999999999999999999"]) {
      assertEquals(status(await ask(head("POST", PACK, `Content-Length: ${length}`), "0000")), 400, length);
    }
    assertEquals(
      status(await ask(head("POST", PACK, "Content-Length: 4", "Content-Length: 5"), "00000")),
      400,
    );
    assertEquals(status(await ask(head("POST", PACK, `Content-Length: ${limit + 1}`))), 413);
  });

  await t.step("a chunked body over the bound is refused while it comes, and nothing moves", async () => {
    const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
    // A command for receive-pack, and then a pack that never ends.
    const line = `${"0".repeat(40)} ${base} refs/heads/agent\0report-status`;
    const first = `${(line.length + 4).toString(16).padStart(4, "0")}${line}0000`;
    const answer = await ask(
      head("POST", PACK, TYPE.trim(), "Transfer-Encoding: chunked"),
      `${first.length.toString(16)}\r\n${first}\r\n`,
      ...Array(80).fill(chunk),
      "0\r\n\r\n",
    );
    assert([413, 200].includes(status(answer)), answer.slice(0, 200));
    assertEquals(Object.keys(await refsOf(bare)), ["refs/heads/main"]);
    assertEquals(Object.keys(await refsOf(`${gate.root}/app.git`)), ["refs/heads/main"]);
  });

  // Of the first no packet of git's begins so, and git answers at once; the others never reach git.
  for (const target of [PACK, "/app.git/git-upload-archive", "/none.git/git-receive-pack"]) {
    await t.step(`a body that goes on behind the answer is cut off: ${target}`, async () => {
      using connection = await Deno.connect({ hostname: "127.0.0.1", port: gate.port });
      const write = async (text: string) => {
        const bytes = new TextEncoder().encode(text);
        for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
      };
      await write(head("POST", target, "Transfer-Encoding: chunked").replace("close", "keep-alive"));
      // Nothing is read here, and the bound and what the system holds are far less than this.
      const sending = (async () => {
        for (let sent = 0; sent < 200; sent++) await write(`10000\r\n${"\0".repeat(0x10000)}\r\n`);
        return "all of it was taken";
      })().catch((error) => error instanceof Error ? "cut off" : String(error));
      const late = Promise.withResolvers<string>();
      const timer = setTimeout(() => late.resolve("left waiting"), 20_000);
      const outcome = await Promise.race([sending, late.promise]);
      clearTimeout(timer);
      assertEquals(outcome, "cut off");
    });
  }

  await t.step("git's own push over the bound fails and says so; the next one works", async () => {
    await using other = await clone(gate.url("app"));
    const bytes = new Uint8Array(limit + 500_000);
    for (let at = 0; at < bytes.length; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
    await other.commit("large", { "large.dat": bytes });
    const refused = await other.git("push", "origin", "HEAD:refs/heads/large");
    assertEquals(refused.code === 0, false);
    assertMatch(refused.output, /413/);
    await other.ok("reset", "-q", "--hard", "HEAD~1");
    await other.commit("small", { "small.txt": "small\n" });
    await other.ok("push", "-q", "origin", "HEAD:refs/heads/small");
    assertEquals(Object.keys(await refsOf(bare)), ["refs/heads/main", "refs/heads/small"]);
  });

  await t.step("a pack of more than 1 MiB, which git sends chunked, passes", async () => {
    await using other = await clone(gate.url("app"));
    const bytes = new Uint8Array(2_000_000);
    for (let at = 0; at < bytes.length; at += 50_000) crypto.getRandomValues(bytes.subarray(at, at + 50_000));
    const commit = await other.commit("chunked", { "medium.dat": bytes });
    await other.ok("push", "-q", "origin", "HEAD:refs/heads/chunked");
    await using again = await clone(gate.url("app"), ["--branch=chunked"]);
    assertEquals(await again.ok("rev-parse", "HEAD"), commit);
  });

  await t.step("compressed bodies pass: a fetch with much to negotiate", async () => {
    await using other = await clone(gate.url("app"));
    // 600 commits that the gate does not have: git compresses the lines that name them.
    let parent = base;
    const tree = await other.ok("rev-parse", "HEAD^{tree}");
    for (let at = 0; at < 600; at++) {
      parent = await other.ok("commit-tree", tree, "-p", parent, "-m", `${at}`);
    }
    await other.ok("update-ref", "refs/heads/much", parent);
    await work.ok("commit", "-q", "--allow-empty", "-m", "new");
    await work.ok("push", "-q", "origin", "HEAD:refs/heads/new");
    const { code, output } = await clientGit(other.folder, [
      "-c",
      "protocol.version=0",
      "fetch",
      "origin",
      "new",
    ], {
      GIT_CURL_VERBOSE: "1",
    });
    assertEquals(code, 0, output);
    assertMatch(output, /Content-Encoding: gzip/i);
  });

  await t.step("what the policy refuses is told behind remote:", async () => {
    const { code, output } = await work.git("push", gate.url("narrow"), "HEAD:refs/heads/other");
    assertEquals(code, 1);
    assertMatch(output, /^remote: git-gate: refs\/heads\/other: not among the refs/m);
  });

  await t.step("forty clients at once, and one that goes away", async () => {
    const leaving = await Deno.connect({ hostname: "127.0.0.1", port: gate.port });
    await leaving.write(
      new TextEncoder().encode(head("POST", PACK, TYPE.trim(), "Transfer-Encoding: chunked") + "5\r\n"),
    );
    leaving.close();
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask(head("GET", REFS))));
    for (const answer of answers) assert([200, 503].includes(status(answer)), answer.slice(0, 200));
    assert(answers.some((answer) => status(answer) === 200));
    assertEquals(status(await ask(head("GET", REFS))), 200);
  });

  await t.step("an upstream that is not there: refused with its name", async () => {
    await upstream.stop();
    const { code, output } = await work.git("fetch", "origin");
    await upstream.start();
    assert(code !== 0);
    assertMatch(output, new RegExp(`^remote: git-http: app: upstream 127\\.0\\.0\\.1:${upstream.port}`, "m"));
  });
});
