/** Keys as the real ssh-keygen writes them. */

import { assertEquals } from "@std/assert";
import { knownHostsLine, privateKeyFault } from "../../../lib/git_gate/ssh_keys.ts";

/** A key of ssh-keygen's, and its public half. */
async function key(...args: readonly string[]): Promise<{ readonly key: string; readonly pub: string }> {
  const folder = await Deno.makeTempDir({ prefix: "bottle-keys-" });
  try {
    const { success, stderr } = await new Deno.Command("ssh-keygen", {
      args: ["-q", "-f", `${folder}/key`, ...args],
    })
      .output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return {
      key: await Deno.readTextFile(`${folder}/key`),
      pub: await Deno.readTextFile(`${folder}/key.pub`),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const TYPES = [["ed25519"], ["rsa", "-b", "2048"], ["ecdsa", "-b", "256"], ["ecdsa", "-b", "521"]] as const;

for (const type of TYPES) {
  for (const format of ["OpenSSH", "PEM", "PKCS8"]) {
    // ssh-keygen has no other form for Ed25519.
    if (type[0] === "ed25519" && format !== "OpenSSH") continue;
    const form = format === "OpenSSH" ? [] : ["-m", format];
    Deno.test(`${type.join(" ")}, ${format}: without a passphrase it can log in, with one it cannot`, async () => {
      const plain = await key("-t", ...type, ...form, "-N", "");
      assertEquals(privateKeyFault(plain.key), undefined);
      assertEquals(privateKeyFault(plain.key.replaceAll("\n", "\r\n")), undefined);
      assertEquals(privateKeyFault(plain.pub), "holds a public key");
      const locked = await key("-t", ...type, ...form, "-N", "correct horse");
      assertEquals(privateKeyFault(locked.key), "has a passphrase");
      assertEquals(privateKeyFault(locked.key.replaceAll("\n", "\r\n")), "has a passphrase");
    });
  }
}

Deno.test("a key with text around it", async () => {
  const { key: text } = await key("-t", "ed25519", "-N", "");
  assertEquals(privateKeyFault(`# my key\n\n${text}\n`), undefined);
});

Deno.test("a damaged key is told so", async () => {
  const { key: text } = await key("-t", "ed25519", "-N", "");
  const lines = text.split("\n");
  assertEquals(privateKeyFault([lines[0], lines.at(-2), ""].join("\n")), "is damaged");
  assertEquals(privateKeyFault(text.replace(/^b3Blbn/m, "b3BlbW")), "is damaged");
  assertEquals(
    privateKeyFault([lines[0], lines[1]!.slice(0, 24), lines.at(-2), ""].join("\n")),
    "is damaged",
  );
  assertEquals(privateKeyFault([lines[0], "!!!", lines.at(-2), ""].join("\n")), "is damaged");
});

Deno.test("what is no key is told so", () => {
  for (
    const text of [
      "",
      "hello\n",
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
      "PuTTY-User-Key-File-3\n",
    ]
  ) {
    assertEquals(privateKeyFault(text), "holds no private key");
  }
});

Deno.test("a key that stands for hardware", () => {
  const string = (text: string) => {
    const bytes = new TextEncoder().encode(text);
    return [0, 0, bytes.length >> 8, bytes.length & 255, ...bytes];
  };
  const inner = string("sk-ssh-ed25519@openssh.com");
  const bytes = [
    ...new TextEncoder().encode("openssh-key-v1\0"),
    ...string("none"),
    ...string("none"),
    ...string(""),
    ...[0, 0, 0, 1],
    ...[0, 0, 0, inner.length, ...inner],
  ];
  const body = new Uint8Array(bytes).toBase64();
  const text = `-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n-----END OPENSSH PRIVATE KEY-----\n`;
  assertEquals(privateKeyFault(text), "stands for a security key that must be touched");
});

Deno.test("known_hosts: the port is there unless it is 22, the comment never", () => {
  assertEquals(
    knownHostsLine("git.example", 22, "ssh-ed25519 AAAA me@here"),
    "git.example ssh-ed25519 AAAA\n",
  );
  assertEquals(
    knownHostsLine("git.example", 2222, "ssh-ed25519 AAAA"),
    "[git.example]:2222 ssh-ed25519 AAAA\n",
  );
});
