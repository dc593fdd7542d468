/** What a hook says to the client: git puts `remote: ` before each line. */

/** Writes lines to standard error, each with the gate's name; they hold no untrusted text unescaped. */
export function tell(lines: readonly string[]): void {
  const text = lines.map((line) => `git-gate: ${line}\n`).join("");
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}
