/** The host's own codex login: found, read, and checked to be one that egress can lend to a bottle. */

import { OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import { Secret } from "../secret.ts";
import { dummyAuthJson, isAuthMode } from "./codex_redaction.ts";
import { isJsonObject, jwtExpiry } from "./jwt.ts";

/** Where and when the login is looked for. */
export interface CodexAuthRequest {
  /** Operator's home folder, absolute. */
  readonly hostHome: string;
  /** Host environment; `CODEX_HOME` is read from it. */
  readonly hostEnv: Readonly<Record<string, string>>;
  /** Reads a host file; undefined when it does not exist. */
  readonly readHostFile: (path: string) => Promise<string | undefined>;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** A usable login. */
export interface CodexLogin {
  /** The access token: for a token slot and nowhere else. */
  readonly accessToken: Secret;
  /** `auth.json` for the guest, without any credential. */
  readonly dummyAuthJson: string;
}

/** Values of `auth_mode`, in lower case without underscores, that are no user's login. */
const NOT_A_USER: ReadonlySet<string> = new Set([
  "apikey",
  "agentidentity",
  "bedrockapikey",
  "personalaccesstoken",
]);

/** The host's `auth.json`: below `CODEX_HOME` (a leading `~` is the operator's home), else below `~/.codex`. */
export function codexAuthPath(request: Pick<CodexAuthRequest, "hostHome" | "hostEnv">): string {
  const set = request.hostEnv.CODEX_HOME;
  if (set === undefined || set === "") return `${request.hostHome}/.codex/auth.json`;
  const home = set === "~" || set.startsWith("~/") ? request.hostHome + set.slice(1) : set;
  return `${home.replace(/\/+$/, "")}/auth.json`;
}

/**
 * Reads the host's login.
 *
 * @throws {OperatorError} no file, unreadable, malformed, not a user's login, no usable access token, expired; the
 * message names the condition and the way out, never a byte of the file
 */
export async function readCodexLogin(request: CodexAuthRequest): Promise<CodexLogin> {
  const path = codexAuthPath(request);
  const text = await readAuthFile(request, path);
  const auth = parse(text);
  if (!isJsonObject(auth)) throw unusable(path, "is not a JSON object");
  if (!isUserLogin(auth.auth_mode)) throw unusable(path, "is not a user or device login");
  if (!isJsonObject(auth.tokens)) throw unusable(path, "has no tokens");
  const token = auth.tokens.access_token;
  if (typeof token !== "string" || token === "") throw unusable(path, "has no tokens.access_token");
  const exp = jwtExpiry(token);
  if (exp === undefined) {
    throw unusable(path, "has a tokens.access_token that is not a JWT with a numeric exp");
  }
  if (exp * 1000 <= request.now) throw unusable(path, "has an expired tokens.access_token");
  return { accessToken: new Secret(token), dummyAuthJson: dummyAuthJson(text, request.now) };
}

async function readAuthFile(request: CodexAuthRequest, path: string): Promise<string> {
  let text: string | undefined;
  try {
    text = await request.readHostFile(path);
  } catch (cause) {
    throw unusable(path, "cannot be read", cause);
  }
  if (text === undefined) throw unusable(path, "does not exist");
  return text;
}

/** Undefined for malformed text: the parser's own message would quote the file, so it is not kept. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isUserLogin(mode: unknown): boolean {
  return isAuthMode(mode) && !NOT_A_USER.has(mode.toLowerCase().replaceAll("_", ""));
}

function unusable(path: string, condition: string, cause?: unknown): OperatorError {
  return new OperatorError(`codex host credentials: ${escapeUntrusted(path)} ${condition}`, {
    mend: "run `codex login --device-auth` on the host, or turn agent_provider.forward_host_credentials off",
    cause,
  });
}
