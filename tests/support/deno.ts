/** Calls of deno from a test, a demo or a runner. */

/** How a call ended. */
export interface DenoCall {
  readonly ok: boolean;
  /** Its standard output, which was shown as it came. */
  readonly text: string;
}

/** Runs a deno subcommand on this terminal, in the repository, without input. */
export async function deno(
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
): Promise<DenoCall> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: new URL("../../", import.meta.url).pathname,
    env,
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of child.stdout) {
    Deno.stdout.writeSync(chunk);
    text += decoder.decode(chunk, { stream: true });
  }
  return { ok: (await child.status).success, text };
}
