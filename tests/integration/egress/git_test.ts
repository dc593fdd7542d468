/** git over HTTPS through egress, against git's own server: fetching of every kind works, pushing is sent to the gate. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type ClientWorld, startClientWorld } from "./clients.ts";
import { type GitRequest, gitServer } from "./git_server.ts";

const REMOTE = "https://git.test/team/project.git";
const COMMITS = 300;

interface GitWorld extends ClientWorld {
  /** Repositories of the server. */
  readonly folder: string;
  readonly seen: GitRequest[];
  /** Runs git as the agent; it must succeed. */
  git(...args: string[]): Promise<string>;
}

async function world(): Promise<GitWorld> {
  const folder = await Deno.makeTempDir({ prefix: "egress-git-" });
  const seen: GitRequest[] = [];
  const w = await startClientWorld({
    hosts: {},
    servers: { "git.test": gitServer(folder, "Bearer git-token", seen) },
    routes: "routes: [{host: git.test, auth_scheme: Bearer, token_env: EGRESS_TOKEN_0}]",
    env: { EGRESS_TOKEN_0: "git-token" },
  });
  const git = async (...args: string[]) => {
    const { code, out, err } = await w.run("git", [...IDENTITY, ...args]);
    assertEquals(code, 0, `git ${args.join(" ")}: ${err}`);
    return out.trim();
  };
  await git("init", "-q", "--bare", "-b", "main", `${folder}/team/project.git`);
  await grow(`${folder}/team/project.git`, "main", COMMITS);
  return {
    ...w,
    folder,
    seen,
    git,
    [Symbol.asyncDispose]: async () => {
      await w[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

const IDENTITY = [
  "-c",
  "user.name=Agent",
  "-c",
  "user.email=agent@example.invalid",
  "-c",
  "init.defaultBranch=main",
];

/** Adds commits to a branch, which may be new, each with a file that hardly compresses. */
async function grow(repository: string, branch: string, count: number): Promise<void> {
  const has = await new Deno.Command("git", {
    args: ["-C", repository, "show-ref", "--quiet", `refs/heads/${branch}`],
  }).output();
  let stream = "";
  for (let commit = 0; commit < count; commit++) {
    const content = crypto.getRandomValues(new Uint8Array(256)).toHex();
    stream +=
      `commit refs/heads/${branch}\ncommitter A <a@example.invalid> ${1_700_000_000 + commit} +0000\n` +
      `data 2\n${commit % 10}\n${commit === 0 && has.success ? `from refs/heads/${branch}^0\n` : ""}` +
      `M 100644 inline ${branch}-${commit}\ndata ${content.length}\n${content}\n`;
  }
  const child = new Deno.Command("git", {
    args: ["-C", repository, "fast-import", "--quiet"],
    stdin: "piped",
  }).spawn();
  await new Blob([stream]).stream().pipeTo(child.stdin);
  assertEquals((await child.status).code, 0);
}

Deno.test("git over HTTPS", async (t) => {
  await using w = await world();
  const { git } = w;
  const head = await git("-C", `${w.folder}/team/project.git`, "rev-parse", "main");

  await t.step("ls-remote, with the bottle's credential", async () => {
    assertEquals(await git("ls-remote", REMOTE, "refs/heads/main"), `${head}\trefs/heads/main`);
  });
  await t.step("a clone is whole", async () => {
    await git("clone", "-q", REMOTE, "full");
    assertEquals(await git("-C", "full", "rev-parse", "HEAD"), head);
    assertEquals(await git("-C", "full", "rev-list", "--count", "HEAD"), String(COMMITS));
    await git("-C", "full", "fsck", "--strict");
  });
  await t.step("a shallow clone, deepened", async () => {
    await git("clone", "-q", "--depth", "1", REMOTE, "shallow");
    assertEquals(await git("-C", "shallow", "rev-list", "--count", "HEAD"), "1");
    await git("-C", "shallow", "fetch", "-q", "--deepen", "10");
    assertEquals(await git("-C", "shallow", "rev-list", "--count", "HEAD"), "11");
  });
  await t.step("a clone without blobs, which are fetched when they are needed", async () => {
    await git("-C", `${w.folder}/team/project.git`, "config", "uploadpack.allowFilter", "true");
    await git("clone", "-q", "--filter=blob:none", "--no-checkout", REMOTE, "partial");
    assertMatch(await git("-C", "partial", "show", "HEAD:main-7"), /^[0-9a-f]{512}$/);
  });
  for (const version of ["0", "2"]) {
    await t.step(
      `a fetch with much to negotiate, protocol ${version}: its requests are compressed`,
      async () => {
        const clone = `long-${version}`;
        await git("clone", "-q", REMOTE, clone);
        await grow(`${w.home}/${clone}`, "own", 400);
        await grow(`${w.folder}/team/project.git`, "main", 5);
        w.seen.length = 0;
        await git(
          "-C",
          clone,
          "-c",
          `protocol.version=${version}`,
          "fetch",
          "-q",
          "origin",
          "main:refs/remotes/origin/main",
        );
        assertEquals(
          await git("-C", clone, "rev-parse", "refs/remotes/origin/main"),
          await git("-C", `${w.folder}/team/project.git`, "rev-parse", "main"),
        );
        const posts = w.seen.filter(({ line }) => line.startsWith("POST"));
        assert(posts.some(({ contentEncoding }) => contentEncoding === "gzip"), JSON.stringify(posts));
      },
    );
  }
  await t.step("a push is refused, and the user reads where to go instead", async () => {
    await git("-C", "full", "commit", "-q", "--allow-empty", "-m", "mine");
    w.seen.length = 0;
    const { code, err } = await w.run("git", ["-C", "full", "push", "origin", "main"]);
    assertEquals(code, 128);
    assertStringIncludes(err, "remote: egress denied this request (rule git-push): ");
    assertStringIncludes(err, "remote: Push to the remote's ssh:// URL, which git-gate serves");
    assertStringIncludes(err, "403");
    assertEquals(w.seen, []);
    assertEquals(
      await git("-C", `${w.folder}/team/project.git`, "rev-list", "--count", "main"),
      String(COMMITS + 10),
    );
  });
});
