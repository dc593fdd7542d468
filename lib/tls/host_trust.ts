/** The certificate authorities that this host trusts, for image builds: where a local CA re-signs TLS, it is there. */

/** Where systems keep their bundle of trusted certificates; the first that exists is the one in use. */
export const SYSTEM_BUNDLES: readonly string[] = [
  "/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Arch, Alpine
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL
  "/etc/pki/tls/certs/ca-bundle.crt", // older RHEL
  "/etc/ssl/ca-bundle.pem", // SUSE
  "/etc/ssl/cert.pem", // macOS (without its keychain), BSD
];

/** Variables by which programs are told of more certificates; each names a PEM file. */
const BUNDLE_VARIABLES: readonly string[] = ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "DENO_CERT"];

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/** What the search looks at. */
export interface HostTrustSearch {
  /** Host environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Text of a file; undefined when it cannot be read. */
  readonly readText: (path: string) => Promise<string | undefined>;
  /** PEM text of BOT_BOTTLE_EXTRA_CA. */
  readonly extraCaPem?: string;
}

/**
 * PEM text of every certificate that the host trusts: its system bundle, the files that its environment names, and the
 * operator's extra CA. Certificates only (a private key in such a file is left out), each once; empty when none is found.
 */
export async function hostTrustBundle(search: HostTrustSearch): Promise<string> {
  const found = new Set<string>();
  const add = (text = "") => {
    for (const [block] of text.matchAll(CERTIFICATE)) found.add(block.replaceAll("\r", ""));
  };
  for (const path of SYSTEM_BUNDLES) {
    const text = await search.readText(path);
    add(text);
    if (text !== undefined) break;
  }
  for (const name of BUNDLE_VARIABLES) {
    const path = search.env[name];
    if (path) add(await search.readText(path));
  }
  add(search.extraCaPem);
  return [...found].map((block) => `${block}\n`).join("");
}

/** Path of this host's bundle of trusted certificates; undefined when it has none that can be read. */
export async function systemBundle(): Promise<string | undefined> {
  for (const path of SYSTEM_BUNDLES) {
    if (await readTextIfPresent(path) !== undefined) return path;
  }
  return undefined;
}

/** {@linkcode HostTrustSearch.readText} on this host. */
export async function readTextIfPresent(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (isUnreadable(error)) return undefined;
    throw error;
  }
}

function isUnreadable(error: unknown): boolean {
  const { NotFound, PermissionDenied, NotADirectory, IsADirectory, NotCapable } = Deno.errors;
  return [NotFound, PermissionDenied, NotADirectory, IsADirectory, NotCapable].some((kind) =>
    error instanceof kind
  );
}
