/**
 * The configuration that bottle renders, in the real pipelock: it is accepted, and it blocks and passes what
 * SPEC 6 says. BOT_BOTTLE_TEST_PIPELOCK is the path of the program; without it these tests fail.
 */

import { assertEquals, assertMatch } from "@std/assert";
import { BUNDLE_PATHS } from "../../../lib/bundle/daemons.ts";
import type { EgressRoute } from "../../../lib/egress/model.ts";
import { pipelockConfig, renderPipelockConfig } from "../../../lib/pipelock/config.ts";
import { connectTunnel, type RawRequest, type RawResponse, send } from "../../fakes/pipelock/client.ts";
import { checkConfig, type Lab, makeLab, realPipelock, startPipelock } from "../../fakes/pipelock/subject.ts";

const SECRET = "sk-" + "ant-" + "abcdefghijklmnop0123";
const BLOCKED_BODY = /^blocked: request body contains secret: Anthropic API Key$/;
const BLOCKED_HEADER = /^blocked: request header contains secret$/;
const BLOCKED_URL = /^blocked: (core )?DLP match: Anthropic API Key/;

function program(): string {
  const path = Deno.env.get("BOT_BOTTLE_TEST_PIPELOCK");
  if (path === undefined || path === "") {
    throw new Error("BOT_BOTTLE_TEST_PIPELOCK must name the pipelock program");
  }
  return path;
}

interface Choices {
  readonly routes?: readonly Partial<EgressRoute>[];
  readonly private?: boolean;
}

/** What bottle writes for a bottle whose routes lead to the lab, with the lab's own CA files in its place. */
function configText(lab: Lab, choices: Choices = {}): string {
  const routes = (choices.routes ?? [{}]).map((fields): EgressRoute => ({
    host: "localhost",
    pathAllowlist: [],
    agentAuth: false,
    owner: "manifest",
    tlsPassthrough: false,
    ssrfIpAllowlist: [],
    ...fields,
  }));
  const addresses = choices.private === false ? [] : ["127.0.0.1", "::1"];
  const extraHosts = addresses.map((ip) => ({ name: "localhost", ip }));
  return renderPipelockConfig(pipelockConfig({ routes, extraHosts, superviseHost: "supervise" }))
    .replace(BUNDLE_PATHS.pipelockCaCert, `${lab.dir}/ca.pem`)
    .replace(BUNDLE_PATHS.pipelockCaKey, `${lab.dir}/ca-key.pem`);
}

/** One request in a tunnel to the lab, as egress would send it. */
async function exchange(port: number, lab: Lab, ca: string, request: RawRequest): Promise<RawResponse> {
  const target = `localhost:${lab.tlsPort}`;
  const { conn, refusal } = await connectTunnel(port, target);
  if (conn === undefined) throw new Error(`tunnel refused: ${refusal?.status} ${refusal?.body}`);
  using tls = await Deno.startTls(conn, { hostname: "localhost", caCerts: [ca] });
  return await send(tls, target, request);
}

const json = { "Content-Type": "application/json" };

const inspected: [name: string, request: RawRequest, status: number, body: RegExp][] = [
  ["a plain request passes", { path: "/a?b=c" }, 200, /"path":"\/a\?b=c"/],
  ["a body passes", { method: "POST", body: "ordinary prose" }, 200, /"body":"ordinary prose"/],
  [
    "a key in the header of egress passes",
    { headers: { Authorization: `Bearer ${SECRET}` } },
    200,
    /Bearer sk-ant/,
  ],
  ["a key in another header", { headers: { "X-Note": SECRET } }, 403, BLOCKED_HEADER],
  ["a key in a cookie", { headers: { Cookie: `a=${SECRET}` } }, 403, BLOCKED_HEADER],
  ["a key in a header that pipelock ignores by itself", { headers: { Accept: SECRET } }, 403, BLOCKED_HEADER],
  ["a key in a text body", { method: "POST", body: `x ${SECRET}` }, 403, BLOCKED_BODY],
  [
    "a key deep in JSON",
    {
      method: "POST",
      headers: json,
      body: JSON.stringify({ a: [{ b: SECRET }] }),
    },
    403,
    BLOCKED_BODY,
  ],
  ["a key in base64", { method: "POST", body: btoa(SECRET) }, 403, BLOCKED_BODY],
  ["a key in the query", { path: `/?q=${SECRET}` }, 403, BLOCKED_URL],
  ["a key in the path", { path: `/${SECRET}` }, 403, BLOCKED_URL],
  [
    "a compressed body",
    { method: "POST", headers: { "Content-Encoding": "gzip" }, body: "x" },
    403,
    /compressed/,
  ],
  [
    "a seed phrase passes: prose looks like one",
    {
      method: "POST",
      body: `${"abandon ".repeat(11)}about`,
    },
    200,
    /abandon about/,
  ],
];

