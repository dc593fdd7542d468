/**
 * The life of a bottle from a plan to the agent's exit status: what `start`, `resume` and a dashboard share.
 *
 * Nothing here knows a terminal: whoever calls gives the functions that show and ask. Nothing is made before the
 * operator has said yes; from the first thing made on, whatever happens, what was made is taken away again.
 */

import { messageOf, OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import { Secret } from "../secret.ts";
import { acquireOwnerLock } from "../state/lock.ts";
import { readMetadata, writeMetadata } from "../state/metadata.ts";
import { FILE_MODE, makeStateFolders, removeStateFolder, statePaths } from "../state/paths.ts";
import { clearPreserved, isPreserved } from "../state/preserve.ts";
import type { AgentCall, Backend, Bottle, Progress } from "./contracts.ts";
import type { BottlePlan, PlannedEnv } from "./plan.ts";
import { renderPreflight } from "./preflight.ts";

/** How long a program on the terminal may take to end after its bottle is gone. */
const DETACH_MS = 2000;

/** What a run shows and asks. */
export interface RunTalk {
  /** Shows text of one or more lines. */
  show(text: string): void;
  /** Asks y/N. */
  confirm(question: string, signal: AbortSignal): Promise<boolean>;
  /** Asks for a value without echo. `name` is the variable, `text` the manifest's question. */
  askSecret(name: string, text: string, signal: AbortSignal): Promise<string>;
  /** Hears of steps and warnings. */
  readonly progress: Progress;
  /** The terminal belongs to the agent from now on: nothing of ours may stand on it. */
  beforeAttach(): void;
}

/** What {@linkcode runBottle} works on. */
export interface RunRequest {
  /** Where the bottle runs. */
  readonly backend: Backend;
  /** What `prepare` of that backend gave. */
  readonly plan: BottlePlan;
  /** How the agent program is called. */
  readonly call: AgentCall;
  /** The operator's home folder. */
  readonly home: string;
  /** Show and ask. */
  readonly talk: RunTalk;
  /** Do not ask y/N. */
  readonly assumeYes: boolean;
  /** Its abort tears the bottle down; its reason is what `runBottle` then throws. */
  readonly signal: AbortSignal;
  /** Current time, milliseconds since the epoch. */
  readonly now: number;
}

/** How a run ended, when it did not fail. */
export type RunOutcome =
  /** The agent ended with this status. */
  | { readonly kind: "ended"; readonly status: number; readonly preserved: boolean }
  /** The operator said no. */
  | { readonly kind: "declined" };

/**
 * Checks the call against the provider, before anything is made.
 *
 * @throws {OperatorError} a usage error when the provider cannot do what the call asks for
 */
export function checkCall(plan: BottlePlan, call: AgentCall): void {
  if (call.remoteControl && plan.provider.remoteControlArgs === undefined) {
    throw new OperatorError(`the provider ${plan.provider.template} has no remote control`, {
      mend: "leave --remote-control out",
      status: 2,
    });
  }
}

/**
 * Shows the preflight, asks, launches, attaches the agent to the terminal, and tears everything down.
 *
 * @throws {OperatorError} what the operator can mend; the reason of the signal's abort; any other error is a bug.
 * A failing teardown is a warning when there is an error already.
 */
export async function runBottle(request: RunRequest): Promise<RunOutcome> {
  const { backend, plan, talk, signal } = request;
  try {
    checkCall(plan, request.call);
    signal.throwIfAborted();
    talk.show(renderPreflight(plan));
    await backend.preflight(plan);
    await warnOfOrphans(request);
    signal.throwIfAborted();
    if (!request.assumeYes && !await talk.confirm("Start this bottle?", signal)) return { kind: "declined" };
    const answered = await answerPrompts(plan, talk, signal);
    signal.throwIfAborted();
    if (request.call.resume) await removeLeftovers(request);
    return await runOwned({ ...request, plan: answered });
  } catch (error) {
    // Whatever an abort broke on its way, the abort is the reason.
    throw signal.aborted ? signal.reason : error;
  }
}

/** Bottles whose process was killed are named at the next start. */
async function warnOfOrphans({ backend, plan, talk }: RunRequest): Promise<void> {
  for (const { identity, orphan } of await backend.enumerateActive()) {
    if (!orphan || identity === plan.identity) continue;
    talk.progress.warn(
      `bottle ${escapeUntrusted(identity)} was left behind by a process that is gone; ` +
        "remove it with `bottle cleanup`",
    );
  }
}

/** The plan with every question of the manifest's env answered. */
async function answerPrompts(plan: BottlePlan, talk: RunTalk, signal: AbortSignal): Promise<BottlePlan> {
  const env: Record<string, PlannedEnv> = {};
  for (const [name, planned] of Object.entries(plan.env)) {
    if (planned.kind === "value") {
      env[name] = planned;
      continue;
    }
    signal.throwIfAborted();
    const answer = await talk.askSecret(name, planned.text, signal);
    if (answer === "") throw new OperatorError(`no value was given for ${name}`);
    env[name] = { kind: "value", value: new Secret(answer) };
  }
  return { ...plan, env };
}

/** From here on there is something to take away. */
async function runOwned(request: RunRequest): Promise<RunOutcome> {
  const { plan, home, call, talk } = request;
  const lock = await acquireOwnerLock(home, plan.identity, { fresh: !call.resume });
  let launched = false;
  let kept = false;
  try {
    if (call.resume) await requireResumable(request);
    const status = await thenAlways(async () => {
      await recordStart(request);
      request.signal.throwIfAborted();
      const bottle = await request.backend.launch(plan, talk.progress, request.signal);
      launched = true;
      return await useBottle(request, bottle);
    }, async () => {
      // A resume that does not come up leaves what it came from: the conversation is in that folder.
      kept = (call.resume && !launched) || await isPreserved(home, plan.identity);
      if (!kept) await removeStateFolder(home, plan.identity);
    }, talk.progress);
    return { kind: "ended", status, preserved: kept };
  } finally {
    lock.release();
  }
}

/** While this process waited for the lock, the bottle's owner may have ended it: there is nothing to go on from. */
async function requireResumable({ home, plan }: RunRequest): Promise<void> {
  if (await readMetadata(home, plan.identity) !== undefined) return;
  // Taking the lock has made the folder again.
  await removeStateFolder(home, plan.identity);
  throw new OperatorError(`bottle ${plan.identity} is gone: its agent ended meanwhile`, {
    mend: "start a new one with `bottle start`",
  });
}

async function recordStart({ plan, home, now }: RunRequest): Promise<void> {
  await makeStateFolders(statePaths(home, plan.identity));
  await writeMetadata(home, {
    identity: plan.identity,
    agentName: plan.resolved.agent.name,
    backend: plan.backend,
    cwd: plan.cwd,
    copyCwd: plan.copyCwd,
    startedAt: new Date(now).toISOString(),
  });
}

/**
 * What a killed bottle of this identity left on the backend stands in the way of a new one. Done before the lock is
 * taken: backends leave alone what is held. The state folder stays, since the bottle goes on from it.
 */
async function removeLeftovers({ backend, plan, talk }: RunRequest): Promise<void> {
  const items = (await backend.prepareCleanup()).filter((item) => item.identity === plan.identity);
  if (items.length === 0) return;
  talk.progress.step("remove what the bottle left behind");
  const failures = await backend.cleanup(items);
  const failure = failures[0];
  if (failure !== undefined) {
    const { kind, name } = failure.item;
    throw new OperatorError(`cannot remove the ${kind} ${escapeUntrusted(name)}: ${failure.reason}`);
  }
}

/** The agent runs on the terminal; then the bottle is closed, whatever happened. */
async function useBottle(request: RunRequest, bottle: Bottle): Promise<number> {
  const { plan, home, talk, call, signal } = request;
  let attached: Promise<number> | undefined;
  return await thenAlways(async () => {
    signal.throwIfAborted();
    await clearPreserved(home, plan.identity);
    talk.beforeAttach();
    attached = bottle.attach(bottle.agentArgv(call));
    const status = await orAborted(attached, signal);
    await saveTranscript(request, bottle);
    return status;
  }, async () => {
    try {
      await bottle.close();
    } finally {
      // The attach puts the terminal back as it was when the agent's end reaches it.
      if (attached !== undefined) await settled(attached);
    }
  }, talk.progress);
}

/**
 * Does the work, then the teardown, whatever the work did. The first error is the one that is thrown: a teardown
 * that fails after it is a warning.
 */
async function thenAlways<T>(
  work: () => Promise<T>,
  teardown: () => Promise<void>,
  progress: Progress,
): Promise<T> {
  let result: T;
  try {
    result = await work();
  } catch (error) {
    await teardown().catch((late) => progress.warn(`the teardown failed too: ${messageOf(late)}`));
    throw error;
  }
  await teardown();
  return result;
}

/** A preserved bottle keeps its conversation; a failure to save it must not keep the bottle from being closed. */
async function saveTranscript(request: RunRequest, bottle: Bottle): Promise<void> {
  const { plan, home, talk } = request;
  const { transcriptDir } = plan.provider;
  const { transcript } = statePaths(home, plan.identity);
  if (transcriptDir === undefined || !await isPreserved(home, plan.identity)) return;
  try {
    // An older conversation stays until the newer one is whole.
    const unfinished = `${transcript}.new`;
    if (!await bottle.copyOut(transcriptDir, unfinished)) return;
    await Deno.chmod(unfinished, FILE_MODE);
    await Deno.rename(unfinished, transcript);
  } catch (error) {
    talk.progress.warn(`the conversation of ${plan.identity} was not saved: ${messageOf(error)}`);
  }
}

/** The work's result, or the abort's reason as soon as it comes. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Waits for work whose outcome no longer matters, but not for ever. */
async function settled(work: Promise<unknown>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, DETACH_MS);
  await Promise.race([work.then(() => {}, () => {}), late]);
  clearTimeout(timer);
}
