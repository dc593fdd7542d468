import { assertEquals } from "@std/assert";
import { privateKeyFault } from "../../../lib/git_gate/ssh_keys.ts";

Deno.test("keys that ssh-keygen makes: which ones the gate can use", async () => {
  const folder = await Deno.makeTempDir();
  const make = async (name: string, ...args: readonly string[]) => {
    const { success } = await new Deno.Command("ssh-keygen", {
      args: ["-q", "-C", "sk-not@all", "-f", `${folder}/${name}`, ...args],
    }).output();
    assertEquals(success, true, name);
    return privateKeyFault(await Deno.readTextFile(`${folder}/${name}`));
  };
  try {
    assertEquals(await make("rsa", "-t", "rsa", "-b", "2048", "-N", ""), undefined);
    for (const type of ["ed25519", "ecdsa"]) {
      assertEquals(await make(type, "-t", type, "-N", ""), undefined, type);
      assertEquals(await make(`${type}-locked`, "-t", type, "-N", "secret"), "has a passphrase", type);
    }
    assertEquals(await make("pem", "-t", "ecdsa", "-m", "PEM", "-N", ""), undefined);
    assertEquals(await make("pem-locked", "-t", "ecdsa", "-m", "PEM", "-N", "secret"), "has a passphrase");
    assertEquals(await make("pkcs8", "-t", "ecdsa", "-m", "PKCS8", "-N", ""), undefined);
    assertEquals(
      await make("pkcs8-locked", "-t", "ecdsa", "-m", "PKCS8", "-N", "secret"),
      "has a passphrase",
    );
    assertEquals(privateKeyFault(await Deno.readTextFile(`${folder}/rsa.pub`)), "holds a public key");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
