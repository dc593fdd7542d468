/** The codex provider: Codex CLI, with the host's login lent through egress or one made inside the bottle. */

import { OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import type { ProviderSettings } from "../manifest/model.ts";
import { type CodexLogin, readCodexLogin } from "./codex_auth.ts";
import type { ProviderPlan, ProviderRequest, ProviderRoute } from "./provider.ts";

/** Name of the template. */
export const CODEX = "codex";

/** Token reference under which the host's access token is provisioned. */
const ACCESS_TOKEN_REF = "BOT_BOTTLE_CODEX_HOST_ACCESS_TOKEN";

/** Hosts of the service; both take the same access token. */
const API_HOSTS: readonly string[] = ["api.openai.com", "chatgpt.com"];

/** The guest's certificates: codex has its own trust store and looks at the system's only where this points. */
const SYSTEM_CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt";

/** Hosts of Codex, which the host's login is injected on when it is lent. */
export function codexRoutes({ forwardHostCredentials }: ProviderSettings): readonly ProviderRoute[] {
  return API_HOSTS.map((host) => ({
    host,
    ...(forwardHostCredentials ? { auth: { scheme: "Bearer", tokenRef: ACCESS_TOKEN_REF } } : {}),
    tlsPassthrough: true,
  }));
}

/**
 * Plans Codex.
 *
 * @throws {OperatorError} a setting that this provider does not have, a `CODEX_HOME` that is no absolute path, or
 * a host login that cannot be used
 */
export async function planCodex(request: ProviderRequest): Promise<ProviderPlan> {
  const { settings, guestHome } = request;
  if (settings.authToken !== undefined) {
    throw new OperatorError("agent_provider.auth_token is for template claude only", {
      mend: "use agent_provider.forward_host_credentials with codex",
    });
  }
  const codexHome = guestCodexHome(request);
  const login = settings.forwardHostCredentials ? await readCodexLogin(request) : undefined;
  return {
    template: CODEX,
    command: "codex",
    promptMode: "read-instructions",
    bypassArgs: ["--dangerously-bypass-approvals-and-sandbox"],
    resumeArgs: ["resume", "--last"],
    image: "bot-bottle-codex",
    dockerfile: settings.dockerfile === undefined
      ? { kind: "embedded", path: "Dockerfile.codex" }
      : { kind: "operator", path: settings.dockerfile },
    env: { CODEX_CA_CERTIFICATE: SYSTEM_CA_BUNDLE, CODEX_HOME: codexHome },
    hiddenEnvNames: [],
    dirs: [{ guestPath: codexHome }],
    files: [
      { guestPath: `${codexHome}/config.toml`, content: codexConfig(request.workdir) },
      ...(login === undefined ? [] : [{ guestPath: `${codexHome}/auth.json`, content: login.dummyAuthJson }]),
    ],
    ...hostLoginSteps(login, codexHome, guestHome),
    routes: codexRoutes(settings),
    provisionedEnv: login === undefined ? {} : { [ACCESS_TOKEN_REF]: login.accessToken },
    skillDirs: [`${guestHome}/.claude/skills`, `${codexHome}/skills`],
  };
}

/** What is run in the guest when a login is lent: nothing of an older one may be left, and codex must take it. */
function hostLoginSteps(
  login: CodexLogin | undefined,
  codexHome: string,
  guestHome: string,
): Pick<ProviderPlan, "preCopy" | "verify"> {
  if (login === undefined) return { preCopy: [], verify: [] };
  return {
    preCopy: [{
      argv: [
        ...["find", codexHome, "-maxdepth", "1", "-type", "f"],
        ...[
          "(",
          "-name",
          "*.sqlite",
          "-o",
          "-name",
          "*.sqlite-*",
          "-o",
          "-name",
          "*.codex-repair-*.bak",
          ")",
        ],
        "-delete",
      ],
      user: "node",
      failure: "codex host credentials: codex's databases could not be reset",
    }],
    verify: [{
      argv: ["codex", "login", "status"],
      user: "node",
      env: { HOME: guestHome, CODEX_HOME: codexHome },
      failure: "codex host credentials: codex does not accept the dummy login",
    }],
  };
}

function guestCodexHome(request: ProviderRequest): string {
  const set = request.manifestEnv.CODEX_HOME;
  if (set === undefined) return `${request.guestHome}/.codex`;
  if (!set.startsWith("/") || set.split("/").includes("..")) {
    throw new OperatorError(
      `env.CODEX_HOME: "${escapeUntrusted(set)}" is not an absolute path in the guest`,
      {
        mend: `write it in full, such as ${request.guestHome}/.codex`,
      },
    );
  }
  return set.replace(/(?<=.)\/+$/, "");
}

/** `config.toml`: the working directory is trusted, so that codex does not ask. */
function codexConfig(workdir: string): string {
  return `[projects.${tomlString(workdir)}]\ntrust_level = "trusted"\n`;
}

/** A TOML basic string: JSON's escapes are a part of TOML's, but for DEL, which JSON leaves as it is. */
function tomlString(text: string): string {
  return JSON.stringify(text).replaceAll("\u007f", "\\u007f");
}
