/**
 * What a started bottle is given, in the order of SPEC 10: CA, prompt, provider, skills, workspace, git.
 *
 * Written once, on `exec` and `copyIn` of the bottle contract, so that every backend provisions alike.
 */

import type { Bottle, CopyEntry, GuestUser, Progress } from "../lib/bottle/contracts.ts";
import type { BottlePlan } from "../lib/bottle/plan.ts";
import { OperatorError } from "../lib/errors.ts";
import { escapeUntrusted } from "../lib/escape.ts";
import { CA_BUNDLE, CA_CERTIFICATE, promptPath } from "../lib/bottle/guest.ts";
import { insteadOf } from "../lib/git_gate/instead_of.ts";
import type { ProvisionCommand } from "../lib/providers/provider.ts";

/** The per-bottle certificate authority that the guest must trust. */
export interface GuestCa {
  readonly certPem: string;
  /** SHA-256 of the certificate, as shown to the operator. */
  readonly fingerprint: string;
}

/** What is provisioned besides the plan. */
export interface ProvisionInput {
  readonly ca: GuestCa;
  /** Tar file of the saved conversation; it may not exist. */
  readonly transcript: string;
  /** Where the guest reaches a repository on the git gate. */
  readonly gateUrl: GateUrl;
}

/** URL of a repository on the git gate, by its name. */
export type GateUrl = (name: string) => string;

/** Gives a started bottle all that its plan names. @throws {OperatorError} the step that failed, and its output */
export async function provision(
  bottle: Bottle,
  plan: BottlePlan,
  { ca, transcript, gateUrl }: ProvisionInput,
  progress: Progress,
): Promise<void> {
  progress.step("provision: certificate");
  progress.detail(`certificate authority ${ca.fingerprint}`);
  await provisionCa(bottle, ca);
  progress.step("provision: prompt and provider");
  await provisionProvider(bottle, plan);
  await restoreTranscript(bottle, plan, transcript);
  progress.step("provision: skills");
  await provisionSkills(bottle, plan);
  progress.step("provision: workspace");
  await provisionWorkspace(bottle, plan);
  progress.step("provision: git");
  await provisionGit(bottle, plan, gateUrl);
}

/** The agent's trust store takes the bottle's CA; verified against the bundle that results. */
async function provisionCa(bottle: Bottle, ca: GuestCa): Promise<void> {
  await bottle.copyIn([{
    kind: "file",
    path: CA_CERTIFICATE,
    mode: 0o644,
    user: "root",
    content: ca.certPem,
  }]);
  await run(
    bottle,
    "root",
    [
      "update-ca-certificates",
      // The system bundle alone must vouch for the certificate: this is what curl, git and pip will read.
      `openssl verify -no-CApath -CAfile ${CA_BUNDLE} ${CA_CERTIFICATE}`,
    ].join(" && "),
    "the bottle's certificate could not be added to the guest's trust store",
  );
}

/** The prompt goes in with the provider's folders and files: one archive, unless something runs in between. */
async function provisionProvider(bottle: Bottle, plan: BottlePlan): Promise<void> {
  const { provider } = plan;
  const dirs: CopyEntry[] = provider.dirs.map((dir) => ({
    kind: "dir",
    path: dir.guestPath,
    mode: 0o700,
    user: "node",
  }));
  const prompt = { guestPath: promptPath(plan.guestHome), content: plan.resolved.agent.prompt };
  const files: CopyEntry[] = [prompt, ...provider.files].map((file) => ({
    kind: "file",
    path: file.guestPath,
    mode: 0o600,
    user: "node",
    content: file.content,
  }));
  if (provider.preCopy.length === 0) {
    await bottle.copyIn([...dirs, ...files]);
  } else {
    await bottle.copyIn(dirs);
    for (const command of provider.preCopy) await runCommand(bottle, command);
    await bottle.copyIn(files);
  }
  for (const command of provider.verify) await runCommand(bottle, command);
}

/** A resumed bottle gets its conversation back. */
async function restoreTranscript(bottle: Bottle, plan: BottlePlan, transcript: string): Promise<void> {
  const { transcriptDir } = plan.provider;
  if (transcriptDir === undefined) return;
  const saved = await Deno.stat(transcript).catch(() => undefined);
  if (saved?.isFile) await bottle.copyBack(transcriptDir, transcript);
}

async function provisionSkills(bottle: Bottle, plan: BottlePlan): Promise<void> {
  for (const skill of plan.skills) {
    for (const dir of plan.provider.skillDirs) {
      await bottle.copyTreeIn({ from: skill.hostDir, to: `${dir}/${skill.name}`, user: "node" });
    }
  }
}

async function provisionWorkspace(bottle: Bottle, plan: BottlePlan): Promise<void> {
  if (!plan.copyCwd) return;
  await bottle.copyTreeIn({ from: plan.cwd, to: plan.workdir, user: "node", skip: [".git"] });
  // `.git` follows on its own; in a worktree or submodule it is a file that points outside and stays behind.
  const git = await Deno.lstat(`${plan.cwd}/.git`).catch(() => undefined);
  if (git?.isDirectory) {
    await bottle.copyTreeIn({ from: `${plan.cwd}/.git`, to: `${plan.workdir}/.git`, user: "node" });
  }
}

/** The identity of the agent's commits, and the way to the gate for every spelling of an upstream's URL. */
async function provisionGit(bottle: Bottle, plan: BottlePlan, gateUrl: GateUrl): Promise<void> {
  const { name, email } = plan.resolved.gitIdentity;
  const set = (...words: readonly string[]) => ["git", "config", "--global", ...words].map(quote).join(" ");
  const commands: string[] = [];
  if (name) commands.push(set("user.name", name.value));
  if (email) commands.push(set("user.email", email.value));
  for (const { repo } of plan.gitRepos) {
    const { base, instead } = insteadOf(repo, gateUrl(repo.name));
    for (const url of instead) commands.push(set("--add", `url.${base}.insteadOf`, url));
  }
  if (commands.length === 0) return;
  await run(bottle, "node", commands.join(" && "), "git could not be set up in the guest");
}

async function runCommand(bottle: Bottle, command: ProvisionCommand): Promise<void> {
  const env = Object.entries(command.env ?? {}).map(([name, value]) => `${name}=${quote(value)}`);
  const prefix = env.length > 0 ? `env ${env.join(" ")} ` : "";
  await run(bottle, command.user, prefix + command.argv.map(quote).join(" "), command.failure);
}

async function run(bottle: Bottle, user: GuestUser, script: string, failure: string): Promise<void> {
  const result = await bottle.exec(script, { user });
  if (result.status === 0) return;
  const output = (result.stderr + result.stdout).trim().split("\n").slice(-8).join(" | ");
  throw new OperatorError(`${failure} (exit status ${result.status}): ${escapeUntrusted(output)}`);
}

/** Quotes a word for `sh`. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
