/** gitleaks' files of the gate's own, in the place of a repository's. */

import type { Gate } from "./gate.ts";
import type { RuleFiles } from "./gitleaks.ts";

/** gitleaks' default rules, named so that no `.gitleaks.toml` is looked for. */
export const RULES = `[extend]
useDefault = true
`;

/** Where they are. */
export function ruleFiles(gate: Gate): RuleFiles {
  return { config: `${gate.root}/state/rules.toml`, ignore: `${gate.root}/state/ignore` };
}
