/**
 * `routes.yaml`: what the host tells egress. Written and read by this module alone, so that no field list stands
 * twice; it holds names of token slots and never a token.
 */

import { parse, stringify } from "@std/yaml";
import * as z from "zod";
import { messageOf, OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import { canonicalHost } from "../net/host_name.ts";
import { GIT_MODES, type GitMode } from "./git.ts";
import { methodFault } from "./methods.ts";
import type { EgressRoute } from "./model.ts";
import { prefixFault } from "./path.ts";
import { isSlotName } from "./slots.ts";

const route = z.strictObject({
  host: z.string().describe("Canonical host: exact, no wildcard, scheme, port or path."),
  path_allowlist: z.array(z.string()).optional().describe(
    "Absolute path prefixes, compared by whole segments; absent or empty: every path.",
  ),
  methods: z.array(z.string()).min(1).optional().describe(
    "Methods that pass, compared as they stand; absent: every one.",
  ),
  git: z.enum(GIT_MODES).optional().describe(
    "Git over HTTPS. none: no clone or fetch; fetch: those whatever `methods` says, and without it nothing else; " +
      "absent: clone and fetch like any other request. A push never passes.",
  ),
  auth_scheme: z.enum(["Bearer", "token"]).optional().describe(
    "Scheme of the credential that egress injects.",
  ),
  token_env: z.string().refine(isSlotName, "is not the name of a token slot").optional().describe(
    "Environment variable of egress that holds the credential.",
  ),
  keep_cookies: z.boolean().optional().describe(
    "The agent's cookies pass beside the injected credential. Default false.",
  ),
  agent_auth: z.boolean().optional().describe("The agent's own Authorization passes. Default false."),
}).check((context) => {
  const fault = routeFault(context.value);
  if (fault === undefined) return;
  context.issues.push({ code: "custom", message: fault.message, path: fault.path, input: context.value });
});

const file = z.strictObject({ routes: z.array(route) });

/** One route as egress reads it. */
export interface RouteEntry {
  /** Canonical host. */
  readonly host: string;
  /** Absolute path prefixes; empty means every path. */
  readonly pathAllowlist: readonly string[];
  /** Methods that pass; undefined: every one. */
  readonly methods: readonly string[] | undefined;
  /** What passes of git over HTTPS; undefined: clone and fetch like any other request. */
  readonly git: GitMode | undefined;
  /** Credential that egress injects; undefined: none. */
  readonly inject: {
    readonly scheme: "Bearer" | "token";
    readonly tokenEnv: string;
    /** The agent's cookies pass beside it. */
    readonly keepCookies: boolean;
  } | undefined;
  /** Whether the agent's own Authorization passes. */
  readonly agentAuth: boolean;
}

/** The routes in force, by canonical host, in the order of the file. */
export type RouteTable = ReadonlyMap<string, RouteEntry>;

/** The text of `routes.yaml` for a plan. */
export function renderRoutes(plan: { readonly routes: readonly EgressRoute[] }): string {
  const routes = plan.routes.map((planned): z.infer<typeof route> => ({
    host: planned.host,
    ...planned.pathAllowlist.length > 0 && { path_allowlist: [...planned.pathAllowlist] },
    ...planned.methods && { methods: [...planned.methods] },
    ...planned.git && { git: planned.git },
    ...planned.auth && { auth_scheme: planned.auth.scheme, token_env: planned.auth.slot },
    ...planned.auth?.keepCookies && { keep_cookies: true },
    ...planned.agentAuth && { agent_auth: true },
  }));
  return stringify(file.parse({ routes }));
}

/**
 * Reads `routes.yaml`.
 *
 * @throws {OperatorError} the text is not YAML or breaks the schema; the message names the key
 */
export function parseRoutes(text: string): RouteTable {
  const parsed = file.safeParse(parseYaml(text));
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const where = issue.path.length > 0 ? `${issue.path.map(String).join(".")}: ` : "";
    throw new OperatorError(escapeUntrusted(`routes: ${where}${issue.message}`));
  }
  const table = new Map<string, RouteEntry>();
  for (const [index, entry] of parsed.data.routes.entries()) {
    if (table.has(entry.host)) {
      throw new OperatorError(`routes: routes.${index}.host: ${entry.host} stands twice`);
    }
    table.set(entry.host, toEntry(entry));
  }
  return table;
}

/** Names of the token slots that a table needs, each once. */
export function tokenEnvsOf(table: RouteTable): readonly string[] {
  return [...new Set([...table.values()].flatMap((entry) => entry.inject ? [entry.inject.tokenEnv] : []))];
}

function toEntry(entry: z.infer<typeof route>): RouteEntry {
  const { auth_scheme: scheme, token_env: tokenEnv, keep_cookies: keepCookies = false } = entry;
  return {
    host: entry.host,
    pathAllowlist: entry.path_allowlist ?? [],
    methods: entry.methods,
    git: entry.git,
    inject: scheme !== undefined && tokenEnv !== undefined ? { scheme, tokenEnv, keepCookies } : undefined,
    agentAuth: entry.agent_auth ?? false,
  };
}

interface Fault {
  readonly message: string;
  readonly path: (string | number)[];
}

function routeFault(entry: {
  host: string;
  path_allowlist?: string[] | undefined;
  methods?: string[] | undefined;
  auth_scheme?: string | undefined;
  token_env?: string | undefined;
  keep_cookies?: boolean | undefined;
  agent_auth?: boolean | undefined;
}): Fault | undefined {
  if (canonicalHost(entry.host) !== entry.host) return { message: "is not a canonical host", path: ["host"] };
  for (const [index, prefix] of (entry.path_allowlist ?? []).entries()) {
    const fault = prefixFault(prefix);
    if (fault !== undefined) return { message: fault, path: ["path_allowlist", index] };
  }
  for (const [index, method] of (entry.methods ?? []).entries()) {
    const fault = entry.methods!.indexOf(method) < index ? "stands twice" : methodFault(method);
    if (fault !== undefined) return { message: fault, path: ["methods", index] };
  }
  if ((entry.auth_scheme === undefined) !== (entry.token_env === undefined)) {
    return { message: "auth_scheme and token_env go together", path: ["token_env"] };
  }
  if (entry.keep_cookies === true && entry.token_env === undefined) {
    return {
      message: "keep_cookies goes with token_env; without it cookies pass anyway",
      path: ["keep_cookies"],
    };
  }
  if (entry.agent_auth === true && entry.token_env !== undefined) {
    return { message: "agent_auth and token_env exclude each other", path: ["agent_auth"] };
  }
  return undefined;
}

function parseYaml(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new OperatorError(`routes: not YAML: ${escapeUntrusted(messageOf(error))}`, { cause: error });
  }
}
