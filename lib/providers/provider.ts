/** What a provider decides about a bottle, as data that every backend applies with its own copy and exec. */

import type { ProviderSettings } from "../manifest/model.ts";
import type { Secret } from "../secret.ts";

/** A folder in the guest, made before anything is copied; mode 0700, owner node:node. */
export interface ProvisionDir {
  /** Absolute. */
  readonly guestPath: string;
}

/** A file in the guest; mode 0600, owner node:node. */
export interface ProvisionFile {
  /** Absolute. */
  readonly guestPath: string;
  /** Text, UTF-8. */
  readonly content: string;
}

/** A command run in the guest. */
export interface ProvisionCommand {
  /** Program and arguments; no shell. */
  readonly argv: readonly string[];
  /** User that it runs as. */
  readonly user: "node" | "root";
  /** Environment besides the agent's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** What its failure means, for the operator; the command's output follows. */
  readonly failure: string;
}

/** A host that the provider owns outright: a manifest route for it is dropped. */
export interface ProviderRoute {
  /** Exact host in canonical form. */
  readonly host: string;
  /** Injected credential: scheme and the name under which `provisionedEnv` or the host's env holds it. */
  readonly auth?: { readonly scheme: "Bearer" | "token"; readonly tokenRef: string };
  /** pipelock does not look inside this host's TLS. */
  readonly tlsPassthrough: boolean;
}

/** How the prompt file reaches the agent program. */
export type PromptMode = "append-system-prompt-file" | "read-instructions";

/** How the agent program is started, what it needs in its home, which hosts it owns (SPEC 4). */
export interface ProviderPlan {
  /** Name of the template. */
  readonly template: string;
  /** Program to run. */
  readonly command: string;
  /** How the prompt file is passed on. */
  readonly promptMode: PromptMode;
  /** Arguments that turn the agent's own permission prompts off. */
  readonly bypassArgs: readonly string[];
  /** Arguments that continue the last conversation. */
  readonly resumeArgs: readonly string[];
  /** Arguments for remote control; absent: the provider has none and the flag is refused. */
  readonly remoteControlArgs?: readonly string[];
  /** Name of the agent image, without tag: `bot-bottle-claude`. */
  readonly image: string;
  /** Dockerfile: a name below the embedded `images/`, or the operator's own absolute path. */
  readonly dockerfile: { readonly kind: "embedded" | "operator"; readonly path: string };
  /** Provider defaults of the agent's environment; the manifest's `env` wins over these. */
  readonly env: Readonly<Record<string, string>>;
  /** Names in `env` that are placeholders, hidden from the preflight. */
  readonly hiddenEnvNames: readonly string[];
  /** Made first, parents too where they are missing. */
  readonly dirs: readonly ProvisionDir[];
  /** Written after the pre-copy commands. */
  readonly files: readonly ProvisionFile[];
  /** Run after dirs and before files. */
  readonly preCopy: readonly ProvisionCommand[];
  /** Run last; a failure stops the launch. */
  readonly verify: readonly ProvisionCommand[];
  /** Hosts that the provider owns. */
  readonly routes: readonly ProviderRoute[];
  /** Secrets read on the host for token slots, by token reference; they win over host variables of that name. */
  readonly provisionedEnv: Readonly<Record<string, Secret>>;
  /** Folders of the guest that skills are copied into (`<dir>/NAME`). */
  readonly skillDirs: readonly string[];
  /** Folder of the guest that holds the conversation, saved for `resume`; absent: nothing to save. */
  readonly transcriptDir?: string;
}

/** What a provider is asked with. All paths absolute; nothing is read but what `readHostFile` gives. */
export interface ProviderRequest {
  /** `agent_provider` of the bottle. */
  readonly settings: ProviderSettings;
  /** Home folder in the guest: `/home/node` unless set. */
  readonly guestHome: string;
  /** Working directory of the agent: the home, or `<home>/workspace` with `--cwd`. */
  readonly workdir: string;
  /** Names and literal values of the manifest's env (a secret value is not here; `CODEX_HOME` is read from it). */
  readonly manifestEnv: Readonly<Record<string, string>>;
  /** Operator's home folder on the host. */
  readonly hostHome: string;
  /** Host environment. */
  readonly hostEnv: Readonly<Record<string, string>>;
  /** Reads a host file; undefined when it does not exist. */
  readonly readHostFile: (path: string) => Promise<string | undefined>;
  /** Current time, milliseconds since the epoch. */
  readonly now: number;
}
