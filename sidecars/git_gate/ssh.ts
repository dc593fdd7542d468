/** The ssh command by which the gate logs in upstream, and what its failures mean. Pure. */

import { escapeUntrusted } from "../../lib/escape.ts";
import type { Mirror } from "./gate.ts";
import { quoted } from "./shell.ts";

/** Seconds that a connection may take, banner included. */
export const CONNECT_SECONDS = 10;

/** How long the shared connection waits for another use: a handshake costs more than most fetches. */
const PERSIST_SECONDS = 300;

/**
 * Value of `GIT_SSH_COMMAND`: the bottle's key, the pinned host key, nothing of any configuration.
 *
 * A connection on which nothing comes for 2 × 2 s although asked is dead: a fetch over one that has died meanwhile
 * is told so soon enough to be tried again.
 */
export function sshCommand(mirror: Mirror, connectSeconds: number = CONNECT_SECONDS): string {
  const options = [
    "BatchMode=yes",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "PreferredAuthentications=publickey",
    "StrictHostKeyChecking=yes",
    `UserKnownHostsFile=${mirror.knownHosts}`,
    "GlobalKnownHostsFile=/dev/null",
    "UpdateHostKeys=no",
    "VerifyHostKeyDNS=no",
    "ForwardAgent=no",
    "ClearAllForwardings=yes",
    `ConnectTimeout=${connectSeconds}`,
    "ServerAliveInterval=2",
    "ServerAliveCountMax=2",
    "ControlMaster=auto",
    `ControlPath=${mirror.control}`,
    `ControlPersist=${PERSIST_SECONDS}`,
  ];
  return ["ssh", "-F", "none", "-i", mirror.key, ...options.flatMap((option) => ["-o", option])]
    .map(quoted).join(" ");
}

/** What stands in the way, from the words of ssh and git; one line, safe to show, with the upstream's name. */
export function explainFailure(mirror: Mirror, stderr: string, silent: boolean): string {
  const at = `${mirror.name}: upstream ${mirror.host}:${mirror.port}`;
  if (silent) return `${at} stopped answering`;
  if (/Host key verification failed|HOST IDENTIFICATION HAS CHANGED/.test(stderr)) {
    return `${at} shows another host key than git-gate.repos.${mirror.name}.host_key`;
  }
  if (/Permission denied \(/.test(stderr)) {
    return `${at} refuses the key of git-gate.repos.${mirror.name}.identity`;
  }
  if (/does not support --atomic/.test(stderr)) {
    return `${at} cannot take several refs as a whole; push them one at a time`;
  }
  const words = lastWords(stderr);
  if (
    /Connection (?:refused|timed out|reset|closed)|timed out|No route to host|Could not resolve|Network is unreachable|banner|not responding/i
      .test(stderr)
  ) {
    return `${at} cannot be reached: ${words}`;
  }
  return `${at}: ${words}`;
}

const NOISE =
  /^(?:fatal: Could not read from remote repository\.|Please make sure you have the correct access rights|and the repository exists\.|remote: |error: failed to push some refs|To ssh:)/;

function lastWords(stderr: string): string {
  const lines = stderr.split(/[\r\n]+/).map((line) => line.trim()).filter((line) => line !== "");
  const telling = lines.filter((line) => !NOISE.test(line));
  const line = telling.at(-1) ?? lines.at(-1) ?? "no reason was given";
  return escapeUntrusted(line.replace(/^(?:fatal|error): /, "")).slice(0, 160);
}

/** The line that tells of a repository without a pinned host key. */
export function noHostKey(mirror: Mirror): string {
  return `${mirror.name}: git-gate.repos.${mirror.name}.host_key is not set, so ${mirror.host} cannot be trusted`;
}
