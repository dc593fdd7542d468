/** The routes of a bottle as the host decides them: provider's first, then the manifest's, then token slots. */

import type { GitMode } from "./git.ts";

/** One route in force. */
export interface EgressRoute {
  /** Canonical host. */
  readonly host: string;
  /** Absolute path prefixes; empty means every path. */
  readonly pathAllowlist: readonly string[];
  /** Methods that pass; absent: every one. */
  readonly methods?: readonly string[];
  /** What passes of git over HTTPS; absent: clone and fetch like any other request. */
  readonly git?: GitMode;
  /** Injected credential; absent: none. */
  readonly auth?: {
    readonly scheme: "Bearer" | "token";
    readonly tokenRef: string;
    readonly slot: string;
    /** The agent's cookies pass; absent: they are removed. */
    readonly keepCookies?: true;
  };
  /** The agent's own Authorization passes (provider routes without a token: the user may log in inside). */
  readonly agentAuth: boolean;
  /** Who declared it. */
  readonly owner: "provider" | "manifest";
  /** pipelock does not look inside this host's TLS. */
  readonly tlsPassthrough: boolean;
  /** Private addresses or CIDRs that pipelock may dial for this host. */
  readonly ssrfIpAllowlist: readonly string[];
}

/** A token slot: an environment variable of egress that holds a real credential. */
export interface TokenSlot {
  /** `EGRESS_TOKEN_N` */
  readonly name: string;
  /** Host environment variable, or a provider's `provisionedEnv` key. */
  readonly tokenRef: string;
}

/** Everything that egress and pipelock are configured from. */
export interface EgressPlan {
  /** In order of precedence. */
  readonly routes: readonly EgressRoute[];
  /** In order of their numbers. */
  readonly slots: readonly TokenSlot[];
  /** What the operator should know, e.g. a manifest route dropped because the provider owns its host. */
  readonly warnings: readonly string[];
}
