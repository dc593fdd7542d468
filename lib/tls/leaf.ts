/** Leaf certificates that egress shows to the agent: one per host, all on one key, kept in a bounded cache. */

import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { isIp } from "../net/ip.ts";
import { randomSerial, SIGNING, type SigningCa } from "./ca.ts";
import { EC_P256, toPem } from "./pem.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const LIFETIME = 30 * DAY;
/** A leaf with less than this left is made anew, so that no open client sees one expire. */
const RENEW_BEFORE = DAY;
/** Longest common name that X.520 allows; a longer host stands in the subject alternative name alone. */
const MAX_COMMON_NAME = 64;

/** A certificate with its key, ready for a TLS server. */
export interface Leaf {
  /** Leaf certificate, PEM. */
  readonly certPem: string;
  /** Private key, PKCS 8 PEM; never written anywhere. */
  readonly keyPem: string;
  /** When it ends, in milliseconds since the epoch. */
  readonly notAfter: number;
}

/** Options of {@linkcode LeafMinter}. */
export interface LeafMinterOptions {
  /** Most leaves kept; the one unused for longest goes first. @default 256 */
  readonly capacity?: number;
  /** Clock in milliseconds since the epoch. @default Date.now */
  readonly now?: () => number;
}

/** Mints and keeps leaf certificates under one CA. */
export class LeafMinter {
  readonly #ca: x509.X509Certificate;
  readonly #caKey: CryptoKey;
  readonly #keys: CryptoKeyPair;
  readonly #keyPem: string;
  readonly #capacity: number;
  readonly #now: () => number;
  // Map order is age of use. The promise is kept, so that a burst for one host mints once.
  readonly #leaves = new Map<string, Promise<Leaf>>();

  private constructor(ca: SigningCa, keys: CryptoKeyPair, keyPem: string, options: LeafMinterOptions) {
    this.#ca = new x509.X509Certificate(ca.certPem);
    this.#caKey = ca.key;
    this.#keys = keys;
    this.#keyPem = keyPem;
    this.#capacity = options.capacity ?? 256;
    this.#now = options.now ?? Date.now;
  }

  /** Makes a minter with a fresh leaf key that lives in this process only. */
  static async create(ca: SigningCa, options: LeafMinterOptions = {}): Promise<LeafMinter> {
    const keys = await crypto.subtle.generateKey(EC_P256, true, ["sign", "verify"]);
    const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", keys.privateKey));
    return new LeafMinter(ca, keys, toPem("PRIVATE KEY", pkcs8), options);
  }

  /** How many leaves are kept now. */
  get size(): number {
    return this.#leaves.size;
  }

  /** The leaf for a canonical host: a DNS name, or an IP address as an IP subject alternative name. */
  async leafFor(host: string): Promise<Leaf> {
    const kept = this.#leaves.get(host);
    this.#leaves.delete(host);
    if (kept !== undefined) {
      this.#leaves.set(host, kept);
      const leaf = await kept;
      if (leaf.notAfter - this.#now() > RENEW_BEFORE) return leaf;
    }
    const minted = this.#mint(host);
    this.#leaves.delete(host);
    this.#leaves.set(host, minted);
    this.#evict();
    try {
      return await minted;
    } catch (error) {
      if (this.#leaves.get(host) === minted) this.#leaves.delete(host);
      throw error;
    }
  }

  #evict(): void {
    for (const oldest of this.#leaves.keys()) {
      if (this.#leaves.size <= this.#capacity) return;
      this.#leaves.delete(oldest);
    }
  }

  async #mint(host: string): Promise<Leaf> {
    const now = this.#now();
    // A leaf never outlives its CA: some verifiers refuse that.
    const notAfter = Math.min(now + LIFETIME, this.#ca.notAfter.getTime());
    const cert = await x509.X509CertificateGenerator.create({
      serialNumber: randomSerial(),
      subject: host.length <= MAX_COMMON_NAME ? [{ CN: [host] }] : [{ CN: ["bottle egress"] }],
      issuer: this.#ca.subjectName,
      notBefore: new Date(now - HOUR),
      notAfter: new Date(notAfter),
      publicKey: this.#keys.publicKey,
      signingKey: this.#caKey,
      signingAlgorithm: SIGNING,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([{ type: isIp(host) ? "ip" : "dns", value: host }]),
        await x509.AuthorityKeyIdentifierExtension.create(this.#ca, false, crypto),
        await x509.SubjectKeyIdentifierExtension.create(this.#keys.publicKey, false, crypto),
      ],
    }, crypto);
    return { certPem: `${cert.toString("pem")}\n`, keyPem: this.#keyPem, notAfter };
  }
}
