import { assert, assertEquals } from "@std/assert";
import { dummyAuthJson } from "../../../lib/providers/codex_redaction.ts";
import { type JsonObject, jwtClaims } from "../../../lib/providers/jwt.ts";
import { deviceLogin, hostJwt, NOW, NOW_SECONDS } from "./host_login.ts";
import { hostileAuth, hostileStrings } from "./hostile_auth.ts";

const PLACEHOLDER = "bot-bottle-placeholder";
const AUTH = "https://api.openai.com/auth";
const PROFILE = "https://api.openai.com/profile";

interface Dummy extends JsonObject {
  readonly tokens: JsonObject;
}

function dummyOf(host: unknown): Dummy {
  return JSON.parse(dummyAuthJson(typeof host === "string" ? host : JSON.stringify(host), NOW));
}

/** The claims of both dummy tokens, after a look at their other parts. */
function claimsOf(dummy: Dummy): { access: JsonObject; id: JsonObject } {
  const read = (token: unknown): JsonObject => {
    const [header, , third] = String(token).split(".");
    assertEquals(JSON.parse(atob(header!)), { alg: "none", typ: "JWT" });
    assertEquals(third, "placeholder");
    return jwtClaims(token)!;
  };
  return { access: read(dummy.tokens.access_token), id: read(dummy.tokens.id_token) };
}

Deno.test("a device login becomes a dummy of the same account, plan and end", () => {
  const dummy = dummyOf(deviceLogin());
  assertEquals(Object.keys(dummy).sort(), ["OPENAI_API_KEY", "auth_mode", "last_refresh", "tokens"]);
  assertEquals(dummy.auth_mode, "chatgpt");
  assertEquals(dummy.OPENAI_API_KEY, null);
  assertEquals(dummy.last_refresh, new Date(NOW).toISOString());
  assertEquals(dummy.tokens.refresh_token, PLACEHOLDER);
  assertEquals(dummy.tokens.account_id, "acct-real-0001");
  const { access, id } = claimsOf(dummy);
  assertEquals(access, {
    exp: NOW_SECONDS + 3600,
    iat: NOW_SECONDS,
    nbf: 0,
    sub: PLACEHOLDER,
    aud: [],
    [AUTH]: {
      chatgpt_plan_type: "plus",
      chatgpt_account_id: "acct-real-0001",
      chatgpt_user_id: PLACEHOLDER,
      user_id: PLACEHOLDER,
      localhost: true,
      organizations: [],
    },
    [PROFILE]: { email: "bot-bottle@example.invalid", email_verified: true },
  });
  assertEquals(id.exp, NOW_SECONDS + 3600);
  assertEquals([id.email, id.email_verified], ["bot-bottle@example.invalid", true]);
  assertEquals((id[AUTH] as JsonObject).chatgpt_account_id, "acct-real-0001");
});

Deno.test("the auth claim is there even when the host's token has none", () => {
  const { access } = claimsOf(dummyOf({ tokens: { access_token: hostJwt({ exp: 2_000_000_000 }) } }));
  assertEquals(access, {
    exp: 2_000_000_000,
    sub: PLACEHOLDER,
    [AUTH]: {
      chatgpt_plan_type: "unknown",
      chatgpt_account_id: PLACEHOLDER,
      user_id: PLACEHOLDER,
      chatgpt_user_id: PLACEHOLDER,
    },
  });
});

Deno.test("unknown members keep their kind and lose what they say", () => {
  const unknown = {
    text: "real-text-0001",
    number: 4_111_111_111,
    yes: true,
    no: false,
    nothing: null,
    list: ["real-text-0001", { deep: "real-text-0002" }],
    object: { token_value: "real-text-0001" },
    refreshSecret: "real-text-0001",
  };
  const redacted = {
    text: PLACEHOLDER,
    number: PLACEHOLDER,
    yes: true,
    no: false,
    nothing: null,
    list: [],
    object: {},
    refreshSecret: PLACEHOLDER,
  };
  const exp = 2_000_000_000;
  const dummy = dummyOf({
    ...unknown,
    auth_mode: "chatgpt",
    tokens: { ...unknown, access_token: hostJwt({ exp, ...unknown, [AUTH]: unknown, [PROFILE]: unknown }) },
  });
  const within = (value: unknown): JsonObject =>
    Object.fromEntries(Object.entries(value as JsonObject).filter(([name]) => name in redacted));
  const { access } = claimsOf(dummy);
  for (const place of [dummy, dummy.tokens, access, access[AUTH], access[PROFILE]]) {
    assertEquals(within(place), redacted);
  }
});

Deno.test("credentials of other login kinds are null, since codex reads no placeholder there", () => {
  const dummy = dummyOf({
    OPENAI_API_KEY: "sk-proj-real-0001",
    openai_api_key: "sk-proj-real-0001",
    agent_identity: { private_key: "real-0001" },
    bedrock_api_key: "real-0001",
    personal_access_token: "real-0001",
  });
  for (const [name, value] of Object.entries(dummy)) {
    if (name !== "tokens" && name !== "last_refresh") assertEquals(value, null, name);
  }
});

