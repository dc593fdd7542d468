/** CAs and leaves: what other programs make of them is asked of openssl, the same verifier that agents' tools use. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { OperatorError } from "../../../lib/errors.ts";
import { type CaFiles, loadCa, mintCa } from "../../../lib/tls/ca.ts";
import { LeafMinter } from "../../../lib/tls/leaf.ts";
import { fromPem, importPrivateKey, toPem } from "../../../lib/tls/pem.ts";

const DAY = 86_400_000;

async function openssl(args: string[], files: Record<string, string>): Promise<string> {
  const dir = await Deno.makeTempDir({ prefix: "tls-test-" });
  try {
    for (const [name, content] of Object.entries(files)) await Deno.writeTextFile(`${dir}/${name}`, content);
    const command = new Deno.Command("openssl", { args, cwd: dir, stdin: "null" });
    const { stdout, stderr } = await command.output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function minter(ca: CaFiles, options?: { capacity?: number; now?: () => number }): Promise<LeafMinter> {
  return await LeafMinter.create(await loadCa(ca.certPem, ca.keyPem), options);
}

Deno.test("mintCa: a CA for end-entity certificates, with the fingerprint that openssl prints", async () => {
  const ca = await mintCa("bottle egress CA x, O=evil");
  const text = await openssl(
    ["x509", "-in", "ca.pem", "-noout", "-text", "-fingerprint", "-sha256"],
    { "ca.pem": ca.certPem },
  );
  // The whole text is the name: nothing in it can add an attribute.
  assertMatch(text, /Subject: CN = "bottle egress CA x, O=evil"\n/);
  assertMatch(text, /Basic Constraints: critical\n\s+CA:TRUE, pathlen:0/);
  assertMatch(text, /Key Usage: critical\n\s+Certificate Sign, CRL Sign/);
  assert(text.includes(ca.fingerprint));
});

Deno.test("mintCa: the key is SEC1, which openssl reads and finds sound", async () => {
  const ca = await mintCa("x");
  assertMatch(ca.keyPem, /^-----BEGIN EC PRIVATE KEY-----\n/);
  assertMatch(
    await openssl(["ec", "-in", "key.pem", "-check", "-noout"], { "key.pem": ca.keyPem }),
    /Key valid/,
  );
});

Deno.test("mintCa: no two are alike", async () => {
  const [one, two] = [await mintCa("x"), await mintCa("x")];
  assert(one.fingerprint !== two.fingerprint && one.keyPem !== two.keyPem);
});

Deno.test("loadCa: refuses what is not a CA with its key", async (t) => {
  const [one, two] = [await mintCa("one"), await mintCa("two")];
  const leaf = await (await minter(one)).leafFor("a.test");
  const rows: [name: string, cert: string, key: string, message: RegExp][] = [
    ["another CA's key", one.certPem, two.keyPem, /does not belong/],
    ["a leaf", leaf.certPem, leaf.keyPem, /not that of a certificate authority/],
    ["no certificate", "nonsense", one.keyPem, /not a certificate in PEM/],
    ["no key", one.certPem, "nonsense", /not an EC P-256 private key/],
    ["a cut key", one.certPem, one.keyPem.replace(/\n.{20}/, "\n"), /not an EC P-256 private key/],
    ["a certificate for a key", one.certPem, one.certPem, /not an EC P-256 private key/],
  ];
  for (const [name, cert, key, message] of rows) {
    await t.step(name, async () => {
      const error = await assertRejects(() => loadCa(cert, key), OperatorError);
      assertMatch((error as OperatorError).message, message);
    });
  }
});

Deno.test("importPrivateKey: PKCS 8 as well, and nothing of another curve", async () => {
  const p256 = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
    "sign",
    "verify",
  ]);
  const p384 = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-384" }, true, [
    "sign",
    "verify",
  ]);
  const pem = async (keys: CryptoKeyPair) =>
    toPem("PRIVATE KEY", new Uint8Array(await crypto.subtle.exportKey("pkcs8", keys.privateKey)));
  assert(await importPrivateKey(await pem(p256)) !== undefined);
  assertEquals(await importPrivateKey(await pem(p384)), undefined);
});

Deno.test("fromPem gives back what toPem wrote, and nothing for another label or broken base64", () => {
  const der = crypto.getRandomValues(new Uint8Array(100));
  const pem = toPem("X", der);
  assert(pem.split("\n").every((line) => line.length <= 64));
  assertEquals(fromPem("X", `text before\n${pem}`), der);
  assertEquals(fromPem("Y", pem), undefined);
  assertEquals(fromPem("X", pem.replace("\n", "\n!")), undefined);
});

Deno.test("leafFor: openssl verifies it strictly for its host and for no other", async (t) => {
  const ca = await mintCa("test CA");
  const leaves = await minter(ca);
  const long = `${"a".repeat(60)}.${"b".repeat(60)}.test`;
  const rows: [host: string, flag: string, other: string][] = [
    ["api.example.test", "-verify_hostname", "example.test"],
    [long, "-verify_hostname", "b.test"],
    ["192.0.2.7", "-verify_ip", "192.0.2.8"],
    ["2001:db8::1", "-verify_ip", "2001:db8::2"],
  ];
  for (const [host, flag, other] of rows) {
    await t.step(host, async () => {
      const files = { "ca.pem": ca.certPem, "leaf.pem": (await leaves.leafFor(host)).certPem };
      const verify = (name: string) =>
        openssl(
          ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "ca.pem", flag, name, "leaf.pem"],
          files,
        );
      assertEquals(await verify(host), "leaf.pem: OK\n");
      assertMatch(await verify(other), /mismatch/);
    });
  }
});

Deno.test("leafFor: one leaf a host, minted once in a burst, all on one key", async () => {
  const leaves = await minter(await mintCa("x"));
  const burst = await Promise.all(Array.from({ length: 20 }, () => leaves.leafFor("a.test")));
  assertEquals(new Set(burst.map((leaf) => leaf.certPem)).size, 1);
  const other = await leaves.leafFor("b.test");
  assert(other.certPem !== burst[0]!.certPem && other.keyPem === burst[0]!.keyPem);
});

Deno.test("leafFor: at capacity the leaf unused for longest goes", async () => {
  const leaves = await minter(await mintCa("x"), { capacity: 2 });
  const first = await leaves.leafFor("a.test");
  const second = await leaves.leafFor("b.test");
  assertEquals(await leaves.leafFor("a.test"), first);
  await leaves.leafFor("c.test");
  assertEquals(leaves.size, 2);
  assertEquals(await leaves.leafFor("a.test"), first);
  assert(await leaves.leafFor("b.test") !== second);
});

Deno.test("leafFor: a leaf about to end is minted anew", async () => {
  let now = Date.now();
  const leaves = await minter(await mintCa("x"), { now: () => now });
  const first = await leaves.leafFor("a.test");
  now = first.notAfter - 2 * DAY;
  assertEquals(await leaves.leafFor("a.test"), first);
  now = first.notAfter - DAY / 2;
  const second = await leaves.leafFor("a.test");
  assert(second.notAfter > first.notAfter);
  assertEquals(leaves.size, 1);
});
