/** Which provider templates there are and which login settings each takes: what a manifest is checked against. */

/** What the manifest of a bottle may say about a provider. */
export interface ProviderTemplate {
  /** Takes `agent_provider.auth_token`. */
  readonly authToken: boolean;
  /** Takes `agent_provider.forward_host_credentials`. */
  readonly forwardHostCredentials: boolean;
}

/** Every template by its name in a manifest. */
export const PROVIDER_TEMPLATES: Readonly<Record<string, ProviderTemplate>> = {
  claude: { authToken: true, forwardHostCredentials: false },
  codex: { authToken: false, forwardHostCredentials: true },
};

/** Template of a bottle that names none. */
export const DEFAULT_TEMPLATE = "claude";
