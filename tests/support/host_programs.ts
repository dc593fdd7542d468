/** Installs the programs that tests start on the host, where they are missing and can be installed. */

import { canInstall, ensureProgram, installPackages } from "../../images/setup/debian.ts";
import { Report } from "../../images/setup/report.ts";
import { messageOf, OperatorError } from "../../lib/errors.ts";
import { pythonWith } from "./python.ts";

/** Debian package of each program; sh, tar and coreutils are everywhere, node and npm where this is run from. */
const PACKAGES: Readonly<Record<string, string>> = {
  bash: "bash",
  curl: "curl",
  git: "git",
  openssl: "openssl",
  python3: "python3",
  ps: "procps",
  ssh: "openssh-client",
  sshd: "openssh-server",
  tmux: "tmux",
  wget: "wget",
  xz: "xz-utils",
};

/** Debian package of each Python module. */
const MODULES: Readonly<Record<string, string>> = { pip: "python3-pip", requests: "python3-requests" };

if (import.meta.main) {
  const say = (line: string) => void Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
  const at = { path: `${Deno.env.get("PATH") ?? "/usr/bin:/bin"}:/usr/sbin`, report: new Report(say) };
  try {
    for (const [program, name] of Object.entries(PACKAGES)) await ensureProgram(at, program, [name]);
    for (const [module, name] of Object.entries(MODULES)) await ensureModule(at, module, name);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    say(`tests: ${messageOf(error)}`);
    Deno.exit(1);
  }
}

async function ensureModule(
  at: Parameters<typeof ensureProgram>[0],
  module: string,
  name: string,
): Promise<void> {
  if (await pythonWith(module) !== undefined) return;
  if (!await canInstall(at)) {
    throw new OperatorError(`no Python has the module ${module}`, { mend: `install ${name}` });
  }
  await at.report.step(`${module}: apt-get install ${name}`, () => installPackages([name]));
}
