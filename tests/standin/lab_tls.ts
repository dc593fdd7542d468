/** Certificates of the lab: one leaf for all the hosts that a stand-in speaks for, signed by the lab's CA. */

import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { loadCa, randomSerial, SIGNING } from "../../lib/tls/ca.ts";
import { EC_P256, toPem } from "../../lib/tls/pem.ts";

const DAY = 86_400_000;

/** Mints a server certificate for the hosts under a CA made by `mintCa`; both parts PEM, valid for a day. */
export async function mintServerCert(
  ca: { readonly certPem: string; readonly keyPem: string },
  hosts: readonly string[],
): Promise<{ readonly cert: string; readonly key: string }> {
  const signer = await loadCa(ca.certPem, ca.keyPem);
  const issuer = new x509.X509Certificate(ca.certPem);
  const keys = await crypto.subtle.generateKey(EC_P256, true, ["sign", "verify"]);
  const now = Date.now();
  const cert = await x509.X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: [{ CN: ["bottle lab"] }],
    issuer: issuer.subjectName,
    notBefore: new Date(now - DAY / 24),
    notAfter: new Date(now + DAY),
    publicKey: keys.publicKey,
    signingKey: signer.key,
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(hosts.map((value) => ({ type: "dns" as const, value }))),
      await x509.AuthorityKeyIdentifierExtension.create(issuer, false, crypto),
    ],
  }, crypto);
  const key = new Uint8Array(await crypto.subtle.exportKey("pkcs8", keys.privateKey));
  return { cert: `${cert.toString("pem")}\n`, key: toPem("PRIVATE KEY", key) };
}
