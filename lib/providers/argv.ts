/** The agent's command line, built from its provider's plan. Pure. */

import type { AgentCall } from "../bottle/contracts.ts";
import { OperatorError } from "../errors.ts";
import type { ProviderPlan } from "./provider.ts";

/** The agent's prompt as it lies in the guest. */
export interface PromptFile {
  /** Absolute path in the guest. */
  readonly path: string;
  /** Whether the file says anything; an empty one is never passed on. */
  readonly empty: boolean;
}

/**
 * Arguments that make the agent program read its prompt file.
 *
 * @param resuming whether the last conversation is continued; a provider that takes its instructions as a message
 * has them in that conversation already
 */
export function promptArgs(plan: ProviderPlan, promptPath: string, resuming: boolean): readonly string[] {
  switch (plan.promptMode) {
    case "append-system-prompt-file":
      return ["--append-system-prompt-file", promptPath];
    case "read-instructions":
      return resuming ? [] : [`Read and follow the instructions in ${promptPath}.`];
  }
}

/**
 * The agent's command line in the guest, program first.
 *
 * Order matters: remote control stands first, because its optional value would swallow a positional argument that
 * followed it; the operator's own arguments stand last, so that they win and may name a subcommand.
 *
 * @throws {OperatorError} remote control was asked of a provider that has none
 */
export function agentArgv(plan: ProviderPlan, call: AgentCall, prompt: PromptFile): readonly string[] {
  return [
    plan.command,
    ...(call.remoteControl ? remoteControlArgs(plan) : []),
    ...plan.bypassArgs,
    ...(call.resume ? plan.resumeArgs : []),
    ...(prompt.empty ? [] : promptArgs(plan, prompt.path, call.resume)),
    ...call.args,
  ];
}

function remoteControlArgs(plan: ProviderPlan): readonly string[] {
  if (plan.remoteControlArgs !== undefined) return plan.remoteControlArgs;
  throw new OperatorError(`provider ${plan.template} has no remote control`, {
    mend: "leave --remote-control out",
    status: 2,
  });
}
