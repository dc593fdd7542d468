/** One upstream and one gate on which many pushes are tried, each from the same commit. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { RuleFiles } from "../../sidecars/git_gate/gitleaks.ts";
import { ATTRIBUTES, RULES } from "../../sidecars/git_gate/rules.ts";
import { clientGit, type Clone, clone, refsOf, type RunningGate, startGate } from "./git_gate.ts";
import { type SshUpstream, startSshUpstream } from "./sshd.ts";

/** What pushes are tried on. */
export interface ScanLab extends AsyncDisposable {
  readonly upstream: SshUpstream;
  readonly gate: RunningGate;
  /** Folder of the upstream repository. */
  readonly bare: string;
  /** The agent's clone. */
  readonly work: Clone;
  /** The commit that the upstream has on `main`; it holds `README.md`. */
  readonly base: string;
  /** Puts the clone back on the base, with nothing else in its work tree. Gives a name that no branch has. */
  fresh(): Promise<string>;
  /** Writes an object just as it is. Gives its name. */
  object(type: "commit" | "tag" | "tree" | "blob", content: string | Uint8Array): Promise<string>;
  /** Writes a commit object. @param header lines behind the committer, each with its newline */
  rawCommit(options: RawCommit): Promise<string>;
  /** Pushes what must be refused for a secret, and not told. Gives what the gate said. */
  refused(token: string, ...refspecs: readonly string[]): Promise<string>;
  /** Pushes what must be refused for secrets in these commits, no more and no fewer. */
  refusedFor(commits: readonly string[], ...refspecs: readonly string[]): Promise<void>;
  /** Pushes what must be refused before a scan, or because of one that failed. Gives what git and the gate said. */
  failed(...refspecs: readonly string[]): Promise<string>;
  /** Pushes what must pass. */
  passed(...refspecs: readonly string[]): Promise<void>;
}

/** A commit object, by its parts. */
export interface RawCommit {
  /** @default the base's */
  readonly tree?: string;
  /** @default the base */
  readonly parents?: readonly string[];
  readonly author?: string;
  /** Lines behind the committer, each with its newline. */
  readonly header?: string | Uint8Array;
  readonly message?: string | Uint8Array;
}

/** Starts it. @param env environment of the gate over the test's */
export async function startScanLab(env?: Record<string, string>): Promise<ScanLab> {
  await using stack = new AsyncDisposableStack();
  const upstream = stack.use(await startSshUpstream());
  const bare = await upstream.makeRepo("demo");
  const gate = stack.use(await startGate({ upstream, repos: [{ name: "demo" }], ...(env && { env }) }));
  const work = stack.use(await clone(undefined));
  const base = await work.commit("first", { "README.md": "hello\n" });
  // Not through the gate: it may be one that refuses everything.
  const direct = await clientGit(work.folder, ["push", "--quiet", bare, "HEAD:refs/heads/main"]);
  assertEquals(direct.code, 0, direct.output);
  await work.ok("remote", "add", "origin", gate.url("demo"));
  await work.ok("fetch", "--quiet");
  const owned = stack.move();
  let count = 0;

  const push = async (refspecs: readonly string[]) => {
    const { code, output } = await work.git("push", "--porcelain", "origin", ...refspecs);
    const said = output.split("\n").filter((line) => line.startsWith("remote: ")).join("\n");
    return { code, output, said };
  };
  const pushedNothing = async (refspecs: readonly string[]) => {
    const before = await refsOf(bare);
    const { code, output, said } = await push(refspecs);
    assertEquals(code, 1, output);
    assertEquals(await refsOf(bare), before, "the upstream has changed");
    return { output, said };
  };
  const object: ScanLab["object"] = async (type, content) => {
    const file = `${work.folder}/.git/object`;
    if (typeof content === "string") await Deno.writeTextFile(file, content);
    else await Deno.writeFile(file, content);
    return await work.ok("hash-object", "-t", type, "-w", "--literally", "--no-filters", file);
  };
  return {
    ...{ upstream, gate, bare, work, base, object },
    fresh: async () => {
      await work.ok("checkout", "--quiet", "--force", "--detach", base);
      await work.ok("clean", "--quiet", "-ffdx");
      return `try-${++count}`;
    },
    rawCommit: async ({ tree, parents = [base], author = "Agent <agent@lab.example>", header, message }) => {
      const top = [
        `tree ${tree ?? await work.ok("rev-parse", `${base}^{tree}`)}`,
        ...parents.map((parent) => `parent ${parent}`),
        `author ${author} 1700000000 +0000`,
        "committer Agent <agent@lab.example> 1700000000 +0000",
        "",
      ].join("\n");
      return await object("commit", joined(top, header ?? "", "\n", message ?? "message\n"));
    },
    refused: async (token, ...refspecs) => {
      const { output, said } = await pushedNothing(refspecs);
      assertStringIncludes(said, "gitleaks found a secret", output);
      assert(!said.includes(token.slice(4)), `the gate tells the secret: ${said}`);
      return said;
    },
    refusedFor: async (commits, ...refspecs) => {
      const before = gate.log().length;
      const { said, output } = await pushedNothing(refspecs);
      assertStringIncludes(said, "gitleaks found a secret", output);
      while (gate.log().length === before) await new Promise((resolve) => setTimeout(resolve, 10));
      const findings = gate.log().at(-1)!.findings as readonly { commit: string }[];
      assertEquals(new Set(findings.map(({ commit }) => commit)), new Set(commits));
    },
    failed: async (...refspecs) => {
      const { output } = await pushedNothing(refspecs);
      assert(!output.includes("gitleaks found a secret"), output);
      return output;
    },
    passed: async (...refspecs) => {
      const { code, output } = await push(refspecs);
      assertEquals(code, 0, output);
      assertMatch(output, /^Done$/m);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function joined(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  const encoder = new TextEncoder();
  return new Uint8Array(
    parts.flatMap((part) => [...(typeof part === "string" ? encoder.encode(part) : part)]),
  );
}

/** The gate's rules for gitleaks, for scans without a gate. */
export async function testRules(): Promise<RuleFiles & AsyncDisposable> {
  const folder = await Deno.makeTempDir({ prefix: "bottle-rules-" });
  await Deno.writeTextFile(`${folder}/rules.toml`, RULES);
  await Deno.writeTextFile(`${folder}/ignore`, "");
  await Deno.writeTextFile(`${folder}/attributes`, ATTRIBUTES);
  return {
    config: `${folder}/rules.toml`,
    ignore: `${folder}/ignore`,
    attributes: `${folder}/attributes`,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}
