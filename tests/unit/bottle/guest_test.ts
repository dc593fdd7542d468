import { assertEquals, assertThrows } from "@std/assert";
import { guestEnv, proxyEnv } from "../../../lib/bottle/guest.ts";
import type { BottlePlan, PlannedEnv } from "../../../lib/bottle/plan.ts";
import { CA_ENV_NAMES, PROXY_ENV_NAMES, USER_ENV_NAMES } from "../../../lib/manifest/reserved_env.ts";
import { Secret } from "../../../lib/secret.ts";

/** A plan as far as the environment looks at it. */
function plan(env: Record<string, PlannedEnv>, defaults: Record<string, string>): BottlePlan {
  return { env, provider: { env: defaults }, guestHome: "/home/node" } as unknown as BottlePlan;
}

function revealed(env: Readonly<Record<string, Secret>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.reveal()]));
}

Deno.test("the bottle sets exactly the variables that a manifest may not set", () => {
  const own = Object.keys(proxyEnv("egress", [])).sort();
  assertEquals(own, [...PROXY_ENV_NAMES, ...CA_ENV_NAMES].sort());
});

Deno.test("the bottle's variables win over the manifest's, and those over the provider's", () => {
  const values = { A: { kind: "value" as const, value: new Secret("manifest") } };
  const env = guestEnv(plan(values, { A: "provider", B: "provider" }), { C: "own" }, "node");
  assertEquals(revealed(env), { A: "manifest", B: "provider", C: "own", HOME: "/home/node", USER: "node" });
});

// A manifest's PATH once broke the commands that set the guest up.
Deno.test("root has its own home, and nothing of the manifest's or the provider's", () => {
  const values = { PATH: { kind: "value" as const, value: new Secret("/nowhere") } };
  const env = guestEnv(plan(values, { B: "provider" }), { C: "own" }, "root");
  assertEquals(revealed(env), { C: "own", HOME: "/root", USER: "root" });
});

Deno.test("a manifest may not set what would be lost", () => {
  assertEquals(Object.keys(guestEnv(plan({}, {}), {}, "node")).sort(), [...USER_ENV_NAMES].sort());
});

Deno.test("an unanswered prompt is a bug of the caller", () => {
  assertThrows(
    () => guestEnv(plan({ A: { kind: "prompt", text: "?" } }, {}), {}, "node"),
    Error,
    "not asked for",
  );
});

Deno.test("names that must not be proxied are listed in both spellings", () => {
  const env = proxyEnv("egress", ["git-gate", "supervise"]);
  assertEquals(env["NO_PROXY"], "localhost,127.0.0.1,git-gate,supervise");
  assertEquals(env["no_proxy"], env["NO_PROXY"]);
  assertEquals(env["HTTPS_PROXY"], "http://egress:9099");
});
