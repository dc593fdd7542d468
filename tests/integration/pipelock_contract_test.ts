/**
 * What bottle relies on in pipelock, as one table: the stand-in must behave as the real program does.
 *
 * It always runs on the stand-in, and on the real program too where BOT_BOTTLE_TEST_PIPELOCK names it.
 */

import { isStandIn } from "../support/pipelock_program.ts";
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { EgressRoute } from "../../lib/egress/model.ts";
import { pipelockConfig, renderPipelockConfig } from "../../lib/pipelock/config.ts";
import { connectTunnel, type RawRequest, type RawResponse, send } from "../fakes/pipelock/client.ts";
import {
  checkConfig,
  freePort,
  type Lab,
  makeLab,
  type Pipelock,
  realPipelock,
  standInPipelock,
  startPipelock,
} from "../fakes/pipelock/subject.ts";

const SECRET = "sk-ant-" + "api03abcdefghijkl";
const AWS = "AKIA" + "IOSFODNN7EXAMPLE";
const GITHUB = "ghp_" + "a1B2".repeat(9);
const JWT = ["eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0NTY3ODkwIn0", "dBjftJeZ4CVPmB92K27uhbUJU1p1r"].join(
  ".",
);

const ROUTE: EgressRoute = {
  host: "api.test",
  pathAllowlist: [],
  agentAuth: false,
  owner: "manifest",
  tlsPassthrough: true,
  ssrfIpAllowlist: [],
};

interface ConfigChoices {
  readonly allow?: readonly string[];
  readonly passthrough?: readonly string[];
  readonly ssrf?: readonly string[];
  readonly extra?: string;
  readonly maxBody?: number;
}

function configText(lab: Lab, choices: ConfigChoices = {}): string {
  const list = (items: readonly string[]) => `[${items.map((item) => JSON.stringify(item)).join(", ")}]`;
  const ssrf = choices.ssrf ?? ["127.0.0.0/8", "::1/128"];
  return `version: 1
mode: strict
enforce: true
${choices.extra ?? ""}
api_allowlist: ${list(choices.allow ?? ["localhost"])}
forward_proxy:
  enabled: true
  max_tunnel_seconds: 3600
  idle_timeout_seconds: 600
seed_phrase_detection:
  enabled: false
dlp:
  include_defaults: true
  scan_env: true
request_body_scanning:
  enabled: true
  action: block
  max_body_bytes: ${choices.maxBody ?? 5_242_880}
  scan_headers: true
  header_mode: all
  ignore_headers: [Authorization]
tls_interception:
  enabled: true
  ca_cert: ${lab.dir}/ca.pem
  ca_key: ${lab.dir}/ca-key.pem
  passthrough_domains: ${list(choices.passthrough ?? [])}
${ssrf.length === 0 ? "" : `ssrf:\n  ip_allowlist: ${list(ssrf)}\n`}`;
}

/** A request inside a tunnel to the lab's TLS upstream, trusting that CA alone. */
async function tunnelled(port: number, lab: Lab, ca: string, request: RawRequest): Promise<RawResponse> {
  const target = `localhost:${lab.tlsPort}`;
  const { conn, refusal } = await connectTunnel(port, target);
  if (conn === undefined) throw new Error(`tunnel refused: ${JSON.stringify(refusal)}`);
  using tls = await Deno.startTls(conn, { hostname: "localhost", caCerts: [ca] });
  return await send(tls, target, request);
}

