import { assertEquals } from "@std/assert";
import { hostTrustBundle, SYSTEM_BUNDLES } from "../../../lib/tls/host_trust.ts";

const pem = (name: string) => `-----BEGIN CERTIFICATE-----\n${btoa(name)}\n-----END CERTIFICATE-----\n`;
const KEY = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
const [DEBIAN = "", FEDORA = ""] = SYSTEM_BUNDLES;

interface Row {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly extraCaPem?: string;
  readonly want: string;
}

const ROWS: readonly Row[] = [
  { name: "nothing is found", files: {}, want: "" },
  { name: "the system's bundle", files: { [DEBIAN]: pem("a") + pem("b") }, want: pem("a") + pem("b") },
  { name: "the first bundle that exists", files: { [FEDORA]: pem("f") }, want: pem("f") },
  { name: "one bundle only", files: { [DEBIAN]: pem("a"), [FEDORA]: pem("f") }, want: pem("a") },
  {
    name: "files that the environment names, each certificate once",
    files: { [DEBIAN]: pem("a"), "/n.pem": pem("a") + pem("n"), "/s.pem": pem("s") },
    env: { NODE_EXTRA_CA_CERTS: "/n.pem", SSL_CERT_FILE: "/s.pem", DENO_CERT: "/gone.pem" },
    want: pem("a") + pem("s") + pem("n"),
  },
  {
    name: "the operator's extra CA",
    files: { [DEBIAN]: pem("a") },
    extraCaPem: pem("x"),
    want: pem("a") + pem("x"),
  },
  {
    name: "no private key",
    files: { [DEBIAN]: KEY + pem("a") },
    extraCaPem: pem("x") + KEY,
    want: pem("a") + pem("x"),
  },
  {
    name: "no comments, plain line ends",
    files: { [DEBIAN]: `# CA\r\n${pem("a").replaceAll("\n", "\r\n")}` },
    want: pem("a"),
  },
  { name: "an empty variable", files: {}, env: { SSL_CERT_FILE: "" }, want: "" },
];

for (const { name, files, env = {}, extraCaPem, want } of ROWS) {
  Deno.test(`hostTrustBundle: ${name}`, async () => {
    const readText = (path: string) => Promise.resolve(files[path]);
    assertEquals(
      await hostTrustBundle({ env, readText, ...(extraCaPem === undefined ? {} : { extraCaPem }) }),
      want,
    );
  });
}
