/** Host keys and private keys, as OpenSSH writes them. Pure. */

import { decodeBase64 } from "@std/encoding";

/** A `known_hosts` line that pins the one key of an upstream (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
export function knownHostsLine(host: string, port: number, hostKey: string): string {
  const [type, data] = hostKey.split(" ");
  return `${port === 22 ? host : `[${host}]:${port}`} ${type} ${data}\n`;
}

const OPENSSH_MAGIC = "openssh-key-v1\0";

/**
 * What keeps the gate from logging in with a private key; undefined: nothing.
 *
 * Nobody is there to type a passphrase or to touch a security key, so both are told before the start.
 */
export function privateKeyFault(text: string): string | undefined {
  const match = /-----BEGIN ((?:[A-Z0-9]+ )*)PRIVATE KEY-----\r?\n([\s\S]*?)-----END /.exec(text);
  if (match === null) {
    return /^(?:ssh|ecdsa|sk)-[^ ]+ [A-Za-z0-9+/]/.test(text) ? "holds a public key" : "holds no private key";
  }
  const [, kind, body] = match as unknown as [string, string, string];
  if (kind === "ENCRYPTED " || /Proc-Type:.*ENCRYPTED/.test(body)) return "has a passphrase";
  return kind === "OPENSSH " ? opensshFault(body) : undefined;
}

/** `openssh-key-v1`: magic, then strings with 4-byte lengths: cipher, kdf, its options; a count; public keys. */
function opensshFault(body: string): string | undefined {
  let bytes: Uint8Array;
  try {
    bytes = decodeBase64(body.replace(/\s+/g, ""));
  } catch {
    return "is damaged";
  }
  const reader = new StringReader(bytes);
  if (reader.take(OPENSSH_MAGIC.length) !== OPENSSH_MAGIC) return "is damaged";
  const cipher = reader.string();
  reader.string();
  reader.string();
  reader.take(4);
  const publicKey = reader.string();
  if (cipher === undefined || publicKey === undefined) return "is damaged";
  if (cipher !== "none") return "has a passphrase";
  // A length of four bytes, then the key's type.
  return publicKey.startsWith("sk-", 4) ? "stands for a security key that must be touched" : undefined;
}

class StringReader {
  #at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  take(length: number): string | undefined {
    if (this.#at + length > this.#bytes.length) return undefined;
    const part = this.#bytes.subarray(this.#at, this.#at += length);
    return String.fromCharCode(...part);
  }

  string(): string | undefined {
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
    if (this.#at + 4 > this.#bytes.length) return undefined;
    const length = view.getUint32(this.#at);
    this.#at += 4;
    return this.take(length);
  }
}