/** Requests inside an inspected tunnel: what comes back. */
const INSPECTED: readonly [name: string, request: RawRequest, status: number, body: RegExp][] = [
  ["a plain request", { path: "/a?b=c" }, 200, /"path":"\/a\?b=c"/],
  ["a body", { method: "POST", body: "hello" }, 200, /"body":"hello"/],
  [
    "a key in the ignored header",
    { headers: { Authorization: `Bearer ${SECRET}` } },
    200,
    /"authorization":"Bearer sk-ant-/,
  ],
  [
    "an Anthropic key in a text body",
    { method: "POST", body: `x ${SECRET}` },
    403,
    /^blocked: request body contains secret: Anthropic API Key/,
  ],
  [
    "a JWT in a body",
    { method: "POST", body: JWT },
    403,
    /^blocked: request body contains secret: .*JWT Token/,
  ],
  [
    "an AWS key in a body",
    { method: "POST", body: AWS },
    403,
    /^blocked: request body contains secret: AWS Access ID/,
  ],
  [
    "a GitHub token in a body",
    { method: "POST", body: GITHUB },
    403,
    /^blocked: request body contains secret: GitHub Token/,
  ],
  [
    "a key deep in JSON",
    {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ a: [{ b: SECRET }] }),
    },
    403,
    /^blocked: request body contains secret: Anthropic API Key/,
  ],
  [
    "a key escaped in JSON",
    {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: `{"a":"\\u0073k-ant-${SECRET.slice(7)}"}`,
    },
    403,
    /^blocked: request body contains secret: Anthropic API Key/,
  ],
  [
    "malformed JSON",
    { method: "POST", headers: { "Content-Type": "application/json" }, body: "{" },
    403,
    /^blocked: invalid JSON body/,
  ],
  [
    "a key in base64",
    { method: "POST", body: btoa(SECRET) },
    403,
    /^blocked: request body contains secret: Anthropic API Key/,
  ],
  [
    "a key in hex",
    { method: "POST", body: new TextEncoder().encode(SECRET).toHex() },
    403,
    /^blocked: request body contains secret: Anthropic API Key/,
  ],
  [
    "a key in the query",
    { path: `/?q=${SECRET}` },
    403,
    /^blocked: (core )?DLP match: Anthropic API Key \(critical\)/,
  ],
  [
    "a key in the path",
    { path: `/${SECRET}` },
    403,
    /^blocked: (core )?DLP match: Anthropic API Key \(critical\)/,
  ],
  ["a key in a header", { headers: { "X-Note": AWS } }, 403, /^blocked: request header contains secret/],
  [
    "a key in the user agent",
    { headers: { "User-Agent": SECRET } },
    403,
    /^blocked: request header contains secret/,
  ],
  [
    "a compressed body",
    { method: "POST", headers: { "Content-Encoding": "gzip" }, body: "x" },
    403,
    /^blocked: request body uses Content-Encoding "gzip"; compressed bodies cannot be scanned/,
  ],
  ["another Host inside", { host: "evil.test" }, 403, /^authority mismatch: blocked/],
  ["another port in Host", { host: "localhost:1" }, 403, /^authority mismatch: blocked/],
];

/** Absolute-form requests to the proxy. `PLAIN` stands for the port of the plain upstream. */
const PLAIN_HTTP: readonly [name: string, request: RawRequest, status: number, body: RegExp][] = [
  ["a listed host", { path: "http://localhost:PLAIN/x?y=1" }, 200, /"path":"\/x\?y=1"/],
  [
    "an unlisted host",
    { path: "http://unlisted.test/" },
    403,
    /^blocked: domain not in allowlist: unlisted\.test/,
  ],
  [
    "an unlisted address",
    { path: "http://127.0.0.1:PLAIN/" },
    403,
    /^blocked: domain not in allowlist: 127\.0\.0\.1/,
  ],
  [
    "a key in the body",
    { method: "POST", path: "http://localhost:PLAIN/", body: SECRET },
    403,
    /^blocked: request body contains secret: Anthropic API Key/,
  ],
  [
    "a key in a header",
    { path: "http://localhost:PLAIN/", headers: { "X-Note": SECRET } },
    403,
    /^blocked: request header contains secret/,
  ],
  ["health", { path: "/health" }, 200, /"status":"healthy"/],
];

/** CONNECT requests that are refused before there is a tunnel. */
const REFUSED_TUNNELS: readonly [
  name: string,
  target: string,
  headers: Record<string, string>,
  status: number,
  body: RegExp,
][] = [
  [
    "an unlisted host",
    "unlisted.test:443",
    {},
    403,
    /^CONNECT blocked: domain not in allowlist: unlisted\.test/,
  ],
  [
    "a subdomain of a listed host",
    "sub.localhost:443",
    {},
    403,
    /^CONNECT blocked: domain not in allowlist: sub\.localhost/,
  ],
  [
    "an unlisted address",
    "127.0.0.1:443",
    {},
    403,
    /^CONNECT blocked: domain not in allowlist: 127\.0\.0\.1/,
  ],
  ["the metadata address", "169.254.169.254:80", {}, 403, /^CONNECT blocked: domain not in allowlist/],
  ["a key in a header", "localhost:443", { "X-Note": SECRET }, 403, /^CONNECT blocked: header DLP match/],
];

