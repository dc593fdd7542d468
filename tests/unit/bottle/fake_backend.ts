/**
 * A fake backend, in memory: it stands where an engine would make these tests slow and their faults impossible to
 * place. It keeps the contract of `Backend` (`lib/bottle/contracts.ts`): launch tears down what it made when it fails
 * or is aborted, close is idempotent. What it "made" and every call can be looked at.
 */

import type {
  ActiveBottle,
  AgentCall,
  Backend,
  Bottle,
  CleanupItem,
  ExecResult,
  Progress,
} from "../../../lib/bottle/contracts.ts";
import { OperatorError } from "../../../lib/errors.ts";
import type { BottlePlan, BottleSpec } from "../../../lib/bottle/plan.ts";

/** Where the fake can be told to fail or to call back. */
export type FakeStep =
  | "prepare"
  | "preflight"
  | "enumerate"
  | "launch: network"
  | "launch: container"
  | "launched"
  | "attach"
  | "copyOut"
  | "close";

/** How the fake behaves. */
export interface FakeOptions {
  /** Called at each step; throwing fails the step. */
  readonly at?: (step: FakeStep) => void | Promise<void>;
  /** Status of the agent. Undefined: it runs until the bottle is closed. */
  readonly status?: number;
  readonly plan?: (spec: BottleSpec) => BottlePlan;
  readonly active?: readonly ActiveBottle[];
  readonly leftovers?: readonly CleanupItem[];
  readonly available?: boolean;
}

/** A fake with its records. */
export class FakeBackend implements Backend {
  readonly name = "docker";
  /** Names of the calls, in order. */
  readonly calls: string[] = [];
  /** What exists on the fake engine. */
  readonly resources = new Set<string>();
  /** Plans that were launched. */
  readonly launched: BottlePlan[] = [];
  /** How the agent was called. */
  argv: readonly string[] = [];
  leftovers: CleanupItem[];
  readonly #options: FakeOptions;

  constructor(options: FakeOptions = {}) {
    this.#options = options;
    this.leftovers = [...options.leftovers ?? []];
  }

  isAvailable(): Promise<boolean> {
    this.calls.push("isAvailable");
    return Promise.resolve(this.#options.available ?? true);
  }

  async preflight(_plan: BottlePlan): Promise<void> {
    await this.#at("preflight");
  }

  async prepare(spec: BottleSpec): Promise<BottlePlan> {
    await this.#options.at?.("prepare");
    return this.#options.plan!(spec);
  }

  async launch(plan: BottlePlan, progress: Progress, signal: AbortSignal): Promise<Bottle> {
    const made: string[] = [];
    try {
      for (const kind of ["network", "container"] as const) {
        signal.throwIfAborted();
        progress.step(`make the ${kind}`);
        await this.#at(`launch: ${kind}`);
        made.push(kind);
        this.resources.add(kind);
      }
      await this.#at("launched");
      this.launched.push(plan);
      return this.#bottle(plan, made);
    } catch (error) {
      for (const name of made) this.resources.delete(name);
      throw error;
    }
  }

  async enumerateActive(): Promise<readonly ActiveBottle[]> {
    await this.#at("enumerate");
    if (this.#options.available === false) throw new OperatorError("the fake engine is not running");
    return this.#options.active ?? [];
  }

  prepareCleanup(): Promise<readonly CleanupItem[]> {
    this.calls.push("prepareCleanup");
    return Promise.resolve(this.leftovers);
  }

  cleanup(items: readonly CleanupItem[]): Promise<readonly { item: CleanupItem; reason: string }[]> {
    this.calls.push(`cleanup ${items.map((item) => item.name).join(",")}`);
    const stuck = items.filter((item) => item.name.startsWith("stuck"));
    this.leftovers = this.leftovers.filter((item) => !items.includes(item) || stuck.includes(item));
    return Promise.resolve(stuck.map((item) => ({ item, reason: "it is stuck" })));
  }

  async #at(step: FakeStep): Promise<void> {
    this.calls.push(step);
    await this.#options.at?.(step);
  }

  #bottle(plan: BottlePlan, made: readonly string[]): Bottle {
    const ended = Promise.withResolvers<number>();
    if (this.#options.status !== undefined) ended.resolve(this.#options.status);
    const close = async (): Promise<void> => {
      for (const name of made) this.resources.delete(name);
      // What the container's end does to a program on its terminal.
      ended.resolve(137);
      await this.#at("close");
    };
    return {
      identity: plan.identity,
      agentArgv: (call: AgentCall) => [plan.provider.command, ...call.args],
      exec: (): Promise<ExecResult> => Promise.reject(new Error("not used")),
      attach: async (argv) => {
        this.argv = argv;
        await this.#at("attach");
        return await ended.promise;
      },
      copyIn: () => Promise.reject(new Error("not used")),
      copyTreeIn: () => Promise.reject(new Error("not used")),
      copyBack: () => Promise.reject(new Error("not used")),
      copyOut: async (guestPath, file) => {
        await this.#at("copyOut");
        await Deno.writeTextFile(file, `tar of ${guestPath}`);
        return true;
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  }
}
