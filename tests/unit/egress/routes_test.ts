import { assertEquals } from "@std/assert";
import { effectiveRoutes } from "../../../lib/egress/routes.ts";
import type { ManifestRoute, RouteAuth } from "../../../lib/manifest/model.ts";
import type { ProviderRoute } from "../../../lib/providers/provider.ts";

function manifest(host: string, fields: Partial<ManifestRoute> = {}): ManifestRoute {
  return { host, pathAllowlist: [], tlsPassthrough: false, ssrfIpAllowlist: [], ...fields };
}

function provider(host: string, tokenRef?: string): ProviderRoute {
  return {
    host,
    tlsPassthrough: true,
    ...(tokenRef === undefined ? {} : { auth: { scheme: "Bearer", tokenRef } }),
  };
}

const bearer = (tokenRef: string): RouteAuth => ({ scheme: "Bearer", tokenRef });

Deno.test("the provider's routes come first, the manifest's follow in order", () => {
  const plan = effectiveRoutes(
    [provider("api.example.com"), provider("chat.example.com")],
    [manifest("z.example.com"), manifest("a.example.com")],
  );
  assertEquals(plan.routes.map((route) => [route.host, route.owner]), [
    ["api.example.com", "provider"],
    ["chat.example.com", "provider"],
    ["z.example.com", "manifest"],
    ["a.example.com", "manifest"],
  ]);
  assertEquals(plan.warnings, []);
});

Deno.test("a provider owns its host outright: the manifest's route for it is dropped", () => {
  const plan = effectiveRoutes([provider("api.example.com", "LOGIN")], [
    manifest("api.example.com", { auth: bearer("OTHER"), tlsPassthrough: false }),
    manifest("b.example.com", { auth: bearer("B") }),
  ]);
  assertEquals(plan.routes.map((route) => route.host), ["api.example.com", "b.example.com"]);
  assertEquals(plan.routes[0], {
    host: "api.example.com",
    pathAllowlist: [],
    auth: { scheme: "Bearer", tokenRef: "LOGIN", slot: "EGRESS_TOKEN_0" },
    agentAuth: false,
    owner: "provider",
    tlsPassthrough: true,
    ssrfIpAllowlist: [],
  });
  assertEquals(plan.slots, [
    { name: "EGRESS_TOKEN_0", tokenRef: "LOGIN" },
    { name: "EGRESS_TOKEN_1", tokenRef: "B" },
  ]);
});

const dropped: [name: string, fields: Partial<ManifestRoute>, warned: readonly string[]][] = [
  ["nothing is lost", {}, []],
  ["every path was allowed", { pathAllowlist: ["/v1/", "/"] }, []],
  ["paths are widened", { pathAllowlist: ["/v1/", "/v2/"] }, ["path_allowlist (/v1/, /v2/) is widened"]],
  ["methods are widened", { methods: ["GET", "HEAD"] }, [
    "its methods (GET, HEAD) are widened to every method",
  ]],
  ["git: none is lost", { git: "none" }, ["its git: none is not used"]],
  ["git: fetch is lost", { git: "fetch" }, ["its git: fetch is not used"]],
  ["a token is not used", { auth: bearer("MINE") }, ["token MINE is not used"]],
  ["an SSRF exception is not used", { ssrfIpAllowlist: ["10.0.0.5"] }, ["ssrf_ip_allowlist is not used"]],
  ["several at once are one warning", { pathAllowlist: ["/v1/"], auth: bearer("MINE") }, [
    "path_allowlist (/v1/) is widened to every path, its token MINE is not used",
  ]],
];

for (const [name, fields, warned] of dropped) {
  Deno.test(`warnings for a dropped route: ${name}`, () => {
    const { warnings } = effectiveRoutes([provider("api.example.com")], [
      manifest("api.example.com", fields),
    ]);
    assertEquals(warnings.length, warned.length);
    for (const [index, text] of warned.entries()) {
      assertEquals(warnings[index]?.includes(text), true, warnings[index]);
      assertEquals(warnings[index]?.includes("api.example.com"), true);
    }
  });
}

Deno.test("one slot for each distinct token reference, in route order", () => {
  const plan = effectiveRoutes([provider("a.example.com", "HOST"), provider("b.example.com", "HOST")], [
    manifest("c.example.com"),
    manifest("d.example.com", { auth: bearer("FORGE") }),
    manifest("e.example.com", { auth: { scheme: "token", tokenRef: "HOST" } }),
    manifest("f.example.com", { auth: bearer("FORGE") }),
  ]);
  assertEquals(plan.slots, [
    { name: "EGRESS_TOKEN_0", tokenRef: "HOST" },
    { name: "EGRESS_TOKEN_1", tokenRef: "FORGE" },
  ]);
  assertEquals(plan.routes.map((route) => route.auth?.slot), [
    "EGRESS_TOKEN_0",
    "EGRESS_TOKEN_0",
    undefined,
    "EGRESS_TOKEN_1",
    "EGRESS_TOKEN_0",
    "EGRESS_TOKEN_1",
  ]);
  assertEquals(plan.routes[4]?.auth?.scheme, "token");
});

Deno.test("the agent's own Authorization passes on provider routes without a token, and nowhere else", () => {
  const plan = effectiveRoutes([provider("a.example.com"), provider("b.example.com", "T")], [
    manifest("c.example.com"),
    manifest("d.example.com", { auth: bearer("U") }),
  ]);
  assertEquals(plan.routes.map((route) => route.agentAuth), [true, false, false, false]);
});

Deno.test("a manifest route keeps its paths, methods, git and pipelock exceptions", () => {
  const { routes } = effectiveRoutes([], [
    manifest("c.example.com", {
      pathAllowlist: ["/x/"],
      methods: ["GET"],
      git: "none",
      tlsPassthrough: true,
      ssrfIpAllowlist: ["10.0.0.0/8"],
    }),
  ]);
  assertEquals(routes[0], {
    host: "c.example.com",
    pathAllowlist: ["/x/"],
    methods: ["GET"],
    git: "none",
    agentAuth: false,
    owner: "manifest",
    tlsPassthrough: true,
    ssrfIpAllowlist: ["10.0.0.0/8"],
  });
});
