/** What a manifest means once it is read and checked: readonly plain data that the rest of bottle works on. */

import type { GitMode } from "../egress/git.ts";

/** Where a value of a bottle's environment comes from (SPEC 3, `env`). */
export type EnvSource =
  | { readonly kind: "literal"; readonly value: string }
  /** `?text`: asked for at launch without echo. */
  | { readonly kind: "prompt"; readonly text: string }
  /** `${NAME}`: read from the host's environment. */
  | { readonly kind: "host"; readonly name: string };

/** How a credential is injected on a route. */
export interface RouteAuth {
  /** First word of the injected Authorization header. */
  readonly scheme: "Bearer" | "token";
  /** Name of the host environment variable that holds the token. */
  readonly tokenRef: string;
  /** The agent's cookies pass; absent: they are removed. */
  readonly keepCookies?: true;
}

/** One host that the bottle may reach. */
export interface ManifestRoute {
  /** Exact host in canonical form (`lib/net/host_name.ts`). */
  readonly host: string;
  /** Absolute path prefixes; empty means every path. */
  readonly pathAllowlist: readonly string[];
  /** Methods that pass, each once; absent: every one. */
  readonly methods?: readonly string[];
  /** What passes of git over HTTPS; absent: clone and fetch like any other request. */
  readonly git?: GitMode;
  /** Absent: nothing is injected. */
  readonly auth?: RouteAuth;
  /** pipelock does not look inside this host's TLS. */
  readonly tlsPassthrough: boolean;
  /** Private addresses or CIDRs that pipelock may dial for this host. */
  readonly ssrfIpAllowlist: readonly string[];
}

/** Which agent program runs, and how it logs in. */
export interface ProviderSettings {
  /** Provider template; `lib/providers` knows the set. */
  readonly template: string;
  /** Absolute path of the operator's own agent Dockerfile. */
  readonly dockerfile?: string;
  /** Host environment variable with a login token (claude only). */
  readonly authToken?: string;
  /** Broker the host's own login (codex only). */
  readonly forwardHostCredentials: boolean;
}

/** A git identity, either field may be absent. */
export interface GitUser {
  /** `user.name` */
  readonly name?: string;
  /** `user.email` */
  readonly email?: string;
}

/** One repository behind the git gate. */
export interface GitRepo {
  /** Name of the mirror on the gate. */
  readonly name: string;
  /** The URL as written. */
  readonly url: string;
  /** Login name on the upstream. */
  readonly user: string;
  /** Canonical host. */
  readonly host: string;
  /** 22 unless the URL says otherwise. */
  readonly port: number;
  /** Path on the upstream, with its leading slash. */
  readonly path: string;
  /** Absolute path of the private key on the host. */
  readonly identity: string;
  /** Public host key (`ssh-ed25519 AAAA…`); absent: every connection is refused. */
  readonly hostKey?: string;
  /** Patterns of branches and refs that the agent may write; absent: every one. */
  readonly push?: readonly string[];
  /** May overwrite and delete; absent: as long as `push` is absent too. */
  readonly force?: boolean;
}

/** A trust boundary, after `extends` is resolved. */
export interface BottleManifest {
  /** Name of the file without `.md`. */
  readonly name: string;
  /** File that declared it, for messages; `<object>` when it came from `fromObject`. */
  readonly file: string;
  /** The agent's environment, by name. */
  readonly env: Readonly<Record<string, EnvSource>>;
  /** Agent program and its login. */
  readonly provider: ProviderSettings;
  /** Hosts that the bottle may reach; no two are equal. */
  readonly routes: readonly ManifestRoute[];
  /** Git identity, before the agent's is laid over it. */
  readonly gitUser: GitUser;
  /** Repositories behind the gate; no two names are equal. */
  readonly gitRepos: readonly GitRepo[];
  /** Adds the supervise sidecar. */
  readonly supervise: boolean;
}

/** What an agent that a repository declares does to those of the home. */
export interface RepositoryOrigin {
  /** The home's file of that name, whose place it takes; absolute. */
  readonly overrides?: string;
}

/** Who runs in a bottle. */
export interface AgentManifest {
  /** Name of the file without `.md`. */
  readonly name: string;
  /** File that declared it, for messages; `<object>` when it came from `fromObject`. */
  readonly file: string;
  /** Set when the folder that bottle runs in declares it, not the home. */
  readonly repository?: RepositoryOrigin;
  /** Name of the bottle that it runs in. */
  readonly bottle: string;
  /** Names of skill folders, each once. */
  readonly skills: readonly string[];
  /** Its own git identity; wins over the bottle's per field. */
  readonly gitUser: GitUser;
  /** Trimmed Markdown body; may be empty. */
  readonly prompt: string;
}

/** A value of the git identity and which manifest it came from. */
export interface ProvenValue {
  /** What commits carry. */
  readonly value: string;
  /** Which manifest says so. */
  readonly from: "agent" | "bottle";
}

/** An agent with its bottle: what `start` works on. */
export interface ResolvedAgent {
  /** Who runs. */
  readonly agent: AgentManifest;
  /** Where it runs. */
  readonly bottle: BottleManifest;
  /** The bottle's git identity with the agent's over it. */
  readonly gitIdentity: { readonly name?: ProvenValue; readonly email?: ProvenValue };
}
