/**
 * The one schema of a manifest, for the Markdown loader and `fromObject` alike. Its `.describe()` texts are the
 * documentation of each key; its messages are what the operator reads after `file:line: key.path:`. A message never
 * quotes a value that could be a credential written in the wrong place.
 */

import { z } from "zod";
import { BUNDLE_HOST_NAMES } from "../bottle/guest.ts";
import { GIT_MODES } from "../egress/git.ts";
import { patternFault } from "../git_gate/push_policy.ts";
import { methodFault } from "../egress/methods.ts";
import { prefixFault } from "../egress/path.ts";
import { LOCAL_HOST } from "../egress/url.ts";
import { canonicalHost } from "../net/host_name.ts";
import { parseCidr, parseIp } from "../net/ip.ts";
import { DEFAULT_TEMPLATE, PROVIDER_TEMPLATES } from "../providers/templates.ts";
import type { AgentDeclaration, BottleDeclaration, ManifestDeclaration } from "./declaration.ts";
import { parseGitUrl } from "./git_url.ts";
import type { Schema } from "./issues.ts";
import { isReservedEnvName } from "./reserved_env.ts";

/** Name of a bottle or an agent; a manifest's file is this with `.md`. */
export const MANIFEST_NAME: RegExp = /^[a-z][a-z0-9-]*$/;

/** Name of a skill: one folder, never a way out of it. */
export const SKILL_NAME: RegExp = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;

/** Keys of Claude Code's subagent files, accepted and ignored so that one file can serve both programs. */
const CLAUDE_SUBAGENT_KEYS = ["name", "description", "model", "color", "memory"] as const;

const OLD_GIT =
  "the key `git` is no longer used; move git.user to git-gate.user (name, email) and git.remotes to " +
  "git-gate.repos.<name> (Upstream is now url, IdentityFile identity, KnownHostKey host_key)";

const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
// A credential pasted where its variable's name belongs would be shown by name ever after.
const TOKEN_ITSELF = /^(?:gh[oprsu]_|github_pat_|npm_|sk_)[A-Za-z0-9_]{20,}$/;
// deno-lint-ignore no-control-regex
const CONTROL = /[\u0000-\u001f\u007f]/;

const oldGit = z.never({ error: OLD_GIT }).optional();

const hostVariable = z.string()
  .regex(ENV_NAME, "must be the name of a host environment variable (letters, digits, _)")
  .refine((name) => !TOKEN_ITSELF.test(name), "looks like a token itself; name the variable that holds it");

const oneLine = z.string().refine(
  (text) => !CONTROL.test(text),
  "must be one line without control characters",
);

const hostPath = z.string()
  .refine(
    (path) => path.startsWith("/") || path.startsWith("~/"),
    "must be absolute or begin with ~/",
  )
  .refine((path) => !CONTROL.test(path), "must not hold control characters");

const gitUser = z.strictObject({
  name: oneLine.optional().describe("user.name of the agent's commits"),
  email: oneLine.optional().describe("user.email of the agent's commits"),
}).refine((user) => (user.name ?? "") !== "" || (user.email ?? "") !== "", {
  error: "needs a non-empty name or email; leave the key out when neither is wanted",
});

const gitRepo = z.strictObject({
  url: z.string().superRefine((url, context) => {
    const parsed = parseGitUrl(url);
    if (typeof parsed === "string") context.addIssue({ code: "custom", message: parsed });
  }).describe("Upstream: ssh://user@host[:port]/path"),
  identity: hostPath.describe(
    "Private key on the host that the gate logs in with; a leading ~ is the home folder",
  ),
  host_key: oneLine.regex(
    /^(?:ssh|ecdsa|sk)-[^ ]+ [A-Za-z0-9+/]+=*(?: .*)?$/,
    "must be a public host key, type and data: `ssh-ed25519 AAAA…` (no host name in front)",
  ).optional().describe("The upstream's public host key; without it every connection is refused"),
  push: z.array(
    z.string().superRefine((pattern, context) => {
      const fault = patternFault(pattern);
      if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
    }),
  ).min(1, "is empty; leave it out to allow every branch").superRefine(eachOnce).optional().describe(
    "Branches that the agent may write, `*` for any characters, such as agent/*; refs/… for other refs. Left out: all",
  ),
  force: z.boolean().optional().describe(
    "The agent may overwrite and delete what it may write. Left out: only where `push` is left out too",
  ),
});

