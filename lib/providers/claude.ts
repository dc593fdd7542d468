/** The claude provider: Claude Code, logged in through egress or by the user inside the bottle. */

import { OperatorError } from "../errors.ts";
import type { ProviderSettings } from "../manifest/model.ts";
import type { ProviderPlan, ProviderRequest, ProviderRoute } from "./provider.ts";

/** Name of the template. */
export const CLAUDE = "claude";

/** Host of the service; Claude Code needs no other one, but for a login inside the bottle. */
const API_HOST = "api.anthropic.com";

/** What the agent holds instead of a token; egress replaces the header that it is sent in. */
const TOKEN_PLACEHOLDER = "egress-placeholder";

/** Hosts of Claude Code, which a token of the host is injected on when there is one. */
export function claudeRoutes({ authToken }: ProviderSettings): readonly ProviderRoute[] {
  return [{
    host: API_HOST,
    ...(authToken === undefined ? {} : { auth: { scheme: "Bearer", tokenRef: authToken } }),
    tlsPassthrough: true,
  }];
}

/**
 * Plans Claude Code.
 *
 * @throws {OperatorError} a setting that this provider does not have
 */
export function planClaude(request: ProviderRequest): ProviderPlan {
  const { settings, guestHome } = request;
  if (settings.forwardHostCredentials) {
    throw new OperatorError("agent_provider.forward_host_credentials is for template codex only", {
      mend: "use agent_provider.auth_token with claude",
    });
  }
  const tokenRef = settings.authToken;
  return {
    template: CLAUDE,
    command: "claude",
    promptMode: "append-system-prompt-file",
    bypassArgs: ["--dangerously-skip-permissions"],
    resumeArgs: ["--continue"],
    remoteControlArgs: ["--remote-control"],
    image: "bot-bottle-claude",
    dockerfile: settings.dockerfile === undefined
      ? { kind: "embedded", path: "Dockerfile.claude" }
      : { kind: "operator", path: settings.dockerfile },
    env: {
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_ERROR_REPORTING: "1",
      ...(tokenRef === undefined ? {} : { CLAUDE_CODE_OAUTH_TOKEN: TOKEN_PLACEHOLDER }),
    },
    hiddenEnvNames: tokenRef === undefined ? [] : ["CLAUDE_CODE_OAUTH_TOKEN"],
    dirs: [{ guestPath: `${guestHome}/.claude` }],
    files: [{ guestPath: `${guestHome}/.claude.json`, content: claudeConfig(guestHome, request.workdir) }],
    preCopy: [],
    verify: [],
    routes: claudeRoutes(settings),
    provisionedEnv: {},
    skillDirs: [`${guestHome}/.claude/skills`],
    transcriptDir: `${guestHome}/.claude/projects`,
  };
}

/**
 * `~/.claude.json` with every question of the first start answered: the sandbox is what makes these answers safe.
 * Claude Code moves some of them to files of its own at its first start.
 */
function claudeConfig(guestHome: string, workdir: string): string {
  const trusted = { hasTrustDialogAccepted: true };
  const config = {
    hasCompletedOnboarding: true,
    theme: "dark",
    bypassPermissionsModeAccepted: true,
    projects: { [guestHome]: trusted, [workdir]: trusted },
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
