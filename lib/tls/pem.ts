/** PEM and the one DER shape that WebCrypto does not write: an EC P-256 private key as SEC1 (RFC 5915). */

// ECPrivateKey { version 1, privateKey, [0] prime256v1, [1] publicKey } for P-256 has one fixed layout.
const SEC1_HEAD = Uint8Array.of(0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20);
const SEC1_CURVE = Uint8Array.of(0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07);
const SEC1_PUBLIC = Uint8Array.of(0xa1, 0x44, 0x03, 0x42, 0x00, 0x04);
const FIELD = 32;
const D_AT = SEC1_HEAD.length;
const X_AT = D_AT + FIELD + SEC1_CURVE.length + SEC1_PUBLIC.length;
const SEC1_LENGTH = X_AT + 2 * FIELD;

/** WebCrypto parameters of every key that bottle makes. */
export const EC_P256 = { name: "ECDSA", namedCurve: "P-256" } as const;

/** Wraps DER as PEM (RFC 7468): lines of 64 characters, a line feed at the end. */
export function toPem(label: string, der: Uint8Array): string {
  const lines = der.toBase64().match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** The DER of the first PEM block with that label; undefined when there is none or its base64 is broken. */
export function fromPem(label: string, pem: string): Uint8Array<ArrayBuffer> | undefined {
  const begin = `-----BEGIN ${label}-----`;
  const start = pem.indexOf(begin);
  const end = pem.indexOf(`-----END ${label}-----`, start);
  if (start < 0 || end < 0) return undefined;
  try {
    return Uint8Array.fromBase64(pem.slice(start + begin.length, end));
  } catch {
    return undefined;
  }
}

/** An extractable P-256 private key as `EC PRIVATE KEY` PEM: the form that pipelock reads. */
export async function exportSec1(key: CryptoKey): Promise<string> {
  const jwk = await crypto.subtle.exportKey("jwk", key);
  const der = new Uint8Array(SEC1_LENGTH);
  let at = 0;
  for (const part of [SEC1_HEAD, field(jwk.d), SEC1_CURVE, SEC1_PUBLIC, field(jwk.x), field(jwk.y)]) {
    der.set(part, at);
    at += part.length;
  }
  return toPem("EC PRIVATE KEY", der);
}

/**
 * Reads a P-256 private key from PEM, `EC PRIVATE KEY` (SEC1, with curve and public key) or `PRIVATE KEY` (PKCS 8).
 *
 * @returns undefined when the text holds no such key
 */
export async function importPrivateKey(pem: string): Promise<CryptoKey | undefined> {
  try {
    const sec1 = fromPem("EC PRIVATE KEY", pem);
    if (sec1 !== undefined) return await importSec1(sec1);
    const pkcs8 = fromPem("PRIVATE KEY", pem);
    if (pkcs8 === undefined) return undefined;
    return await crypto.subtle.importKey("pkcs8", pkcs8, EC_P256, false, ["sign"]);
  } catch {
    return undefined;
  }
}

async function importSec1(der: Uint8Array): Promise<CryptoKey | undefined> {
  const inPlace = (part: Uint8Array, at: number) => part.every((byte, index) => der[at + index] === byte);
  const known = der.length === SEC1_LENGTH && inPlace(SEC1_HEAD, 0) && inPlace(SEC1_CURVE, D_AT + FIELD) &&
    inPlace(SEC1_PUBLIC, D_AT + FIELD + SEC1_CURVE.length);
  if (!known) return undefined;
  const jwk: JsonWebKey = {
    kty: "EC",
    crv: "P-256",
    d: base64url(der.subarray(D_AT, D_AT + FIELD)),
    x: base64url(der.subarray(X_AT, X_AT + FIELD)),
    y: base64url(der.subarray(X_AT + FIELD)),
  };
  return await crypto.subtle.importKey("jwk", jwk, EC_P256, false, ["sign"]);
}

function base64url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

function field(text: string | undefined): Uint8Array {
  const bytes = Uint8Array.fromBase64(text ?? "", { alphabet: "base64url" });
  if (bytes.length !== FIELD) throw new TypeError("not an extractable P-256 private key");
  return bytes;
}
