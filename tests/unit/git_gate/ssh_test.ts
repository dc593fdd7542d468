/** The ssh command, and what is said of its failures. */

import { assertEquals, assertMatch } from "@std/assert";
import type { Mirror } from "../../../sidecars/git_gate/gate.ts";
import { explainFailure, noHostKey, sshCommand } from "../../../sidecars/git_gate/ssh.ts";

const MIRROR: Mirror = {
  name: "demo",
  url: "ssh://git@git.example:2222/demo.git",
  host: "git.example",
  port: 2222,
  path: "/git/demo.git",
  lock: "/git/state/demo.lock",
  seen: "/git/state/demo.seen",
  key: "/gate/keys/demo",
  knownHosts: "/gate/known_hosts/demo",
  control: "/git/state/ssh-0",
};

/** What ssh itself makes of the command. */
async function options(command: string): Promise<ReadonlyMap<string, string>> {
  const { stdout, stderr, success } = await new Deno.Command("sh", {
    args: ["-c", `${command} -G git@git.example`],
  })
    .output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  return new Map(lines.map((line) => [line.split(" ")[0]!, line.slice(line.indexOf(" ") + 1)]));
}

/** A file that ssh can open as a key: of one that is not there it says nothing. */
async function keyFile(name: string) {
  const folder = await Deno.makeTempDir({ prefix: "bottle-key-" });
  await Deno.writeTextFile(`${folder}/${name}`, "");
  return { key: `${folder}/${name}`, [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
}

Deno.test("ssh reads from the command what the gate means", async () => {
  await using file = await keyFile("demo");
  const said = await options(sshCommand({ ...MIRROR, key: file.key }));
  const expected: Readonly<Record<string, string>> = {
    batchmode: "yes",
    identitiesonly: "yes",
    identityagent: "none",
    identityfile: file.key,
    stricthostkeychecking: "true",
    userknownhostsfile: "/gate/known_hosts/demo",
    globalknownhostsfile: "/dev/null",
    updatehostkeys: "false",
    verifyhostkeydns: "false",
    preferredauthentications: "publickey",
    forwardagent: "no",
    clearallforwardings: "yes",
    connecttimeout: "10",
    controlpath: "/git/state/ssh-0",
  };
  for (const [name, value] of Object.entries(expected)) assertEquals(said.get(name), value, name);
});

Deno.test("paths are words of the shell, whatever is in them", async () => {
  await using file = await keyFile("it's $(id) a `key`");
  assertEquals((await options(sshCommand({ ...MIRROR, key: file.key }))).get("identityfile"), file.key);
});

Deno.test("the time to connect can be shorter", async () => {
  assertEquals((await options(sshCommand(MIRROR, 3))).get("connecttimeout"), "3");
});

const AT = "demo: upstream git.example:2222";
const REST =
  "fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\n" +
  "and the repository exists.\n";

for (
  const [what, stderr, told] of [
    [
      "another host key",
      `Host key verification failed.\r\n${REST}`,
      `${AT} shows another host key than git-gate.repos.demo.host_key`,
    ],
    [
      "a changed host key",
      `@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\r\n${REST}`,
      `${AT} shows another host key than git-gate.repos.demo.host_key`,
    ],
    [
      "a refused key",
      `git@git.example: Permission denied (publickey).\r\n${REST}`,
      `${AT} refuses the key of git-gate.repos.demo.identity`,
    ],
    [
      "nobody there",
      `ssh: connect to host git.example port 2222: Connection refused\r\n${REST}`,
      `${AT} cannot be reached: ssh: connect to host git.example port 2222: Connection refused`,
    ],
    [
      "no name",
      `ssh: Could not resolve hostname git.example: Name or service not known\r\n${REST}`,
      `${AT} cannot be reached: ssh: Could not resolve hostname git.example: Name or service not known`,
    ],
    [
      "no repository",
      "fatal: '/demo.git' does not appear to be a git repository\n" + REST,
      `${AT}: '/demo.git' does not appear to be a git repository`,
    ],
    ["nothing", "", `${AT}: no reason was given`],
    ["nothing but git's own words", REST, `${AT}: and the repository exists.`],
  ] as const
) {
  Deno.test(`told: ${what}`, () => assertEquals(explainFailure(MIRROR, stderr, false), told));
}

Deno.test("silence is told before all else", () => {
  assertEquals(explainFailure(MIRROR, "Host key verification failed.", true), `${AT} stopped answering`);
});

Deno.test("an upstream's words are one short line that no terminal acts on", () => {
  const told = explainFailure(MIRROR, `fatal: \x1b[2J\u202e${"x".repeat(500)}\n`, false);
  assertMatch(told, /^demo: upstream git\.example:2222: \\u\{1b\}\[2J\\u\{202e\}x+$/);
  assertEquals(told.length < 220, true);
});

Deno.test("a missing host key names the key of the manifest", () => {
  assertEquals(
    noHostKey(MIRROR),
    "demo: git-gate.repos.demo.host_key is not set, so git.example cannot be trusted",
  );
});
