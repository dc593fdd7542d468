import { assert, assertEquals, assertThrows } from "@std/assert";
import { OperatorError } from "../../../lib/errors.ts";
import type { EgressRoute } from "../../../lib/egress/model.ts";
import { parseRoutes, renderRoutes, tokenEnvsOf } from "../../../lib/egress/wire.ts";

const PLANNED: EgressRoute[] = [
  {
    host: "api.anthropic.com",
    pathAllowlist: [],
    auth: { scheme: "Bearer", tokenRef: "HOST_SECRET_NAME", slot: "EGRESS_TOKEN_0" },
    agentAuth: false,
    owner: "provider",
    tlsPassthrough: true,
    ssrfIpAllowlist: [],
  },
  {
    host: "git.example.com",
    pathAllowlist: ["/team/", "/x: y"],
    methods: ["GET", "HEAD"],
    git: "fetch",
    auth: { scheme: "token", tokenRef: "GIT", slot: "EGRESS_TOKEN_1", keepCookies: true },
    agentAuth: false,
    owner: "manifest",
    tlsPassthrough: false,
    ssrfIpAllowlist: ["10.0.0.1"],
  },
  {
    host: "2001:db8::1",
    pathAllowlist: [],
    agentAuth: true,
    owner: "provider",
    tlsPassthrough: false,
    ssrfIpAllowlist: [],
  },
];

Deno.test("routes survive the way from host to sidecar; nothing else goes along", () => {
  const routes = [PLANNED[0]!, { ...PLANNED[1]!, pathAllowlist: ["/team/"] }, PLANNED[2]!];
  const text = renderRoutes({ routes });
  assertEquals([...parseRoutes(text).values()], [
    {
      host: "api.anthropic.com",
      pathAllowlist: [],
      methods: undefined,
      git: undefined,
      inject: { scheme: "Bearer", tokenEnv: "EGRESS_TOKEN_0", keepCookies: false },
      agentAuth: false,
    },
    {
      host: "git.example.com",
      pathAllowlist: ["/team/"],
      methods: ["GET", "HEAD"],
      git: "fetch",
      inject: { scheme: "token", tokenEnv: "EGRESS_TOKEN_1", keepCookies: true },
      agentAuth: false,
    },
    {
      host: "2001:db8::1",
      pathAllowlist: [],
      methods: undefined,
      git: undefined,
      inject: undefined,
      agentAuth: true,
    },
  ]);
  for (const word of ["HOST_SECRET_NAME", "10.0.0.1", "provider", "passthrough"]) {
    assert(!text.includes(word));
  }
});

Deno.test("renderRoutes refuses what the sidecar would refuse", () => {
  assertThrows(() => renderRoutes({ routes: [PLANNED[1]!] }));
  assertThrows(() => renderRoutes({ routes: [{ ...PLANNED[0]!, host: "UPPER.test" }] }));
  assertThrows(() => renderRoutes({ routes: [{ ...PLANNED[0]!, methods: [] }] }));
});

Deno.test("no routes at all is a table", () => {
  assertEquals(parseRoutes(renderRoutes({ routes: [] })).size, 0);
});

Deno.test("the slots that a table needs, each once", () => {
  const table = parseRoutes(`routes:
- { host: a.test, auth_scheme: Bearer, token_env: EGRESS_TOKEN_3 }
- { host: b.test, auth_scheme: token, token_env: EGRESS_TOKEN_3 }
- { host: c.test }`);
  assertEquals(tokenEnvsOf(table), ["EGRESS_TOKEN_3"]);
});

Deno.test("parseRoutes: each fault is an error that names its key", async (t) => {
  const rows: [name: string, text: string, message: string][] = [
    ["not YAML", "routes: [", "not YAML"],
    ["no routes", "{}", "routes: "],
    ["a list on top", "- host: a.test", "expected object"],
    ["unknown key on top", "{routes: [], more: 1}", "more"],
    ["unknown key in a route", "routes: [{host: a.test, colour: red}]", "colour"],
    ["host missing", "routes: [{}]", "routes.0.host"],
    ["host twice", "routes: [{host: a.test}, {host: a.test}]", "stands twice"],
    ["wildcard", "routes: [{host: '*.test'}]", "routes.0.host: is not a canonical host"],
    ["not canonical", "routes: [{host: A.test}]", "routes.0.host: is not a canonical host"],
    ["with a port", "routes: [{host: 'a.test:443'}]", "routes.0.host: is not a canonical host"],
    ["relative prefix", "routes: [{host: a.test, path_allowlist: [v1]}]", "routes.0.path_allowlist.0"],
    ["dot segment", "routes: [{host: a.test, path_allowlist: [/a/../b]}]", "dot segment"],
    ["encoded prefix", "routes: [{host: a.test, path_allowlist: [/a%2fb]}]", "plain path"],
    ["prefix with a query", "routes: [{host: a.test, path_allowlist: ['/a?b']}]", "plain path"],
    ["no methods", "routes: [{host: a.test, methods: []}]", "routes.0.methods"],
    [
      "a method in lower case",
      "routes: [{host: a.test, methods: [GET, post]}]",
      "routes.0.methods.1: must be in",
    ],
    ["a method twice", "routes: [{host: a.test, methods: [GET, GET]}]", "routes.0.methods.1: stands twice"],
    ["a method that never passes", "routes: [{host: a.test, methods: [TRACE]}]", "is never forwarded"],
    ["no list of methods", "routes: [{host: a.test, methods: GET}]", "routes.0.methods"],
    ["unknown git", "routes: [{host: a.test, git: push}]", "routes.0.git"],
    ["scheme alone", "routes: [{host: a.test, auth_scheme: Bearer}]", "go together"],
    ["slot alone", "routes: [{host: a.test, token_env: EGRESS_TOKEN_0}]", "go together"],
    [
      "unknown scheme",
      "routes: [{host: a.test, auth_scheme: Basic, token_env: EGRESS_TOKEN_0}]",
      "auth_scheme",
    ],
    ["another variable", "routes: [{host: a.test, auth_scheme: Bearer, token_env: HOME}]", "token_env"],
    [
      "agent_auth with injection",
      "routes: [{host: a.test, agent_auth: true, auth_scheme: Bearer, token_env: EGRESS_TOKEN_0}]",
      "exclude each other",
    ],
    ["agent_auth no boolean", "routes: [{host: a.test, agent_auth: 'yes'}]", "agent_auth"],
  ];
  for (const [name, text, message] of rows) {
    await t.step(name, () => {
      const error: unknown = assertThrows(() => parseRoutes(text), OperatorError);
      const line = error instanceof OperatorError ? error.line : "";
      assert(line.includes(message) && !line.includes("\n"), line);
    });
  }
});
