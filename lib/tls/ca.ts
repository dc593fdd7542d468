/** Certificate authorities of one bottle: made by the host at launch, one for egress and one for pipelock. */

import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { EC_P256, exportSec1 } from "./pem.ts";

export { loadCa, type SigningCa } from "./load_ca.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** How long a CA is valid: a preserved bottle is resumed with the CA that it was made with. */
const CA_LIFETIME = 825 * DAY;

/** Signature algorithm of every certificate that bottle makes. */
export const SIGNING = { name: "ECDSA", hash: "SHA-256" } as const;

/** A CA as text, the way it lies in files. */
export interface CaFiles {
  /** Certificate, PEM. */
  readonly certPem: string;
  /** Private key, `EC PRIVATE KEY` PEM (SEC1): the only form that pipelock reads. Belongs in a 0600 file. */
  readonly keyPem: string;
  /** SHA-256 of the certificate's DER, `AB:CD:…`, as `openssl x509 -fingerprint -sha256` prints it. */
  readonly fingerprint: string;
}

/**
 * Makes a CA: EC P-256, valid from an hour ago (clock skew) for 825 days, allowed to sign end-entity certificates
 * only (path length 0).
 */
export async function mintCa(commonName: string): Promise<CaFiles> {
  const keys = await crypto.subtle.generateKey(EC_P256, true, ["sign", "verify"]);
  const now = Date.now();
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerial(),
    name: [{ CN: [commonName] }],
    notBefore: new Date(now - HOUR),
    notAfter: new Date(now + CA_LIFETIME),
    keys,
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto),
    ],
  }, crypto);
  return {
    certPem: `${cert.toString("pem")}\n`,
    keyPem: await exportSec1(keys.privateKey),
    fingerprint: await fingerprintOf(cert),
  };
}

/** 127 random bits as hex: positive, and never the same twice under one issuer (RFC 5280 4.1.2.2). */
export function randomSerial(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toHex();
}

async function fingerprintOf(cert: x509.X509Certificate): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", cert.rawData));
  return digest.toHex().toUpperCase().replace(/..(?=.)/g, "$&:");
}
