import { assertEquals, assertThrows } from "@std/assert";
import { parse } from "@std/yaml";
import type { EgressRoute } from "../../../lib/egress/model.ts";
import { OperatorError } from "../../../lib/errors.ts";
import {
  checkPipelockConfig,
  pipelockConfig,
  type PipelockInput,
  renderPipelockConfig,
} from "../../../lib/pipelock/config.ts";

function route(host: string, fields: Partial<EgressRoute> = {}): EgressRoute {
  return {
    host,
    pathAllowlist: [],
    agentAuth: false,
    owner: "manifest",
    tlsPassthrough: false,
    ssrfIpAllowlist: [],
    ...fields,
  };
}

function input(fields: Partial<PipelockInput> = {}): PipelockInput {
  return { routes: [route("a.example.com")], extraHosts: [], ...fields };
}

type Json = Record<string, unknown>;

/** The configuration as YAML says it, open to edits. */
function rendered(fields: Partial<PipelockInput> = {}): Json {
  const read: (text: string) => unknown = parse;
  return read(renderPipelockConfig(pipelockConfig(input(fields)))) as Json;
}

Deno.test("the whole configuration of a small bottle", () => {
  assertEquals(rendered(), {
    version: 1,
    mode: "strict",
    enforce: true,
    api_allowlist: ["a.example.com"],
    fetch_proxy: {
      timeout_seconds: 3600,
      max_response_mb: 32,
      monitoring: { max_requests_per_minute: 60_000 },
    },
    forward_proxy: { enabled: true, max_tunnel_seconds: 86_400, idle_timeout_seconds: 3600 },
    seed_phrase_detection: { enabled: false },
    dlp: { include_defaults: true, scan_env: true },
    request_body_scanning: {
      action: "block",
      max_body_bytes: 33_554_432,
      scan_headers: true,
      header_mode: "all",
      ignore_headers: ["Authorization"],
    },
    tls_interception: {
      enabled: true,
      ca_cert: "/run/bottle/pipelock/ca.pem",
      ca_key: "/run/bottle/pipelock/ca-key.pem",
      passthrough_domains: [],
      max_response_bytes: 33_554_432,
    },
  });
});

Deno.test("the allowlist is every host and the supervise host, sorted, each once", () => {
  const routes = [route("z.example.com"), route("::1"), route("a.example.com"), route("supervise")];
  assertEquals(rendered({ routes, superviseHost: "supervise" }).api_allowlist, [
    "::1",
    "a.example.com",
    "supervise",
    "z.example.com",
  ]);
  assertEquals(rendered({ routes: [], superviseHost: "supervise" }).api_allowlist, ["supervise"]);
});

Deno.test("pass-through is for the routes that ask for it, sorted", () => {
  const routes = [
    route("z.example.com", { tlsPassthrough: true }),
    route("m.example.com"),
    route("a.example.com", { tlsPassthrough: true }),
  ];
  const { passthrough_domains } = rendered({ routes }).tls_interception as Json;
  assertEquals(passthrough_domains, ["a.example.com", "z.example.com"]);
});

Deno.test("SSRF entries come from routes, private extra hosts and the bundle's address", () => {
  const config = rendered({
    routes: [
      route("a.example.com", { ssrfIpAllowlist: ["10.1.0.0/16", "fd00::/8"] }),
      route("b.example.com", { ssrfIpAllowlist: ["10.0.0.5", "::ffff:10.0.0.5"] }),
    ],
    extraHosts: [
      { name: "a.example.com", ip: "192.168.7.7" },
      { name: "public.example.com", ip: "8.8.8.8" },
      { name: "six.example.com", ip: "fd00::1" },
    ],
    bundleAddress: "172.20.0.2",
  });
  assertEquals(config.ssrf, {
    ip_allowlist: [
      "10.0.0.5/32",
      "10.1.0.0/16",
      "172.20.0.2/32",
      "192.168.7.7/32",
      "fd00::/8",
      "fd00::1/128",
    ],
  });
});

