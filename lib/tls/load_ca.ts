/** Reads a CA from its files: without the certificate library, which costs more to load than all else at a start. */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { OperatorError } from "../errors.ts";
import { importPrivateKey } from "./pem.ts";

/** A CA that can sign. */
export interface SigningCa {
  /** The CA's certificate, PEM. */
  readonly certPem: string;
  /** Its private key: EC P-256, not extractable. */
  readonly key: CryptoKey;
}

/**
 * Reads a CA that `mintCa` made.
 *
 * @throws {OperatorError} the certificate or the key cannot be read, it is no CA, or the two do not belong together
 */
export async function loadCa(certPem: string, keyPem: string): Promise<SigningCa> {
  const cert = parseCertificate(certPem);
  if (!cert.ca) throw new OperatorError("the CA certificate is not that of a certificate authority");
  const key = await importPrivateKey(keyPem);
  if (key === undefined) throw new OperatorError("the CA key is not an EC P-256 private key in PEM");
  if (!cert.checkPrivateKey(createPrivateKey(keyPem))) {
    throw new OperatorError("the CA key does not belong to the CA certificate");
  }
  return { certPem, key };
}

function parseCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new OperatorError("the CA certificate is not a certificate in PEM", { cause });
  }
}
