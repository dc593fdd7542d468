/**
 * The shape of a manifest as it is written, keys under their names in the file. What each key means and which values
 * it takes is said in `schema.ts`, which the compiler holds to these types.
 */

import type { GitMode } from "../egress/git.ts";

/** `git-gate.user` */
export type GitUserDeclaration = {
  readonly name?: string | undefined;
  readonly email?: string | undefined;
};

/** `git-gate.repos.<name>` */
export type GitRepoDeclaration = {
  readonly url: string;
  readonly identity: string;
  readonly host_key?: string | undefined;
  readonly push?: readonly string[] | undefined;
  readonly force?: boolean | undefined;
};

/** `git-gate.repos`, by name. */
export type GitReposDeclaration = Readonly<Record<string, GitRepoDeclaration>>;

/** `egress.routes[]` */
export type RouteDeclaration = {
  readonly host: string;
  readonly path_allowlist?: readonly string[] | undefined;
  readonly methods?: readonly string[] | undefined;
  readonly git?: GitMode | undefined;
  readonly auth?: {
    readonly scheme: "Bearer" | "token";
    readonly token_ref: string;
    readonly keep_cookies?: boolean | undefined;
  } | undefined;
  readonly pipelock?: {
    readonly tls_passthrough?: boolean | undefined;
    readonly ssrf_ip_allowlist?: readonly string[] | undefined;
  } | undefined;
};

/** `agent_provider` */
export type ProviderDeclaration = {
  readonly template?: string | undefined;
  readonly dockerfile?: string | undefined;
  readonly auth_token?: string | undefined;
  readonly forward_host_credentials?: boolean | undefined;
};

/** One bottle. */
export type BottleDeclaration = {
  readonly extends?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly agent_provider?: ProviderDeclaration | undefined;
  readonly egress?: { readonly routes?: readonly RouteDeclaration[] | undefined } | undefined;
  readonly "git-gate"?: {
    readonly user?: GitUserDeclaration | undefined;
    readonly repos?: GitReposDeclaration | undefined;
  } | undefined;
  readonly supervise?: boolean | undefined;
};

/** One agent. */
export type AgentDeclaration = {
  readonly bottle: string;
  readonly skills?: readonly string[] | undefined;
  readonly "git-gate"?: { readonly user?: GitUserDeclaration | undefined } | undefined;
  /** Only in `fromObject`; in a file the Markdown body is the prompt. */
  readonly prompt?: string | undefined;
};

/** Bottles and agents in one object, not yet checked one by one. */
export type ManifestDeclaration = {
  readonly bottles?: Readonly<Record<string, unknown>> | undefined;
  readonly agents?: Readonly<Record<string, unknown>> | undefined;
};
