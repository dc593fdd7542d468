/** A host for the command line with recorded streams, a scripted keyboard, and the fake backend of the lifecycle tests. */

import type { Backend } from "../../../lib/bottle/contracts.ts";
import type { CliHost } from "../../../lib/cli/host.ts";
import { Output } from "../../../lib/cli/output.ts";
import { runCli } from "../../../lib/cli/run.ts";

/** What a test says about the host. */
export interface HostOptions {
  readonly home?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly backends?: Readonly<Record<string, Backend>>;
  /** What is typed; undefined: standard input is not a terminal. */
  readonly typed?: string;
  /** Standard error is a terminal. */
  readonly terminal?: boolean;
  /** Width of the terminal. */
  readonly columns?: number;
  /** Standard output has no reader. */
  readonly brokenPipe?: boolean;
}

/** A host with its records. */
export interface RecordedHost {
  readonly host: CliHost;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Runs a command line. */
  readonly run: (...argv: string[]) => Promise<number>;
}

/** Makes a host. */
export function makeHost(options: HostOptions = {}): RecordedHost {
  const written = { stdout: "", stderr: "" };
  const sink = (name: "stdout" | "stderr", terminal: boolean) => ({
    writeSync(bytes: Uint8Array): number {
      if (name === "stdout" && options.brokenPipe) {
        throw new Deno.errors.BrokenPipe("Broken pipe (os error 32)");
      }
      // Short writes are what a pipe does.
      const some = bytes.subarray(0, 7);
      written[name] += String.fromCharCode(...some);
      return some.length;
    },
    isTerminal: () => terminal,
  });
  const env = { HOME: options.home ?? "/nonexistent", ...options.env };
  const typed = [...new TextEncoder().encode(options.typed ?? "")];
  const host: CliHost = {
    version: "1.2.3",
    env,
    cwd: () => options.cwd ?? options.home ?? "/nonexistent",
    output: new Output({
      stdout: sink("stdout", false),
      stderr: sink("stderr", options.terminal ?? false),
      env,
      columns: () => options.columns ?? 80,
    }),
    keyboard: {
      isTerminal: () => options.typed !== undefined,
      setRaw() {},
      read(into) {
        const byte = typed.shift();
        if (byte === undefined) return Promise.resolve(null);
        into[0] = byte;
        return Promise.resolve(1);
      },
    },
    backends: Object.fromEntries(
      Object.entries(options.backends ?? {}).map(([name, backend]) => [name, () => Promise.resolve(backend)]),
    ),
  };
  const decode = (text: string): string =>
    new TextDecoder().decode(Uint8Array.from(text, (char) => char.charCodeAt(0)));
  return {
    host,
    stdout: () => decode(written.stdout),
    stderr: () => decode(written.stderr),
    run: (...argv) => runCli(argv, host),
  };
}