Deno.test("pipelock accepts what bottle renders", async () => {
  await using lab = await makeLab();
  const pipelock = realPipelock(program());
  for (const choices of [{}, { private: false }, { routes: [{ tlsPassthrough: true }, { host: "::1" }] }]) {
    const { status, output } = await checkConfig(pipelock, lab.dir, configText(lab, choices));
    assertMatch(output, /Config validation: OK/);
    assertEquals(status, 0);
  }
});

Deno.test("pipelock with bottle's configuration: hosts whose TLS is opened", async (t) => {
  await using lab = await makeLab();
  await using running = await startPipelock(realPipelock(program()), lab, configText(lab));
  for (const [name, request, status, body] of inspected) {
    await t.step(name, async () => {
      const response = await exchange(running.port, lab, lab.pipelockCa, request);
      assertMatch(response.body.trimEnd(), body);
      assertEquals(response.status, status);
    });
  }
});

Deno.test("pipelock with bottle's configuration: hosts that are passed through", async (t) => {
  await using lab = await makeLab();
  const config = configText(lab, { routes: [{ tlsPassthrough: true }] });
  await using running = await startPipelock(realPipelock(program()), lab, config);
  await t.step("the certificate is the upstream's own, nothing is read", async () => {
    const request = { method: "POST", body: SECRET, headers: { "X-Note": SECRET } };
    const response = await exchange(running.port, lab, lab.labCa, request);
    assertEquals(response.status, 200);
    assertMatch(response.body, /"body":"sk-ant-/);
  });
  await t.step("other hosts stay shut", async () => {
    const { refusal } = await connectTunnel(running.port, "unlisted.test:443");
    assertEquals(refusal?.status, 403);
    assertMatch(refusal!.body, /^CONNECT blocked: domain not in allowlist: unlisted\.test/);
  });
});

Deno.test("pipelock with bottle's configuration: a private address needs an entry", async () => {
  await using lab = await makeLab();
  const config = configText(lab, { private: false });
  await using running = await startPipelock(realPipelock(program()), lab, config);
  const { refusal } = await connectTunnel(running.port, `localhost:${lab.tlsPort}`);
  assertEquals(refusal?.status, 403);
  assertMatch(refusal!.body, /^CONNECT blocked: SSRF blocked: localhost resolves to internal IP/);
});

Deno.test("pipelock with bottle's configuration: more than its own 60 requests a minute", async () => {
  await using lab = await makeLab();
  await using running = await startPipelock(realPipelock(program()), lab, configText(lab));
  for (let index = 0; index < 100; index++) {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: running.port });
    const host = `localhost:${lab.plainPort}`;
    const response = await send(conn, host, { path: `http://${host}/${index}` });
    assertEquals(response.status, 200, response.body);
  }
});

Deno.test("pipelock with bottle's configuration: a body between its own limit and bottle's", async () => {
  await using lab = await makeLab();
  await using running = await startPipelock(realPipelock(program()), lab, configText(lab));
  // Uniform, so that the scan of 6 MiB ends within seconds.
  const body = " ".repeat(6 * 1024 * 1024);
  const response = await exchange(running.port, lab, lab.pipelockCa, { method: "POST", body });
  assertEquals(response.status, 200, response.body.slice(0, 200));
});
