/** Host `auth.json` files made to smuggle: secrets in every place and of every kind, by a seed. */

import { hostJwt } from "./host_login.ts";

/** A hostile file. */
export interface HostileAuth {
  /** The parsed file. */
  readonly auth: unknown;
  /** Every string of it of 4 characters or more, names and the claims inside tokens included. */
  readonly strings: ReadonlySet<string>;
  /** Those among them that the dummy keeps by rule: mode, account, plan, and names made of plain words. */
  readonly mayStay: ReadonlySet<string>;
}

const AUTH = "https://api.openai.com/auth";
const PROFILE = "https://api.openai.com/profile";
const NAMES = [
  "session_context",
  "bearer",
  "refreshSecret",
  "cookie",
  "aud",
  "amr",
  "jti",
  "sid",
  "email",
  "sub",
];
const SHAPES = [
  "sk-ant-",
  "rt_",
  "ghp_",
  "sess.",
  "0x",
  "A/B+",
  "tok ",
  "\u202e\u0007",
  "https://real/",
  '"\\',
];

/** The file of that seed; the same seed gives the same file. */
export function hostileAuth(seed: number): HostileAuth {
  const random = generator(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
  const secret = (): string => `${pick(SHAPES)}${Math.floor(random() * 2 ** 48).toString(36)}7${random()}`;
  const mayStay = new Set<string>(["chatgpt", "plus", "acct-1234", AUTH, PROFILE, ...NAMES, ...KNOWN]);

  const value = (depth: number): unknown => {
    switch (Math.floor(random() * (depth > 3 ? 6 : 9))) {
      case 0:
        return null;
      case 1:
        return random() < 0.5;
      case 2:
        return Math.floor(random() * 1e9);
      case 3:
        return hostJwt({ [secret()]: secret(), exp: secret() });
      case 4:
      case 5:
        return secret();
      case 6:
        return Array.from({ length: 3 }, () => value(depth + 1));
      default:
        return members(depth + 1);
    }
  };
  const members = (depth: number): Record<string, unknown> =>
    Object.fromEntries(
      Array.from({ length: 4 }, () => [random() < 0.5 ? pick(NAMES) : secret(), value(depth)]),
    );
  const mostly = (usual: unknown): unknown => random() < 0.7 ? usual : value(0);
  const token = (): unknown =>
    mostly(hostJwt({
      ...members(0),
      exp: mostly(2_000_000_000),
      iat: value(0),
      [AUTH]: mostly({
        ...members(0),
        chatgpt_plan_type: mostly("plus"),
        chatgpt_account_id: mostly("acct-1234"),
        user_id: value(0),
      }),
      [PROFILE]: mostly({ ...members(0), email: secret(), email_verified: value(0) }),
    }));

  const auth = {
    ...members(0),
    auth_mode: mostly("chatgpt"),
    OPENAI_API_KEY: secret(),
    agent_identity: value(0),
    last_refresh: secret(),
    tokens: mostly({
      ...members(0),
      access_token: token(),
      id_token: token(),
      refresh_token: value(0),
      account_id: mostly("acct-1234"),
    }),
  };
  const strings = new Set(hostileStrings(auth).filter((text) => text.length >= 4));
  // An account id may be any short identifier: what has that shape in its place is kept by rule.
  for (const account of accountsOf(auth)) mayStay.add(account);
  return { auth, strings, mayStay };
}

/** Every string in a value: values, names, and the decoded claims of tokens with theirs. */
export function hostileStrings(value: unknown): string[] {
  if (typeof value === "string") {
    const parts = value.split(".");
    if (parts.length !== 3 || !value.startsWith("ey")) return [value];
    // The header of an unsigned token and its placeholder say nothing of anybody.
    return [value, parts[1]!, ...hostileStrings(JSON.parse(decode(parts[1]!)))];
  }
  if (Array.isArray(value)) return value.flatMap(hostileStrings);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [name, ...hostileStrings(inner)]);
}

const KNOWN = [
  ...["auth_mode", "OPENAI_API_KEY", "agent_identity", "last_refresh", "tokens", "access_token", "id_token"],
  ...["refresh_token", "account_id", "chatgpt_plan_type", "chatgpt_account_id", "user_id", "email_verified"],
];

function accountsOf(value: unknown): string[] {
  if (typeof value === "string") {
    const parts = value.split(".");
    return parts.length === 3 && value.startsWith("ey") ? accountsOf(JSON.parse(decode(parts[1]!))) : [];
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const isAccount = (name === "account_id" || name === "chatgpt_account_id") && typeof inner === "string";
    return isAccount && /^[A-Za-z0-9_-]{1,64}$/.test(inner) ? [inner] : accountsOf(inner);
  });
}

function decode(part: string): string {
  return new TextDecoder().decode(Uint8Array.fromBase64(part, { alphabet: "base64url" }));
}

/** mulberry32: small, seeded, good enough to vary a test. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
