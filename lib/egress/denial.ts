/** What an agent reads when egress says no: what was denied, by which rule, and what to do next. */

import { escapeUntrusted } from "../escape.ts";
import type { DenyRule } from "./decide.ts";

/** Tool of the supervise server that proposes a change of the egress routes. */
export const EGRESS_BLOCK_TOOL = "egress-block";

/** An answer of egress itself. */
export interface Denial {
  /** HTTP status. */
  readonly status: number;
  /** Plain text, a few lines, each ended by a line feed. */
  readonly body: string;
}

const PROPOSE =
  `If this task needs it, propose a route with the supervise tool \`${EGRESS_BLOCK_TOOL}\` and wait for the ` +
  "operator's answer; without that tool, tell the operator. Another way round will be denied too.";

const GIT_GATE =
  "the remote's ssh:// URL, which git-gate serves for the repositories listed under `git-gate.repos` of the bottle; " +
  "if this one is not listed, tell the operator.";

const RULES: Readonly<
  Record<DenyRule, (host: string, detail: string) => readonly [what: string, next: string]>
> = {
  "unknown-host": (host) => [`${host} is not on the egress allowlist`, PROPOSE],
  port: (host, port) => [
    `port ${port} of ${host} is not allowed: a route means port 443 for https and port 80 for http`,
    "Use the default port of the scheme.",
  ],
  path: (host, prefixes) => [
    `this path of ${host} is outside the allowed prefixes, which are compared by whole segments: ${prefixes}`,
    PROPOSE,
  ],
  "path-ambiguous": (host, why) => [
    `this path of ${host} cannot be judged: ${why}`,
    "Send the path in its plain form.",
  ],
  "git-push": (host) => [
    `git push to ${host} over HTTPS is not allowed: pushes leave through git-gate`,
    `Push to ${GIT_GATE}`,
  ],
  "git-fetch": (host) => [
    `git clone and fetch from ${host} over HTTPS are not allowed on this route (git: none)`,
    `Fetch from ${GIT_GATE}`,
  ],
  "git-only": (host) => [
    `${host} is open for git clone and fetch over HTTPS and for nothing else`,
    `Take what you need from a clone. ${PROPOSE}`,
  ],
  method: (host, methods) => [
    `${host} is open for these methods only: ${methods}; they are compared as they stand, and one that the query ` +
    "asks for, such as _method=DELETE, counts too",
    `Use one of them if that serves. ${PROPOSE}`,
  ],
  "auth-needs-tls": (host) => [
    `${host} carries a credential and is not served over plain http`,
    "Use the https:// URL.",
  ],
};

/** The answer to a request that the policy denies. */
export function denialOf(rule: DenyRule, host: string, detail: string): Denial {
  const [what, next] = RULES[rule](escapeUntrusted(host), escapeUntrusted(detail));
  return { status: 403, body: `egress denied this request (rule ${rule}): ${what}.\n${next}\n` };
}

/** The answer to a request that never reached the policy, or whose upstream failed. */
export function faultOf(status: number, rule: string, what: string, next?: string): Denial {
  const body = `egress could not serve this request (${rule}): ${escapeUntrusted(what)}.\n`;
  return { status, body: next === undefined ? body : `${body}${next}\n` };
}
