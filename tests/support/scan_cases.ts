/** Pushes that try to get a token past the scan: each makes commits in a clone of its own and says what to push. */

import type { Clone } from "./git_gate.ts";

/** One attempt. */
export interface ScanCase {
  /** What is tried. */
  readonly title: string;
  /**
   * Makes what is pushed.
   *
   * @returns refspecs; default: HEAD to a branch of its own
   */
  readonly make: (work: Clone, token: string) => Promise<readonly string[] | void>;
  /** What the client must read; undefined: the push passes. */
  readonly says: RegExp | undefined;
}

/** Writes an object of git as it stands, past what `git commit` would let through. Gives its name. */
export async function writeObject(
  work: Clone,
  type: "commit" | "tag",
  text: string | Uint8Array,
): Promise<string> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, typeof text === "string" ? new TextEncoder().encode(text) : text);
    return await work.ok("hash-object", "-t", type, "-w", "--literally", path);
  } finally {
    await Deno.remove(path);
  }
}

/** Headers of a commit on top of HEAD, with HEAD's tree. */
export async function headers(work: Clone, more = ""): Promise<string> {
  const [tree, parent] = await Promise.all([
    work.ok("rev-parse", "HEAD^{tree}"),
    work.ok("rev-parse", "HEAD"),
  ]);
  const who = "A U Thor <a@lab.example> 1700000000 +0000";
  return `tree ${tree}\nparent ${parent}\nauthor ${who}\ncommitter ${who}\n${more}`;
}

/** Some bytes that no text has. */
export function binary(...texts: readonly string[]): Uint8Array {
  const noise = new Uint8Array(4096);
  crypto.getRandomValues(noise);
  noise[7] = 0;
  const parts = texts.flatMap((text) => [new TextEncoder().encode(text), noise]);
  return new Uint8Array([noise, ...parts].flatMap((part) => [...part]));
}

/** UTF-16 with its mark. */
export function utf16(text: string): Uint8Array {
  return new Uint8Array([0xff, 0xfe, ...[...text].flatMap((char) => [char.charCodeAt(0), 0])]);
}

const found = (place: string) => new RegExp(`remote: git-gate: +github-pat: ${place}`);
const line = (token: string) => `token = "${token}"\n`;