Deno.test("no SSRF section without an entry", () => {
  assertEquals("ssrf" in rendered({ extraHosts: [{ name: "p.example.com", ip: "8.8.8.8" }] }), false);
});

const badRanges: [entry: string, message: string][] = [
  ["10.0.0.5/8", 'ssrf_ip_allowlist of a.example.com: "10.0.0.5/8" is not the start of its range'],
  ["0.0.0.0/0", '"0.0.0.0/0" is every address'],
  ["::/0", '"::/0" is every address'],
  ["10.0.0", '"10.0.0" is no IP address or CIDR range'],
  ["internal.example.com", '"internal.example.com" is no IP address or CIDR range'],
  ["", '"" is no IP address or CIDR range'],
];

for (const [entry, message] of badRanges) {
  Deno.test(`an SSRF entry that pipelock would refuse or misread: "${entry}"`, () => {
    const routes = [route("a.example.com", { ssrfIpAllowlist: [entry] })];
    assertThrows(() => pipelockConfig(input({ routes })), OperatorError, message);
  });
}

Deno.test("a bottle without any host is refused, as pipelock would", () => {
  assertThrows(
    () => pipelockConfig(input({ routes: [] })),
    OperatorError,
    "api_allowlist is wrong: must not be empty in strict mode",
  );
});

const section = (config: Json, name: string): Json => config[name] as Json;

const faults: [name: string, edit: (config: Json) => void, message: string][] = [
  ["unknown section", (c) => c.kill_switch = {}, "kill_switch is unknown"],
  ["unknown key", (c) => section(c, "dlp").patterns = [], "dlp.patterns is unknown"],
  [
    "unknown key, deep",
    (c) => section(section(c, "fetch_proxy"), "monitoring").x = 1,
    "fetch_proxy.monitoring.x",
  ],
  ["missing section", (c) => delete c.dlp, "dlp is missing"],
  ["missing key", (c) => delete section(c, "dlp").scan_env, "dlp.scan_env is missing"],
  ["two at once", (c) => {
    delete c.version;
    c.x = 1;
  }, "version is missing; x is unknown"],
  ["another mode", (c) => c.mode = "audit", "mode is wrong"],
  ["not enforced", (c) => c.enforce = false, "enforce is wrong"],
  ["another header let through", (c) => {
    section(c, "request_body_scanning").ignore_headers = ["Authorization", "X-Key"];
  }, "request_body_scanning.ignore_headers is wrong"],
  [
    "warn only",
    (c) => section(c, "request_body_scanning").action = "warn",
    "request_body_scanning.action is wrong",
  ],
  [
    "interception off",
    (c) => section(c, "tls_interception").enabled = false,
    "tls_interception.enabled is wrong",
  ],
  [
    "wrong type",
    (c) => section(c, "tls_interception").max_response_bytes = "5",
    "max_response_bytes is wrong",
  ],
  ["wrong element", (c) => c.api_allowlist = ["a", 5], "api_allowlist.1 is wrong"],
  ["empty SSRF list", (c) => c.ssrf = { ip_allowlist: [] }, "ssrf.ip_allowlist is wrong"],
  ["a name with control characters", (c) => c["a\u001b[2J"] = 1, "a\\u{1b}[2J is unknown"],
];

for (const [name, edit, message] of faults) {
  Deno.test(`the schema is closed: ${name}`, () => {
    const config = rendered();
    edit(config);
    assertThrows(() => checkPipelockConfig(config), OperatorError, message);
  });
}

Deno.test("the schema refuses what is no configuration at all", () => {
  for (const value of [undefined, null, [], "version: 1"]) {
    assertThrows(() => checkPipelockConfig(value), OperatorError, "pipelock configuration: ");
  }
});

Deno.test("a value that YAML would read otherwise is quoted", () => {
  const config = rendered({ routes: [route("1.0"), route("null"), route("yes"), route("::1")] });
  assertEquals(config.api_allowlist, ["1.0", "::1", "null", "yes"]);
});
