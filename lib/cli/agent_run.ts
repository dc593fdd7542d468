/** What `start` and `resume` do alike once they know what to run. */

import type { AgentCall, Backend } from "../bottle/contracts.ts";
import { checkCall, runBottle, type RunTalk } from "../bottle/lifecycle.ts";
import type { BottleSpec } from "../bottle/plan.ts";
import { renderPreflight } from "../bottle/preflight.ts";
import type { CliHost } from "./host.ts";
import { askSecret, confirm, requireTerminal } from "./prompts.ts";
import { watchSignals } from "./signals.ts";

/** An agent to run. */
export interface AgentRun {
  /** Where it runs. */
  readonly backend: Backend;
  /** What the operator asked for. */
  readonly spec: BottleSpec;
  /** How the agent program is called. */
  readonly call: AgentCall;
  /** Show, and do nothing. */
  readonly dryRun: boolean;
  /** Do not ask. */
  readonly assumeYes: boolean;
}

/** Runs the agent. @returns its exit status; 0 when nothing was to be run @throws {OperatorError} */
export async function runAgent(host: CliHost, run: AgentRun): Promise<number> {
  const { output, keyboard } = host;
  const { backend, spec, call } = run;
  if (run.dryRun) {
    const plan = await backend.prepare(spec);
    checkCall(plan, call);
    output.say(renderPreflight(plan));
    return 0;
  }
  using watch = watchSignals(output);
  const plan = await backend.prepare(spec);
  if (!run.assumeYes) requireTerminal(keyboard, "the start");
  const talk: RunTalk = {
    show: (text) => output.say(text),
    confirm: (question, signal) => confirm(output, keyboard, question, signal),
    askSecret: (name, text, signal) => askSecret(output, keyboard, name, text, signal),
    progress: output,
    beforeAttach: () => output.clear(),
  };
  const outcome = await runBottle({
    backend,
    plan,
    call,
    home: spec.hostHome,
    talk,
    assumeYes: run.assumeYes,
    signal: watch.signal,
    now: Date.now(),
  });
  if (outcome.kind === "declined") return 0;
  if (outcome.preserved) {
    output.say(`the bottle is kept; go on with it by: bottle resume ${plan.identity}`);
  }
  return outcome.status;
}
