import { assert, assertEquals } from "@std/assert";
import { withHome } from "../state/folder.ts";
import { makeHost } from "./fake_host.ts";

const COMMANDS = ["start", "resume", "list", "info", "policy", "explain", "cleanup", "init", "completions"];

for (const shell of ["bash", "zsh", "fish"]) {
  Deno.test(`completions: ${shell} knows every command and its options`, async () => {
    const { run, stdout } = makeHost();
    assertEquals(await run("completions", shell), 0);
    for (const command of COMMANDS) assert(stdout().includes(command), command);
    for (const option of ["backend", "dry-run", "remote-control", "json"]) {
      assert(stdout().includes(option), option);
    }
  });
}

const ASKED: readonly { words: string[]; replies: readonly string[] }[] = [
  { words: ["bottle", "in"], replies: ["info", "init"] },
  { words: ["bottle", "start", ""], replies: ["dev", "review", "repo-agent"] },
  { words: ["bottle", "info", "r"], replies: ["review", "repo-agent"] },
  { words: ["bottle", "resume", ""], replies: ["dev-abc12"] },
  { words: ["bottle", "resume", "x", "--d"], replies: ["--dry-run"] },
  { words: ["bottle", "list", "--"], replies: ["--json", "--help"] },
  { words: ["bottle", "completions", "b"], replies: ["bash"] },
  { words: ["bottle", "--"], replies: ["--version", "--help"] },
  { words: ["bottle", "help", "cl"], replies: ["cleanup"] },
  { words: ["bottle", "start", "--yes", "d"], replies: ["dev"] },
  { words: ["bottle", "start", "--cwd", "--dry-run", "re"], replies: ["review", "repo-agent"] },
  { words: ["bottle", "info", "--json", "d"], replies: ["dev"] },
  { words: ["bottle", "start", "--backend", "d"], replies: [""] },
  { words: ["bottle", "start", "--backend", "docker", "d"], replies: ["dev"] },
  { words: ["bottle", "start", "dev", "d"], replies: [""] },
  { words: ["bottle", "policy", ""], replies: ["explain"] },
  { words: ["bottle", "policy", "--"], replies: ["--help"] },
  { words: ["bottle", "policy", "explain", "re"], replies: ["review", "repo-agent"] },
  { words: ["bottle", "policy", "explain", "--"], replies: ["--json", "--help"] },
  { words: ["bottle", "policy", "explain", "--json", "d"], replies: ["dev"] },
  { words: ["bottle", "policy", "explain", "dev", "d"], replies: [""] },
  { words: ["bottle", "policy", "other", "d"], replies: [""] },
  { words: ["bottle", "start", "dev", "--", "--"], replies: [""] },
];

for (const { words, replies } of ASKED) {
  Deno.test(`completions: bash completes ${JSON.stringify(words.join(" "))}`, () =>
    withHome(async (home) => {
      await Deno.mkdir(`${home}/.bot-bottle/agents`, { recursive: true });
      await Deno.mkdir(`${home}/.bot-bottle/state/dev-abc12`, { recursive: true });
      for (const agent of ["dev", "review"]) {
        await Deno.writeTextFile(`${home}/.bot-bottle/agents/${agent}.md`, "");
      }
      await Deno.mkdir(`${home}/my project/.bot-bottle/agents`, { recursive: true });
      await Deno.writeTextFile(`${home}/my project/.bot-bottle/agents/repo-agent.md`, "");
      // compgen expands its words: a repository's file name must not get there as it is.
      for (const hostile of ["$(touch pwned)", "`touch pwned`", "re view", "r*", "-rf"]) {
        await Deno.writeTextFile(`${home}/my project/.bot-bottle/agents/${hostile}.md`, "");
      }
      const { run, stdout } = makeHost();
      await run("completions", "bash");
      const script = `${stdout()}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _bottle; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const { code, stdout: out, stderr } = await new Deno.Command("bash", {
        args: ["--norc", "-c", script, "bash", ...words],
        env: { HOME: home },
        cwd: `${home}/my project`,
      }).output();
      assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
      assertEquals(new TextDecoder().decode(out).trim().split("\n"), replies);
      const project = Array.from(Deno.readDirSync(`${home}/my project`), ({ name }) => name);
      assertEquals(project, [".bot-bottle"]);
    }));
}