/** Configurations that `check` refuses; the text of the refusal. */
const BAD_CONFIGS: readonly [name: string, edit: (text: string) => string, output: RegExp][] = [
  ["an unknown key", (text) => `bogus: 1\n${text}`, /field bogus not found in type config\.Config/],
  [
    "an unknown key of a section",
    (text) => text.replace("dlp:", "dlp:\n  bogus: 1"),
    /field bogus not found in type config\.DLP/,
  ],
  [
    "an empty allowlist in strict mode",
    (text) => text.replace(/api_allowlist: .*/, "api_allowlist: []"),
    /strict mode requires at least one domain in api_allowlist/,
  ],
  [
    "an unknown mode",
    (text) => text.replace("mode: strict", "mode: lenient"),
    /invalid mode "lenient": must be strict, balanced, or audit/,
  ],
  ["a CA key that is not there", (text) => text.replace("ca-key.pem", "none.pem"), /none\.pem/],
];

function contract(pipelock: Pipelock): void {
  const named = (name: string) => `pipelock contract (${pipelock.name.split(" ")[0]}): ${name}`;

  Deno.test(named("inspected tunnels"), async (t) => {
    await using lab = await makeLab();
    await using running = await startPipelock(pipelock, lab, configText(lab));
    for (const [name, request, status, body] of INSPECTED) {
      await t.step(name, async () => {
        const response = await tunnelled(running.port, lab, lab.pipelockCa, request);
        assertMatch(response.body, body);
        assertEquals(response.status, status);
        if (status === 403) assertMatch(response.head, /content-type: text\/plain/i);
      });
    }
    await t.step("the leaf is pipelock's own", async () => {
      await assertRejects(() => tunnelled(running.port, lab, lab.labCa, {}));
    });
  });

  Deno.test(named("plain HTTP and health"), async (t) => {
    await using lab = await makeLab();
    await using running = await startPipelock(pipelock, lab, configText(lab));
    for (const [name, request, status, body] of PLAIN_HTTP) {
      await t.step(name, async () => {
        using conn = await Deno.connect({ hostname: "127.0.0.1", port: running.port });
        const path = request.path!.replace("PLAIN", String(lab.plainPort));
        const response = await send(conn, path.startsWith("/") ? "localhost" : new URL(path).host, {
          ...request,
          path,
        });
        assertMatch(response.body, body);
        assertEquals(response.status, status);
      });
    }
  });

  Deno.test(named("refused tunnels"), async (t) => {
    await using lab = await makeLab();
    await using running = await startPipelock(pipelock, lab, configText(lab));
    for (const [name, target, headers, status, body] of REFUSED_TUNNELS) {
      await t.step(name, async () => {
        const { refusal } = await connectTunnel(running.port, target, headers);
        assertMatch(refusal?.body ?? "granted", body);
        assertEquals(refusal?.status, status);
      });
    }
    await t.step("nothing listens at the target", async () => {
      const { refusal } = await connectTunnel(running.port, `localhost:${freePort()}`);
      assertEquals(refusal?.status, 502);
      assertMatch(refusal!.body, /^tunnel dial failed/);
    });
    await t.step("another name in the TLS handshake", async () => {
      const { conn } = await connectTunnel(running.port, `localhost:${lab.tlsPort}`);
      await assertRejects(async () => {
        using tls = await Deno.startTls(conn!, {
          hostname: "evil.test",
          caCerts: [lab.pipelockCa],
          unsafelyDisableHostnameVerification: true,
        });
        await tls.handshake();
      });
    });
    await t.step("an upstream that nobody vouches for", async () => {
      const target = `localhost:${lab.untrustedPort}`;
      const { conn } = await connectTunnel(running.port, target);
      using tls = await Deno.startTls(conn!, { hostname: "localhost", caCerts: [lab.pipelockCa] });
      const response = await send(tls, target, {});
      assertEquals(response.status, 502);
      assertMatch(response.body, /^upstream error/);
    });
  });

  Deno.test(named("pass-through"), async (t) => {
    await using lab = await makeLab();
    await using running = await startPipelock(pipelock, lab, configText(lab, { passthrough: ["localhost"] }));
    await t.step("the leaf is the upstream's own and bodies are not read", async () => {
      const response = await tunnelled(running.port, lab, lab.labCa, { method: "POST", body: SECRET });
      assertEquals(response.status, 200);
      assertMatch(response.body, /"body":"sk-ant-/);
    });
    await t.step("another name in the TLS handshake", async () => {
      const { conn } = await connectTunnel(running.port, `localhost:${lab.tlsPort}`);
      await assertRejects(async () => {
        using tls = await Deno.startTls(conn!, {
          hostname: "evil.test",
          caCerts: [lab.labCa],
          unsafelyDisableHostnameVerification: true,
        });
        await tls.handshake();
      });
    });
  });

  Deno.test(named("private addresses without an allowance"), async () => {
    await using lab = await makeLab();
    const config = configText(lab, {
      ssrf: [],
      allow: ["localhost", "127.0.0.1", "169.254.169.254", "10.0.0.1"],
    });
    await using running = await startPipelock(pipelock, lab, config);
    for (const target of ["localhost", "127.0.0.1", "169.254.169.254", "10.0.0.1"]) {
      const { refusal } = await connectTunnel(running.port, `${target}:${lab.tlsPort}`);
      assertEquals(refusal?.status, 403, target);
      assertMatch(refusal!.body, /^CONNECT blocked: (core SSRF: |SSRF blocked: )/, target);
    }
  });

  Deno.test(named("a body over max_body_bytes"), async () => {
    await using lab = await makeLab();
    await using running = await startPipelock(pipelock, lab, configText(lab, { maxBody: 1000 }));
    const request = { method: "POST", body: "x ".repeat(501) };
    const response = await tunnelled(running.port, lab, lab.pipelockCa, request);
    assertEquals(response.status, 403);
    assertMatch(response.body, /^blocked: request body exceeds max_body_bytes \(1000\)/);
  });

  Deno.test(named("check"), async (t) => {
    await using lab = await makeLab();
    const good = configText(lab);
    await t.step("a good configuration", async () => {
      const { status, output } = await checkConfig(pipelock, lab.dir, good);
      assertMatch(output, /Config validation: OK/);
      assertEquals(status, 0);
    });
    await t.step("the configuration that bottle renders", async () => {
      const text = renderPipelockConfig(pipelockConfig({
        routes: [ROUTE],
        extraHosts: [{ name: "api.test", ip: "10.0.0.1" }],
      })).replaceAll("/run/bottle/pipelock", lab.dir);
      const { status, output } = await checkConfig(pipelock, lab.dir, text);
      assertMatch(output, /Config validation: OK/);
      assertEquals(status, 0);
    });
    for (const [name, edit, pattern] of BAD_CONFIGS) {
      await t.step(name, async () => {
        const { status, output } = await checkConfig(pipelock, lab.dir, edit(good));
        assertMatch(output, pattern);
        assertEquals(status, 1);
      });
    }
    await t.step("a CA key that others can read", async () => {
      await Deno.chmod(`${lab.dir}/ca-key.pem`, 0o644);
      const { status, output } = await checkConfig(pipelock, lab.dir, good);
      assertMatch(output, /too permissive \(mode 0644\): restrict to 0600 or 0640/);
      assertEquals(status, 1);
    });
  });

  Deno.test(named("SIGTERM ends it with status 0"), async () => {
    await using lab = await makeLab();
    await using running = await startPipelock(pipelock, lab, configText(lab));
    assertEquals(await running.stop(), 0);
  });
}

const given = Deno.env.get("BOT_BOTTLE_TEST_PIPELOCK") ?? "";
const real = given !== "" && !await isStandIn(given) ? [realPipelock(given)] : [];
const subjects = [standInPipelock, ...real];
const names = subjects.map((subject) => subject.name).join(", ");
Deno.stdout.writeSync(new TextEncoder().encode(`pipelock contract runs on: ${names}\n`));
subjects.forEach(contract);
