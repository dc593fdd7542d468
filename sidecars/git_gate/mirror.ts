/** Makes the bare mirrors, the hooks and gitleaks' files. Idempotent: git-gate and git-http both call it, a restart calls it again. */

import { fromFileUrl } from "@std/path";
import { OperatorError } from "../../lib/errors.ts";
import { escapeUntrusted } from "../../lib/escape.ts";
import { type Gate, type Mirror, stateFolder } from "./gate.ts";
import { git } from "./git.ts";
import { lockFile } from "./lock.ts";
import { OWN_REFS } from "./refresh.ts";
import { ATTRIBUTES, ruleFiles, RULES } from "./rules.ts";
import { quoted } from "./shell.ts";

/** Hooks of every mirror, and the program of each beside this one. */
const HOOKS: Readonly<Record<string, string>> = {
  "pre-receive": "pre_receive_hook",
  "proc-receive": "proc_receive_hook",
};

/** The hook that `git daemon` asks before it serves; it is none of a repository's. */
const ACCESS_HOOK = "access";

/**
 * Makes what is missing.
 *
 * @param programs folder of the hooks' programs, as a URL of a file in it: they have its ending
 * @throws {OperatorError} the disk or git does not let it
 */
export async function setUp(gate: Gate, programs: string): Promise<void> {
  await Deno.mkdir(stateFolder(gate), { recursive: true, mode: 0o700 });
  using _lock = await lockFile(`${stateFolder(gate)}/setting-up`);
  await Deno.mkdir(gate.hooks, { recursive: true, mode: 0o700 });
  for (const [hook, program] of [...Object.entries(HOOKS), [ACCESS_HOOK, "access_hook"]] as const) {
    await writeHook(gate, hook, programPath(programs, program));
  }
  const { config, ignore, attributes } = ruleFiles(gate);
  await Deno.writeTextFile(config, RULES, { mode: 0o600 });
  await Deno.writeTextFile(ignore, "", { mode: 0o600 });
  await Deno.writeTextFile(attributes, ATTRIBUTES, { mode: 0o600 });
  for (const mirror of gate.mirrors) await makeMirror(gate, mirror);
}

/** Path of the hook for `git daemon --access-hook`. */
export function accessHook(gate: Gate): string {
  return `${gate.hooks}/${ACCESS_HOOK}`;
}

/** git starts hooks as programs: a line of shell becomes Deno with the least permissions. */
async function writeHook(gate: Gate, hook: string, program: string): Promise<void> {
  const words = [
    Deno.execPath(),
    "run",
    "--cached-only",
    "--no-prompt",
    "--no-code-cache",
    `--allow-read=${gate.config},${gate.root}`,
    `--allow-write=${gate.root}`,
    "--allow-run=git,gitleaks",
    program,
    gate.config,
    gate.root,
  ];
  const path = `${gate.hooks}/${hook}`;
  const script = `#!/bin/sh\nexec ${words.map(quoted).join(" ")} "$@"\n`;
  // A hook that is being run is replaced whole, never half written.
  await Deno.writeTextFile(`${path}.new`, script, { mode: 0o700 });
  await Deno.rename(`${path}.new`, path);
}

/** Beside a program of the gate: a source file in the checkout, a bundled one in the image. */
function programPath(beside: string, name: string): string {
  return fromFileUrl(new URL(`./${name}${beside.slice(beside.lastIndexOf("."))}`, beside));
}

async function makeMirror(gate: Gate, mirror: Mirror): Promise<void> {
  const made = await git(gate.root, ["init", "--quiet", "--bare", "--initial-branch=main", mirror.path]);
  if (made.code !== 0) throw fault(mirror, made.stderr);
  // Nothing of git's templates is wanted; what is pushed cannot write here.
  for (const [key, value] of Object.entries(settings(gate))) {
    const set = await git(mirror.path, ["config", key, value]);
    if (set.code !== 0) throw fault(mirror, set.stderr);
  }
}

function settings(gate: Gate): Readonly<Record<string, string>> {
  return {
    "core.hooksPath": gate.hooks,
    "core.logAllRefUpdates": "false",
    // Strict, as receive-pack is: a message that goes on behind a NUL is shown to nobody, and is refused.
    "receive.fsckObjects": "true",
    "receive.maxInputSize": String(gate.maxPushBytes),
    // proc-receive writes upstream and then moves the refs here: receive-pack itself moves none.
    "receive.procReceiveRefs": "refs",
    "receive.advertisePushOptions": "false",
    "receive.denyDeletes": "false",
    "receive.denyNonFastForwards": "false",
    "transfer.hideRefs": OWN_REFS,
    "uploadpack.allowFilter": "true",
    "http.receivepack": "true",
    "http.getanyfile": "false",
  };
}

function fault(mirror: Mirror, stderr: string): OperatorError {
  return new OperatorError(`${mirror.name}: the mirror cannot be made: ${escapeUntrusted(stderr.trim())}`);
}
