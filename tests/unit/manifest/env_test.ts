import { assertEquals, assertStringIncludes } from "@std/assert";
import { hostVariables, planEnv, readHostToken, requireHostVariables } from "../../../lib/manifest/env.ts";
import { Manifest } from "../../../lib/manifest/manifest.ts";
import { lineOf } from "./support.ts";

const bottle = Manifest.fromObject({
  bottles: {
    dev: {
      env: { LITERAL: "x", ASK: "? The password ", BARE: "?", FROM_HOST: "${HOST_ONE}" },
      agent_provider: { auth_token: "LOGIN" },
      egress: {
        routes: [
          { host: "a.example" },
          { host: "b.example", auth: { scheme: "Bearer", token_ref: "TOKEN_B" } },
          { host: "c.example", auth: { scheme: "token", token_ref: "TOKEN_C" } },
        ],
      },
    },
  },
  agents: { demo: { bottle: "dev" } },
}).resolve("demo").bottle;

const HOST_ENV = { HOST_ONE: "one", LOGIN: "login", TOKEN_B: "b", TOKEN_C: "c" };

Deno.test("hostVariables names each variable and the key that asks for it", () => {
  assertEquals(hostVariables(bottle), [
    { name: "HOST_ONE", key: "env.FROM_HOST" },
    { name: "LOGIN", key: "agent_provider.auth_token" },
    { name: "TOKEN_B", key: "egress.routes[1].auth.token_ref" },
    { name: "TOKEN_C", key: "egress.routes[2].auth.token_ref" },
  ]);
  const provided = { tokenRefs: ["LOGIN", "TOKEN_B"], hosts: ["c.example"] };
  assertEquals(hostVariables(bottle, provided).map(({ name }) => name), ["HOST_ONE"]);
});

Deno.test("requireHostVariables stops on unset and on empty, by name", async () => {
  requireHostVariables(bottle, HOST_ENV);
  requireHostVariables(bottle, { HOST_ONE: "one" }, {
    tokenRefs: ["LOGIN", "TOKEN_B"],
    hosts: ["c.example"],
  });
  assertEquals(
    await lineOf(() => requireHostVariables(bottle, { ...HOST_ENV, LOGIN: "", TOKEN_C: "" })),
    "bottle dev needs host variables that are unset or empty: LOGIN (agent_provider.auth_token), " +
      "TOKEN_C (egress.routes[2].auth.token_ref); set them and start again",
  );
  assertStringIncludes(
    await lineOf(() => requireHostVariables(bottle, {})),
    "HOST_ONE (env.FROM_HOST), LOGIN",
  );
});

Deno.test("planEnv: literals and host values are secrets, prompts stay to be asked", () => {
  const planned = planEnv(bottle, HOST_ENV);
  const shown = Object.entries(planned).map(([name, value]) =>
    `${name} ${value.kind} ${value.kind === "value" ? value.value.reveal() : value.text}`
  );
  assertEquals(shown, [
    "LITERAL value x",
    "ASK prompt The password",
    "BARE prompt BARE",
    "FROM_HOST value one",
  ]);
  assertEquals(JSON.stringify(planned).includes("one"), false);
});

Deno.test("planEnv stops on a host variable that is unset or empty, and on a builtin's name", async () => {
  for (const hostEnv of [{}, { HOST_ONE: "" }] as Record<string, string>[]) {
    assertStringIncludes(
      await lineOf(() => planEnv(bottle, hostEnv)),
      "unset or empty: HOST_ONE (env.FROM_HOST)",
    );
  }
  const builtin = { ...bottle, env: { A: { kind: "host", name: "constructor" } } } as const;
  assertStringIncludes(await lineOf(() => planEnv(builtin, {})), "unset or empty: constructor");
});

Deno.test("readHostToken refuses what cannot stand in a header, without showing it", async () => {
  assertEquals(readHostToken("LOGIN", HOST_ENV).reveal(), "login");
  for (const value of ["two words", "line\n", "nul\0", "tab\t", "é"]) {
    const shown = await lineOf(() => readHostToken("T", { T: value }));
    assertEquals(
      shown,
      "host variable T holds a space, a line break or another character no token has",
    );
  }
  assertEquals(readHostToken("T", { T: "x".repeat(16384) }).reveal().length, 16384);
  assertEquals(
    await lineOf(() => readHostToken("T", { T: "x".repeat(16385) })),
    "host variable T is longer than 16384 characters",
  );
  assertEquals(await lineOf(() => readHostToken("T", {})), "host variable T is unset or empty; set it");
  assertEquals(
    await lineOf(() => readHostToken("T", { T: "" })),
    "host variable T is unset or empty; set it",
  );
});
