/** The providers by name. The only place where one is looked up. */

import { OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import { CLAUDE, planClaude } from "./claude.ts";
import { CODEX, planCodex } from "./codex.ts";
import type { ProviderPlan, ProviderRequest } from "./provider.ts";
import { PROVIDER_TEMPLATES } from "./templates.ts";

export { agentArgv, promptArgs, type PromptFile } from "./argv.ts";

type Planner = (request: ProviderRequest) => ProviderPlan | Promise<ProviderPlan>;

const PLANNERS: ReadonlyMap<string, Planner> = new Map<string, Planner>([
  [CLAUDE, planClaude],
  [CODEX, planCodex],
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
  const planner = PLANNERS.get(request.settings.template);
  if (planner === undefined) {
    throw new OperatorError(
      `agent_provider.template: unknown provider "${escapeUntrusted(request.settings.template)}"`,
      { mend: `use one of ${providerTemplates.join(", ")}` },
    );
  }
  return await planner(request);
}