const gitRepos = z.record(z.string(), gitRepo).superRefine((repos, context) => {
  for (const name of Object.keys(repos)) {
    if (/^[A-Za-z0-9._-]+$/.test(name) && name !== "." && name !== "..") continue;
    context.addIssue({ code: "custom", path: [name], message: "name may hold A-Z a-z 0-9 . _ - only" });
  }
});

const pathPrefix = z.string().superRefine((prefix, context) => {
  const fault = prefixFault(prefix);
  if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
});

const methods = z.array(
  z.string().superRefine((method, context) => {
    const fault = methodFault(method);
    if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
  }),
).min(1, "is empty; leave it out to allow every method").superRefine(eachOnce);

const auth = z.strictObject({
  scheme: z.enum(["Bearer", "token"]).describe("First word of the injected Authorization header"),
  token_ref: hostVariable.describe("Host environment variable that holds the token"),
  keep_cookies: z.boolean().optional().describe(
    "The agent's cookies pass beside the injected credential; default false: they are removed with its other ones",
  ),
});

const pipelock = z.strictObject({
  tls_passthrough: z.boolean().optional().describe(
    "pipelock does not look inside this host's TLS; default false",
  ),
  ssrf_ip_allowlist: z.array(
    z.string().refine(
      (text) => (parseIp(text) ?? parseCidr(text)) !== undefined,
      "must be an IP address or a CIDR",
    ),
  ).optional().describe("Private addresses or CIDRs that pipelock may dial for this host"),
});

// Behind these the agent would find the bundle, or the page of egress itself, and not a host outside.
const BUNDLE_NAMES: readonly string[] = [...BUNDLE_HOST_NAMES, "localhost", LOCAL_HOST];

const route = z.strictObject({
  host: z.string().refine(
    (host) => canonicalHost(host) !== undefined,
    "must be one exact host name: no wildcard, scheme, port or path",
  ).refine(
    (host) => !BUNDLE_NAMES.includes(canonicalHost(host) ?? ""),
    "is a name of the bundle itself; a route leads to a host outside",
  ).describe("Exact host; compared in canonical form"),
  path_allowlist: z.array(pathPrefix)
    .min(1, "is empty; leave it out to allow every path")
    .optional().describe("Absolute path prefixes; left out: every path"),
  methods: methods.optional().describe(
    "Methods that pass, upper case, compared as they stand: GET does not stand for HEAD; left out: every method " +
      "(TRACE, TRACK and CONNECT never pass)",
  ),
  git: z.enum(GIT_MODES).optional().describe(
    "Git over HTTPS: `none` refuses clone and fetch; `fetch` lets them pass whatever `methods` says, and without " +
      "`methods` nothing else; left out: clone and fetch are requests like any other. Push never passes",
  ),
  auth: auth.optional().describe("Credential that egress injects; left out: none"),
  role: z.never({ error: "is reserved; leave it out" }).optional(),
  pipelock: pipelock.optional().describe("What pipelock does differently for this host"),
});

const routes = z.array(route).superRefine((list, context) => {
  const seen = new Map<string, number>();
  for (const [index, { host }] of list.entries()) {
    const canonical = canonicalHost(host)!;
    const first = seen.get(canonical);
    seen.set(canonical, first ?? index);
    if (first === undefined) continue;
    const message = `is the same host as egress.routes[${first}] (${canonical}); a host may stand once`;
    context.addIssue({ code: "custom", path: [index, "host"], message });
  }
});

const templateNames = Object.keys(PROVIDER_TEMPLATES);

const provider = z.strictObject({
  template: z.enum(templateNames).optional().describe(`Agent program; default ${DEFAULT_TEMPLATE}`),
  dockerfile: hostPath.optional().describe(
    "Own agent image: a Dockerfile on the host; the sidecars stay as they are",
  ),
  auth_token: hostVariable.optional().describe(
    `Host variable with a login token (${templatesWith("authToken")} only)`,
  ),
  forward_host_credentials: z.boolean().optional()
    .describe(`Broker the host's own login (${templatesWith("forwardHostCredentials")} only); default false`),
}).superRefine((value, context) => {
  const template = value.template ?? DEFAULT_TEMPLATE;
  const rules = PROVIDER_TEMPLATES[template]!;
  const refuse = (key: string, takers: string) =>
    context.addIssue({
      code: "custom",
      path: [key],
      message: `is for ${takers} only (template is ${template})`,
    });
  if (value.auth_token !== undefined && !rules.authToken) refuse("auth_token", templatesWith("authToken"));
  if (value.forward_host_credentials === true && !rules.forwardHostCredentials) {
    refuse("forward_host_credentials", templatesWith("forwardHostCredentials"));
  }
});

