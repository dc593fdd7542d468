/** The two contracts that a backend implements. Nothing here knows docker, smolvm or a terminal. */

import type { BottlePlan, BottleSpec } from "./plan.ts";

/** Users of the guest that bottle runs commands as. */
export type GuestUser = "node" | "root";

/** What a finished command left. */
export interface ExecResult {
  /** Exit status. */
  readonly status: number;
  /** Standard output, bounded. */
  readonly stdout: string;
  /** Standard error, bounded. */
  readonly stderr: string;
}

/** A file, folder or symlink copied into the guest. */
export type CopyEntry =
  | { readonly kind: "dir"; readonly path: string; readonly mode: number; readonly user: GuestUser }
  | {
    readonly kind: "file";
    readonly path: string;
    readonly mode: number;
    readonly user: GuestUser;
    readonly content: string | Uint8Array<ArrayBuffer>;
  };

/** A folder of the host copied into the guest as it is: modes and symlinks kept, nothing followed out of it. */
export interface CopyTree {
  /** Absolute folder on the host. */
  readonly from: string;
  /** Absolute folder in the guest. */
  readonly to: string;
  /** Owner of everything copied. */
  readonly user: GuestUser;
  /** Names directly below `from` to leave out. */
  readonly skip?: readonly string[];
}

/** How the agent program is called. */
export interface AgentCall {
  /** Arguments after `--`. */
  readonly args: readonly string[];
  /** Continue the last conversation. */
  readonly resume: boolean;
  /** Let the agent be steered from elsewhere. */
  readonly remoteControl: boolean;
}

/** A running bottle. */
export interface Bottle extends AsyncDisposable {
  /** Identity of the bottle. */
  readonly identity: string;
  /** The agent's command line in the guest. */
  agentArgv(call: AgentCall): readonly string[];
  /** Runs a shell script in the guest and collects its output. */
  exec(script: string, options: { readonly user: GuestUser }): Promise<ExecResult>;
  /** Runs a program on the operator's terminal (or plain streams) and gives its exit status. */
  attach(argv: readonly string[]): Promise<number>;
  /** Copies entries into the guest, in order. */
  copyIn(entries: readonly CopyEntry[]): Promise<void>;
  /** Copies a folder of the host into the guest. */
  copyTreeIn(tree: CopyTree): Promise<void>;
  /** Copies a folder of the guest out as a tar file on the host; false when the guest has no such folder. */
  copyOut(guestPath: string, hostTarFile: string): Promise<boolean>;
  /** Unpacks such a tar file again, beside where it came from. */
  copyBack(guestPath: string, hostTarFile: string): Promise<void>;
  /** Tears the bottle down; idempotent. Failures are reported as warnings by resource and step. */
  close(): Promise<void>;
}

/** A bottle found running. */
export interface ActiveBottle {
  /** Identity of the bottle. */
  readonly identity: string;
  /** Backend that it was found on. */
  readonly backend: string;
  /** Whether a bottle process on this host still holds it; an orphan is what `cleanup` offers to remove. */
  readonly orphan: boolean;
  /** Names of the daemons found in its bundle. */
  readonly daemons: readonly string[];
}

/** One thing that cleanup would remove. */
export interface CleanupItem {
  /** Bottle that it belonged to. */
  readonly identity: string;
  /** `container`, `network`, `machine` … */
  readonly kind: string;
  /** Name on the backend. */
  readonly name: string;
}

/** What launch and close tell about themselves; a terminal or a test listens. */
export interface Progress {
  /** A named step begins. Throwing here stops the launch at that step. */
  step(name: string): void;
  /** Progress within long work, e.g. an image build. */
  detail(text: string): void;
  /** What long work said last before it failed, oldest first: shown where its details are not kept. */
  tail(lines: readonly string[]): void;
  /** Something the operator should know that does not stop the launch. */
  warn(text: string): void;
}

/** Where bottles run. */
export interface Backend {
  /** Name that `--backend` takes. */
  readonly name: string;
  /** Whether it can be used on this host now; never throws. */
  isAvailable(): Promise<boolean>;
  /** Checks what launch needs of the host. @throws {OperatorError} what is missing and the mend */
  preflight(plan: BottlePlan): Promise<void>;
  /** Decides everything, touches nothing. @throws {OperatorError} */
  prepare(spec: BottleSpec): Promise<BottlePlan>;
  /** Makes the bottle; on failure or abort everything made is torn down. @throws {OperatorError} */
  launch(plan: BottlePlan, progress: Progress, signal: AbortSignal): Promise<Bottle>;
  /** Lists bottles of this operator that exist on the backend. */
  enumerateActive(): Promise<readonly ActiveBottle[]>;
  /** What is left over on the backend from bottles whose process is gone. */
  prepareCleanup(): Promise<readonly CleanupItem[]>;
  /** Removes what `prepareCleanup` named; gives the failures, each with item and reason. */
  cleanup(items: readonly CleanupItem[]): Promise<readonly { item: CleanupItem; reason: string }[]>;
}