const kept: [name: string, value: unknown, mode: unknown, account: unknown, plan: unknown][] = [
  ["plain words", "team", "team", "team", "team"],
  ["an account id", "org-1a2B_9", PLACEHOLDER, "org-1a2B_9", "unknown"],
  ["a token's shape", "a.b.c", PLACEHOLDER, undefined, "unknown"],
  ["spaces", "two words", PLACEHOLDER, undefined, "unknown"],
  ["too long", "x".repeat(65), PLACEHOLDER, undefined, "unknown"],
  ["empty", "", PLACEHOLDER, undefined, "unknown"],
  ["a number", 7, PLACEHOLDER, undefined, "unknown"],
  ["a list", ["team"], PLACEHOLDER, undefined, "unknown"],
  ["null", null, PLACEHOLDER, undefined, "unknown"],
];

for (const [name, value, mode, account, plan] of kept) {
  Deno.test(`what is kept must have the shape of what it is: ${name}`, () => {
    const claims = { exp: 2_000_000_000, [AUTH]: { chatgpt_plan_type: value, chatgpt_account_id: value } };
    const dummy = dummyOf({
      auth_mode: value,
      tokens: { account_id: value, access_token: hostJwt(claims) },
    });
    assertEquals(dummy.auth_mode, mode);
    assertEquals(dummy.tokens.account_id, account ?? (value === null ? null : redactedKind(value)));
    const auth = claimsOf(dummy).access[AUTH] as JsonObject;
    assertEquals(auth.chatgpt_plan_type, plan);
    assertEquals(auth.chatgpt_account_id, account ?? PLACEHOLDER);
  });
}

function redactedKind(value: unknown): unknown {
  return Array.isArray(value) ? [] : PLACEHOLDER;
}

const malformed: [name: string, host: unknown][] = [
  ["no JSON", "{"],
  ["a list", []],
  ["no tokens", {}],
  ["tokens of a wrong type", { tokens: "real" }],
  ["opaque tokens", { tokens: { access_token: "real", id_token: 5 } }],
  ["two parts", { tokens: { access_token: "e30.e30" } }],
  ["claims that are a list", { tokens: { access_token: "e30.W10.c2ln" } }],
  ["claims that are no UTF-8", { tokens: { access_token: "e30._w.c2ln" } }],
];

for (const [name, host] of malformed) {
  Deno.test(`a malformed host token gives a minimal dummy: ${name}`, () => {
    const { access, id } = claimsOf(dummyOf(host));
    assertEquals(access, { exp: NOW_SECONDS + 3600, sub: PLACEHOLDER });
    assertEquals(id, access);
  });
}

Deno.test("a prototype's name is a member like any other, and is left out", () => {
  const dummy = dummyAuthJson('{"__proto__": {"auth_mode": "real"}, "constructor": "real-0001"}', NOW);
  assertEquals(dummy.includes("real"), false);
  assertEquals(Object.getPrototypeOf(JSON.parse(dummy)), Object.prototype);
});

Deno.test("property: no string of a hostile host file is in the dummy", () => {
  const first = Number(Deno.env.get("BOT_BOTTLE_TEST_SEED") ?? 1);
  for (let seed = first; seed < first + 400; seed++) {
    const { auth, strings, mayStay } = hostileAuth(seed);
    const dummy = dummyOf(auth);
    claimsOf(dummy);
    // Every string that the agent could read: as it stands, and with the tokens decoded.
    const seen = hostileStrings(dummy).join("\n");
    for (const secret of strings) {
      if (mayStay.has(secret)) continue;
      assert(!seen.includes(secret), `replay with BOT_BOTTLE_TEST_SEED=${seed}: "${secret}" survived`);
    }
  }
});

Deno.test("the hostile files are what the property needs: secrets in every place, each one listed", () => {
  const all = Array.from({ length: 200 }, (_, seed) => hostileAuth(seed));
  for (const { auth, strings, mayStay } of all) {
    assert([...strings].some((text) => !mayStay.has(text)));
    assertEquals(hostileStrings(auth).filter((text) => text.length >= 4 && !strings.has(text)), []);
  }
  const texts = all.map(({ auth }) => JSON.stringify(auth));
  for (const member of ["tokens", "access_token", "id_token", "account_id", "refresh_token", "auth_mode"]) {
    for (const kind of ['"', "\\[", "\\{", "null", "\\d"]) {
      const place = new RegExp(`"${member}":${kind}`);
      assert(texts.some((text) => place.test(text)), `no file has ${place}`);
    }
  }
});

Deno.test("a login without the tokens that codex needs gets dummies for them", () => {
  const { tokens } = dummyOf({
    auth_mode: "chatgpt",
    tokens: { access_token: hostJwt({ exp: 2_000_000_000 }) },
  });
  assertEquals(Object.keys(tokens).sort(), ["access_token", "id_token", "refresh_token"]);
  assertEquals(tokens.refresh_token, PLACEHOLDER);
});
