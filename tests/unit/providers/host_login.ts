/** Makers of host logins for the tests: tokens are signed by nobody and belong to nobody. */

import { unsignedJwt } from "../../../lib/providers/jwt.ts";

/** Seconds since the epoch at which the tests take place. */
export const NOW_SECONDS = 1_800_000_000;

/** The same in milliseconds. */
export const NOW = NOW_SECONDS * 1000;

/** A token with these claims and a third part that looks like a signature. */
export function hostJwt(claims: Readonly<Record<string, unknown>>): string {
  return unsignedJwt(claims).replace(/placeholder$/, "c2lnbmF0dXJlLW9mLXRoZS1ob3N0");
}

/** A login as codex writes it after `codex login --device-auth`. */
export function deviceLogin(exp: number = NOW_SECONDS + 3600): Record<string, unknown> {
  const auth = {
    chatgpt_plan_type: "plus",
    chatgpt_account_id: "acct-real-0001",
    chatgpt_user_id: "user-real-0001",
    user_id: "auth-user-real-0001",
    localhost: true,
    organizations: [{ id: "org-real-0001", is_default: true }],
  };
  return {
    auth_mode: "chatgpt",
    OPENAI_API_KEY: null,
    tokens: {
      access_token: hostJwt({
        exp,
        iat: NOW_SECONDS,
        nbf: "soon-0001",
        sub: "google-oauth2|real-0001",
        aud: ["https://api.openai.com/v1"],
        "https://api.openai.com/auth": auth,
        "https://api.openai.com/profile": { email: "real-0001@example.com", email_verified: true },
      }),
      id_token: hostJwt({
        exp: NOW_SECONDS - 10,
        email: "real-0001@example.com",
        email_verified: true,
        "https://api.openai.com/auth": auth,
      }),
      refresh_token: "rt_real-refresh-0001",
      account_id: "acct-real-0001",
    },
    last_refresh: "2026-05-29T00:00:00.000Z",
  };
}
