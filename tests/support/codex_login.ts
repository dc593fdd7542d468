/** A made-up login of codex on the host: well-formed tokens that no service would take. */

/** The login as files and values. */
export interface CodexLogin {
  /** Text of `auth.json`. */
  readonly authJson: string;
  /** The access token in it: what the stand-in must see and the agent must not. */
  readonly accessToken: string;
}

/** Makes a login that is valid for an hour. */
export function codexLogin(): CodexLogin {
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const auth = { chatgpt_plan_type: "plus", chatgpt_account_id: "acct-x", user_id: "user-lab" };
  const claims = { exp, sub: "lab", "https://api.openai.com/auth": auth, jti: crypto.randomUUID() };
  const accessToken = jwt(claims);
  const tokens = {
    access_token: accessToken,
    id_token: jwt({ ...claims, email: "operator@lab.example" }),
    refresh_token: `lab-refresh-${crypto.randomUUID()}`,
    account_id: "acct-x",
  };
  const authJson = JSON.stringify({
    auth_mode: "chatgpt",
    OPENAI_API_KEY: null,
    tokens,
    last_refresh: new Date().toISOString(),
  });
  return { authJson, accessToken };
}

function jwt(claims: unknown): string {
  const part = (value: unknown) =>
    new TextEncoder().encode(JSON.stringify(value)).toBase64({ alphabet: "base64url", omitPadding: true });
  const signature = crypto.getRandomValues(new Uint8Array(32)).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  });
  return `${part({ alg: "RS256", typ: "JWT" })}.${part(claims)}.${signature}`;
}