const env = z.record(z.string(), z.string()).superRefine((variables, context) => {
  const refuse = (name: string, message: string) =>
    context.addIssue({ code: "custom", path: [name], message });
  for (const [name, value] of Object.entries(variables)) {
    if (!ENV_NAME.test(name)) {
      refuse(name, "name may hold letters, digits and _ only and not begin with a digit");
    }
    if (isReservedEnvName(name)) {
      refuse(name, "is set by bottle itself (proxy and CA variables, HOME, USER) and cannot be changed");
    }
    if (value.includes("\0")) refuse(name, "must not hold a NUL");
    if (/^\$\{.*\}$/s.test(value) && !ENV_NAME.test(value.slice(2, -1))) {
      refuse(name, "must name a host variable as ${NAME} (letters, digits, _)");
    }
  }
});

const bottle = z.strictObject({
  extends: z.string().optional().describe("Bottle whose values this one takes over"),
  env: env.optional().describe(
    "Environment of the agent: a literal, `?prompt text` (asked at launch, no echo) or `${HOST_VAR}`",
  ),
  agent_provider: provider.optional().describe("Agent program and its login; replaces the parent's whole"),
  egress: z.strictObject({
    routes: routes.optional().describe("Hosts that the bottle may reach"),
  }).optional().describe("What may leave; replaces the parent's whole"),
  "git-gate": z.strictObject({
    user: gitUser.optional().describe("Git identity of the agent"),
    repos: gitRepos.optional().describe(
      "Repositories behind the gate by name; an empty map clears the parent's",
    ),
  }).optional().describe("Git identity and the repositories that may be pushed to"),
  supervise: z.boolean().optional().describe("Adds the supervise sidecar; default false"),
  git: oldGit,
});

/** One bottle as its file declares it, before `extends` is resolved. */
export const bottleSchema: Schema<BottleDeclaration> = bottle;

/** What to say about keys of a bottle that stand on an agent. */
export const AGENT_HINTS: ReadonlyMap<string, string> = new Map(
  Object.keys(bottle.shape).map((key) => [
    key,
    "it is a key of bottles; an agent cannot change its bottle",
  ]),
);

const agentKeys = {
  bottle: z.string().describe("Bottle that the agent runs in"),
  skills: z.array(z.string().regex(SKILL_NAME, "must be the name of one skill folder (A-Z a-z 0-9 . _ -)"))
    .superRefine(eachOnce).optional().describe("Skills copied in, folders of ~/.claude/skills"),
  "git-gate": z.strictObject({
    user: gitUser.optional().describe("Git identity; each field wins over the bottle's"),
    repos: z.never({
      error: "is not allowed on an agent: it carries credentials and host trust; declare it on the bottle",
    }).optional(),
  }).optional().describe("Git identity"),
  git: oldGit,
};

const ignored = z.unknown().optional().describe("Claude Code's; ignored here");
const subagentKeys = {
  name: ignored,
  description: ignored,
  model: ignored,
  color: ignored,
  memory: ignored,
} satisfies Record<(typeof CLAUDE_SUBAGENT_KEYS)[number], typeof ignored>;

/** The frontmatter of an agent's Markdown file; the text below it is the prompt. */
export const agentSchema: Schema<AgentDeclaration> = z.strictObject({
  ...agentKeys,
  ...subagentKeys,
  prompt: z.never({ error: "unknown key; the text below the frontmatter is the prompt" }).optional(),
});

/** An agent in `fromObject`: the same keys and `prompt`. */
export const agentObjectSchema: Schema<AgentDeclaration> = z.strictObject({
  ...agentKeys,
  ...subagentKeys,
  prompt: z.string().optional().describe("The agent's instructions"),
});

/** Both kinds in one object, for `fromObject`; each entry is checked by its own schema. */
export const manifestSchema: Schema<ManifestDeclaration> = z.strictObject({
  bottles: z.record(z.string(), z.unknown()).optional().describe("Bottles by name"),
  agents: z.record(z.string(), z.unknown()).optional().describe("Agents by name"),
});

function eachOnce(
  names: readonly string[],
  context: { addIssue(issue: { code: "custom"; path: PropertyKey[]; message: string }): void },
): void {
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) < index) {
      context.addIssue({ code: "custom", path: [index], message: "stands twice" });
    }
  }
}

function templatesWith(setting: "authToken" | "forwardHostCredentials"): string {
  return Object.entries(PROVIDER_TEMPLATES).filter(([, rules]) => rules[setting]).map(([name]) => name).join(
    ", ",
  );
}
