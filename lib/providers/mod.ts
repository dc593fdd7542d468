/** The providers by name. The only place where one is looked up. */

import { OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import type { ProviderSettings } from "../manifest/model.ts";
import { CLAUDE, claudeRoutes, planClaude } from "./claude.ts";
import { CODEX, codexRoutes, planCodex } from "./codex.ts";
import type { ProviderPlan, ProviderRequest, ProviderRoute } from "./provider.ts";
import { PROVIDER_TEMPLATES } from "./templates.ts";

export { agentArgv, promptArgs, type PromptFile } from "./argv.ts";

/** What each provider decides. */
interface Provider {
  /** The whole plan. */
  readonly plan: (request: ProviderRequest) => ProviderPlan | Promise<ProviderPlan>;
  /** The hosts that it owns, which is a part of the plan. */
  readonly routes: (settings: ProviderSettings) => readonly ProviderRoute[];
}

const PROVIDERS: ReadonlyMap<string, Provider> = new Map<string, Provider>([
  [CLAUDE, { plan: planClaude, routes: claudeRoutes }],
  [CODEX, { plan: planCodex, routes: codexRoutes }],
]);

/** Names that `agent_provider.template` may have. */
export const providerTemplates: readonly string[] = Object.keys(PROVIDER_TEMPLATES);

/**
 * Decides how the agent program of a bottle starts and what it needs.
 *
 * @throws {OperatorError} an unknown template, a setting that the template does not have, or a host login that
 * cannot be used
 */
export async function planProvider(request: ProviderRequest): Promise<ProviderPlan> {
  return await providerOf(request.settings).plan(request);
}

/** The hosts that a bottle's provider owns; no credential is read for it. @throws {OperatorError} an unknown template */
export function providerRoutes(settings: ProviderSettings): readonly ProviderRoute[] {
  return providerOf(settings).routes(settings);
}

function providerOf({ template }: ProviderSettings): Provider {
  const provider = PROVIDERS.get(template);
  if (provider !== undefined) return provider;
  throw new OperatorError(`agent_provider.template: unknown provider "${escapeUntrusted(template)}"`, {
    mend: `use one of ${providerTemplates.join(", ")}`,
  });
}
