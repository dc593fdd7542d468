/** Files of the gate's own for gitleaks and its git, in the place of a repository's. */

import type { Gate } from "./gate.ts";
import type { RuleFiles } from "./gitleaks.ts";

/** gitleaks' default rules, named so that no `.gitleaks.toml` is looked for. */
export const RULES = `[extend]
useDefault = true
`;

/** What the rule `pkcs12-file` looks for; git shows binary files to nobody, and so gitleaks would not see their names. */
export const ATTRIBUTES = `*.[pP]12 diff
*.[pP][fF][xX] diff
`;

/** Where they are. */
export function ruleFiles(gate: Gate): RuleFiles {
  return {
    config: `${gate.root}/state/rules.toml`,
    ignore: `${gate.root}/state/ignore`,
    attributes: `${gate.root}/state/attributes`,
  };
}
