/**
 * The dummy `auth.json` of a codex bottle.
 *
 * Threat: the agent reads every file in its home, so no part of the host's login may reach it. Mechanism: the file
 * is put together anew; a value is taken over only where this module names its place and its shape, everything
 * else becomes a placeholder of its kind. Rejected: copying the file and blanking known secrets, since a field that
 * a newer codex adds would go through.
 *
 * Pure: text in, text out.
 */

import { isJsonObject, type JsonObject, jwtClaims, jwtExpiry, unsignedJwt } from "./jwt.ts";

const PLACEHOLDER = "bot-bottle-placeholder";
const EMAIL = "bot-bottle@example.invalid";
const AUTH_CLAIM = "https://api.openai.com/auth";
const PROFILE_CLAIM = "https://api.openai.com/profile";

/** Lifetime of a dummy token when the host's says nothing, seconds. */
const DEFAULT_LIFETIME = 3600;

/** Names are data too: one that is not made of plain words could be a token, and is left out with its value. */
const PLAIN_NAME = /^(?:[A-Za-z]{1,24})(?:_[A-Za-z]{1,24}){0,5}$/;
const AUTH_MODE = /^[A-Za-z]+(?:_[A-Za-z]+)*$/;
const PLAN_TYPE = /^[A-Za-z][A-Za-z_-]*$/;
const ACCOUNT_ID = /^[A-Za-z0-9_-]+$/;
const MAX_AUTH_MODE = 32;
const MAX_PLAN_TYPE = 32;
const MAX_ACCOUNT_ID = 64;

const TIME_CLAIMS: ReadonlySet<string> = new Set(["exp", "iat", "nbf", "auth_time", "pwd_auth_time"]);
const EMAIL_CLAIMS: ReadonlySet<string> = new Set(["email"]);

/** Credentials of other login kinds: codex refuses the file when one of these has a placeholder's shape. */
const OTHER_CREDENTIALS: ReadonlySet<string> = new Set([
  "openai_api_key",
  "agent_identity",
  "bedrock_api_key",
  "personal_access_token",
]);

/** Whether a value is what `auth_mode` may say and the dummy may repeat. */
export function isAuthMode(value: unknown): value is string {
  return isShaped(value, AUTH_MODE, MAX_AUTH_MODE);
}

/**
 * Makes the dummy `auth.json` from the host's (SPEC 4, redaction). It holds no credential; codex takes it for a
 * login that lasts as long as the host's, so that it neither refreshes nor asks to sign in while egress holds a
 * good token.
 *
 * @param hostAuthJson text of the host's file; what is malformed in it gives a minimal dummy
 * @param now milliseconds since the epoch
 * @returns JSON text
 */
export function dummyAuthJson(hostAuthJson: string, now: number): string {
  const host = parseObject(hostAuthJson);
  const hostTokens = isJsonObject(host.tokens) ? host.tokens : {};
  const exp = jwtExpiry(hostTokens.access_token) ?? Math.floor(now / 1000) + DEFAULT_LIFETIME;
  const dummy = {
    ...redactMembers(host, (name, value) => OTHER_CREDENTIALS.has(name.toLowerCase()) ? null : redact(value)),
    ...(host.auth_mode === undefined
      ? {}
      : { auth_mode: isAuthMode(host.auth_mode) ? host.auth_mode : PLACEHOLDER }),
    OPENAI_API_KEY: null,
    last_refresh: new Date(now).toISOString(),
    tokens: dummyTokens(hostTokens, exp),
  };
  return `${JSON.stringify(dummy, null, 2)}\n`;
}

function dummyTokens(host: JsonObject, exp: number): JsonObject {
  return {
    ...redactMembers(host, (_name, value) => redact(value)),
    access_token: dummyJwt(host.access_token, exp),
    id_token: dummyJwt(host.id_token, exp),
    refresh_token: PLACEHOLDER,
    ...(isShaped(host.account_id, ACCOUNT_ID, MAX_ACCOUNT_ID) ? { account_id: host.account_id } : {}),
  };
}

function dummyJwt(hostToken: unknown, exp: number): string {
  const host = jwtClaims(hostToken);
  if (host === undefined) return unsignedJwt({ exp, sub: PLACEHOLDER });
  return unsignedJwt({
    ...redactMembers(host, redactClaim),
    ...(host[PROFILE_CLAIM] === undefined ? {} : { [PROFILE_CLAIM]: dummyProfile(host[PROFILE_CLAIM]) }),
    [AUTH_CLAIM]: dummyAuthClaim(host[AUTH_CLAIM]),
    exp,
    sub: PLACEHOLDER,
  });
}

function dummyAuthClaim(value: unknown): JsonObject {
  const host = isJsonObject(value) ? value : {};
  const plan = host.chatgpt_plan_type;
  const account = host.chatgpt_account_id;
  return {
    ...redactMembers(host, redactClaim),
    chatgpt_plan_type: isShaped(plan, PLAN_TYPE, MAX_PLAN_TYPE) ? plan : "unknown",
    chatgpt_account_id: isShaped(account, ACCOUNT_ID, MAX_ACCOUNT_ID) ? account : PLACEHOLDER,
    user_id: PLACEHOLDER,
    chatgpt_user_id: PLACEHOLDER,
  };
}

function dummyProfile(value: unknown): JsonObject {
  const host = isJsonObject(value) ? value : {};
  return { ...redactMembers(host, redactClaim), email: EMAIL };
}

function redactClaim(name: string, value: unknown): unknown {
  const lower = name.toLowerCase();
  if (EMAIL_CLAIMS.has(lower)) return EMAIL;
  if (TIME_CLAIMS.has(lower)) return typeof value === "number" && Number.isFinite(value) ? value : 0;
  return redact(value);
}

/** The members of an object whose names are plain words, each value replaced. */
function redactMembers(host: JsonObject, replace: (name: string, value: unknown) => unknown): JsonObject {
  return Object.fromEntries(
    Object.entries(host)
      .filter(([name]) => PLAIN_NAME.test(name))
      .map(([name, value]) => [name, replace(name, value)]),
  );
}

function redact(value: unknown): unknown {
  if (value === null || typeof value === "boolean") return value;
  if (Array.isArray(value)) return [];
  return isJsonObject(value) ? {} : PLACEHOLDER;
}

function isShaped(value: unknown, shape: RegExp, max: number): value is string {
  return typeof value === "string" && value.length <= max && shape.test(value);
}

function parseObject(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}
