/** Installs the programs that tests start on the host, where they are missing and can be installed. */

import { ensureProgram } from "../../images/setup/debian.ts";
import { Report } from "../../images/setup/report.ts";
import { messageOf, OperatorError } from "../../lib/errors.ts";

/** Debian package of each program; sh, tar and coreutils are everywhere. */
const PACKAGES: Readonly<Record<string, string>> = {
  bash: "bash",
  curl: "curl",
  git: "git",
  openssl: "openssl",
  python3: "python3",
  tmux: "tmux",
  xz: "xz-utils",
};

if (import.meta.main) {
  const say = (line: string) => void Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
  const at = { path: Deno.env.get("PATH") ?? "/usr/bin:/bin", report: new Report(say) };
  try {
    for (const [program, name] of Object.entries(PACKAGES)) await ensureProgram(at, program, [name]);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    say(`tests: ${messageOf(error)}`);
    Deno.exit(1);
  }
}