/** Where a token can be in a history. */
export const PLACES: readonly ScanCase[] = [
  {
    title: "a commit in between",
    make: async (work, token) => {
      await work.commit("a", { "a.ini": line(token) });
      await work.commit("b", { "a.ini": "clean\n" });
      await work.commit("c", { "b.txt": "b\n" });
    },
    says: found("file a\\.ini, line 1, commit"),
  },
  {
    title: "a file that is added and removed again",
    make: async (work, token) => {
      await work.commit("a", { "gone.ini": line(token) });
      await work.ok("rm", "-q", "gone.ini");
      await work.commit("b", {});
    },
    says: found("file gone\\.ini, line 1"),
  },
  {
    title: "a file that is renamed while it gets it",
    make: async (work, token) => {
      await work.commit("a", { "old.txt": "line\n".repeat(50) });
      await work.ok("mv", "old.txt", "new.txt");
      await work.commit("b", { "new.txt": "line\n".repeat(50) + line(token) });
    },
    says: found("file new\\.txt, line 51"),
  },
  {
    title: "a merge commit alone",
    make: async (work, token) => {
      await work.ok("checkout", "-q", "-b", "side");
      await work.commit("side", { "side.txt": "side\n" });
      await work.ok("checkout", "-q", "-");
      await work.commit("ours", { "ours.txt": "ours\n" });
      await work.ok("merge", "-q", "--no-commit", "side");
      await work.commit("merge", { "evil.ini": `one\n${line(token)}` });
    },
    says: found("file evil\\.ini, line 2"),
  },
  {
    title: "a binary file in a merge of three",
    make: async (work, token) => {
      for (const name of ["one", "two"]) {
        await work.ok("checkout", "-q", "-b", name, "main");
        await work.commit(name, { [`${name}.txt`]: `${name}\n` });
      }
      await work.ok("checkout", "-q", "main");
      await work.commit("zero", { "zero.txt": "0\n" });
      await work.ok("merge", "-q", "--no-commit", "one", "two");
      await work.commit("octopus", { "evil.dat": binary(line(token)) });
    },
    says: found("file evil\\.dat"),
  },
  {
    title: "the message of a commit",
    make: async (work, token) =>
      void await work.commit(`subject\n\nbody\n${line(token)}`, { "a.txt": "a\n" }),
    says: found("commit message, line 4, commit"),
  },
  {
    title: "the name of an author",
    make: async (work, token) => {
      await work.ok("commit", "-q", "--allow-empty", `--author=${token} <x@lab.example>`, "-m", "x");
    },
    says: found("commit header, commit"),
  },
  {
    title: "a header that git does not know",
    make: async (work, token) => [
      `${await writeObject(
        work,
        "commit",
        `${await headers(work, `x-note ${token}\n`)}\nmessage\n`,
      )}:refs/heads/header`,
    ],
    says: found("commit header"),
  },
  {
    title: "a message in another encoding",
    make: async (work, token) => [
      `${await writeObject(
        work,
        "commit",
        `${await headers(work, "encoding UTF-16\n")}\nsubject\n${line(token)}`,
      )}:refs/heads/encoded`,
    ],
    says: found("commit message"),
  },
  {
    title: "a message behind a NUL",
    make: async (work, token) => [
      `${await writeObject(
        work,
        "commit",
        `${await headers(work)}\nsubject\n\0${line(token)}`,
      )}:refs/heads/nul`,
    ],
    says: /nulInCommit/,
  },
  {
    title: "the message of a tag",
    make: async (work, token) => {
      await work.ok("tag", "-a", "-m", `release\n\n${line(token)}`, "v-secret");
      return ["refs/tags/v-secret"];
    },
    says: found("tag, line \\d+, tag object"),
  },
  {
    title: "the message of a tag that another tag names",
    make: async (work, token) => {
      await work.ok("tag", "-a", "-m", line(token), "inner");
      await work.ok("-c", "advice.nestedTag=false", "tag", "-a", "-m", "outer", "outer", "inner");
      return ["refs/tags/outer"];
    },
    says: found("tag, line \\d+, tag object"),
  },
  {
    title: "a commit that a tag alone reaches",
    make: async (work, token) => {
      await work.commit("a", { "tagged.ini": line(token) });
      await work.ok("tag", "light");
      await work.ok("reset", "-q", "--hard", "HEAD~1");
      return ["HEAD:refs/heads/clean", "refs/tags/light"];
    },
    says: found("file tagged\\.ini"),
  },
  {
    title: "the name of a file",
    make: async (work, token) => void await work.commit("a", { [`d/${token}`]: "x\n" }),
    says: found("file name, commit"),
  },
  {
    title: "the name of a folder",
    make: async (work, token) => void await work.commit("a", { [`${token}/x.txt`]: "x\n" }),
    says: found("file name, commit"),
  },
  {
    title: "the name of a branch",
    make: (_work, token) => Promise.resolve([`HEAD:refs/heads/${token}`]),
    says: found("ref name"),
  },
  {
    title: "a binary file",
    make: async (work, token) => void await work.commit("a", { "a.dat": binary("x", line(token)) }),
    says: found("file a\\.dat"),
  },
  {
    title: "a UTF-16 file",
    make: async (work, token) => void await work.commit("a", { "a.txt": utf16(`one\n${line(token)}`) }),
    says: found("file a\\.txt"),
  },
  {
    title: "text in the place of a binary file",
    make: async (work, token) => {
      await work.commit("a", { "a.x": binary("nothing") });
      await work.commit("b", { "a.x": `one\n${line(token)}` });
    },
    says: found("file a\\.x, line 2"),
  },
  {
    title: "the target of a symlink",
    make: async (work, token) => {
      await Deno.symlink(token, `${work.folder}/link`);
      await work.commit("a", {});
    },
    says: found("file link, line 1"),
  },
  {
    title: "a note",
    make: async (work, token) => {
      await work.ok("notes", "add", "-m", line(token));
      return ["refs/notes/commits"];
    },
    says: found("file [0-9a-f/]+, line 1"),
  },
  {
    title: "a file with Windows' line ends, one without an end, and an executable",
    make: async (work, token) => {
      await work.commit("a", { "crlf.ini": `one\r\ntwo\r\ntoken = "${token}"` });
      await work.ok("update-index", "--chmod=+x", "crlf.ini");
      await work.commit("b", {});
    },
    says: found("file crlf\\.ini, line 3"),
  },
  {
    title: "a line of a megabyte",
    make: async (work, token) =>
      void await work.commit("a", {
        "min.js": `var a=${"1+".repeat(400_000)}1;t="${token}";${"b+".repeat(100_000)}1`,
      }),
    says: found("file min\\.js, line 1"),
  },
  {
    title: "a file that a rule knows by its name",
    make: async (work) => void await work.commit("a", { "keys/cert.p12": binary("x") }),
    says: /remote: git-gate: +pkcs12-file: file keys\/cert\.p12, commit/,
  },
  {
    title: "a blob and a tree as refs",
    make: async (work, token) => {
      await work.commit("a", { "a.ini": line(token) });
      const [blob, tree] = [
        await work.ok("rev-parse", "HEAD:a.ini"),
        await work.ok("rev-parse", "HEAD^{tree}"),
      ];
      return [`${blob}:refs/blobs/x`, `${tree}:refs/trees/x`];
    },
    says: /refs\/blobs\/x: names no commit/,
  },
];
