import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { knownHostsLine, privateKeyFault } from "../../../lib/git_gate/ssh_keys.ts";
import { parseGateConfig, renderGateConfig } from "../../../lib/git_gate/wire.ts";
import { gateOf } from "../../../sidecars/git_gate/gate.ts";
import { explainFailure, sshCommand } from "../../../sidecars/git_gate/ssh.ts";

const CONFIG = {
  maxPushBytes: 1,
  repos: [{ name: "app", url: "ssh://git@git.example:2222/app.git", host: "git.example", port: 2222 }],
};
const MIRROR = gateOf(CONFIG, "/run/my gate", "/git").mirrors[0]!;

Deno.test("the ssh command trusts one host key, uses one key, and reads no configuration", () => {
  const command = sshCommand(MIRROR);
  assertMatch(command, /^ssh -F none -i '\/run\/my gate\/keys\/app' -o /);
  for (
    const option of [
      ...[
        "BatchMode=yes",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "StrictHostKeyChecking=yes",
        "ConnectTimeout=10",
      ],
      ...[
        "GlobalKnownHostsFile=/dev/null",
        "UpdateHostKeys=no",
        "ForwardAgent=no",
        "ControlPath=/git/state/ssh-0",
      ],
    ]
  ) assertStringIncludes(command, `-o ${option}`);
  assertStringIncludes(command, "-o 'UserKnownHostsFile=/run/my gate/known_hosts/app'");
});

Deno.test("what ssh says becomes a line with the upstream's name", () => {
  const at = "app: upstream git.example:2222";
  const rows: readonly [string, string][] = [
    [
      "ssh: connect to host git.example port 2222: Connection refused\r\nfatal: Could not read from remote repository.",
      "cannot be reached: ssh: connect to host",
    ],
    ["Connection timed out during banner exchange", "cannot be reached"],
    [
      "@@@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @@@\nHost key verification failed.",
      "shows another host key than git-gate.repos.app.host_key",
    ],
    ["git@git.example: Permission denied (publickey).", "refuses the key of git-gate.repos.app.identity"],
    [
      "remote: x\nERROR: Repository not found.\nfatal: Could not read from remote repository.",
      "ERROR: Repository not found.",
    ],
    ["\u001b[31mred", "\\u{1b}[31mred"],
    ["", "no reason was given"],
  ];
  for (const [stderr, words] of rows) {
    const said = explainFailure(MIRROR, stderr, false);
    assertStringIncludes(said, at);
    assertStringIncludes(said, words);
    assertEquals(said.includes("\n"), false);
  }
  assertEquals(explainFailure(MIRROR, "", true), `${at} stopped answering`);
});

Deno.test("known_hosts as OpenSSH reads it", () => {
  assertEquals(
    knownHostsLine("git.example", 22, "ssh-ed25519 AAAA me@here"),
    "git.example ssh-ed25519 AAAA\n",
  );
  assertEquals(knownHostsLine("::1", 2222, "ssh-rsa BBBB"), "[::1]:2222 ssh-rsa BBBB\n");
});

Deno.test("gate.json reads back as it was; anything else is told by its key", () => {
  assertEquals(parseGateConfig(renderGateConfig(CONFIG)), CONFIG);
  const bad: readonly [unknown, RegExp][] = [
    [{ ...CONFIG, extra: 1 }, /extra|unrecognized/i],
    [{ ...CONFIG, maxPushBytes: 0 }, /maxPushBytes/],
    [{ ...CONFIG, repos: [...CONFIG.repos, ...CONFIG.repos] }, /two repositories have one name/],
    [{ ...CONFIG, repos: [{ ...CONFIG.repos[0], name: ".." }] }, /repos\.0\.name/],
    [{ ...CONFIG, repos: [{ ...CONFIG.repos[0], url: "https://x" }] }, /repos\.0\.url/],
  ];
  for (const [value, words] of bad) {
    const said = (() => {
      try {
        return JSON.stringify(parseGateConfig(JSON.stringify(value)));
      } catch (error) {
        return (error as Error).message;
      }
    })();
    assertMatch(said, words);
  }
});

Deno.test("keys that are none, or damaged, or want a touch", () => {
  assertEquals(privateKeyFault("hello"), "holds no private key");
  const frame = (body: string) =>
    `-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n-----END OPENSSH PRIVATE KEY-----\n`;
  for (const body of ["", "!!!", "AAAA", btoa("openssh-key-v1\0\0\0\0\xff")]) {
    assertEquals(privateKeyFault(frame(body)), "is damaged", body);
  }
  const string = (text: string) => `\0\0\0${String.fromCharCode(text.length)}${text}`;
  const touch = `openssh-key-v1\0${string("none")}${string("none")}${string("")}\0\0\0\x01${
    string(string("sk-ssh-ed25519@openssh.com"))
  }`;
  assertEquals(privateKeyFault(frame(btoa(touch))), "stands for a security key that must be touched");
});
