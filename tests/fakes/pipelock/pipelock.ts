#!/usr/bin/env -S deno run --cached-only --no-prompt --allow-net --allow-read --allow-env --allow-sys
/**
 * A stand-in for pipelock, for machines where the real program can be neither installed nor built.
 *
 * It keeps the parts of the real one's contract that bottle relies on, and one contract test runs on both:
 * command line, closed configuration, CONNECT and plain HTTP through an allowlist, TLS inspection with
 * pass-through, refusal of private addresses, refusal texts. It proves that bottle's chain is wired up: order,
 * trust, certificates, statuses, what must and must not get through.
 *
 * It does not prove that secrets are found: it knows six kinds where the real one knows dozens, and none of its
 * entropy, rate, response, session or seed-phrase checks. It never belongs in a bottle that guards anything.
 *
 * `bundle.ts` beside it makes one executable file of it, to stand at `/usr/local/bin/pipelock` of an image.
 */

import { type Config, ConfigError, loadConfig } from "./config.ts";
import { PipelockProxy } from "./server.ts";

const SYSTEM_CA = "/etc/ssl/certs/ca-certificates.crt";

async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  if (command === "version") return await say("pipelock version stand-in");
  if (command === "check") return await check(rest);
  if (command === "run") return await run(rest);
  return await complain(`unknown command "${command ?? ""}" for "pipelock"`);
}

async function check(args: readonly string[]): Promise<number> {
  try {
    const config = await loadConfig(option(args, "-c", "--config"));
    await say("Config validation: OK");
    await say(`  Mode:           ${config.mode}`);
    return await say(`  API allowlist:  ${config.allowlist.length} domains`);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    await say(`Config validation FAILED: ${error.message}`);
    return await complain(error.message);
  }
}

async function run(args: readonly string[]): Promise<number> {
  const listen = /^(.+):(\d+)$/.exec(option(args, "-l", "--listen"));
  if (listen === null) return await complain("invalid listen address");
  let config: Config;
  try {
    config = await loadConfig(option(args, "-c", "--config"));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return await complain(`loading config: ${error.message}`);
  }
  const ended = new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, resolve);
  });
  const trust = await Deno.readTextFile(Deno.env.get("SSL_CERT_FILE") ?? SYSTEM_CA).catch(() => "");
  const proxy = await PipelockProxy.create(config, trust);
  await proxy.listen(listen[1]!, Number(listen[2]));
  await complain("stand-in for pipelock started: it finds few secrets and guards nothing");
  await ended;
  return 0;
}

function option(args: readonly string[], short: string, long: string): string {
  const at = args.findIndex((arg) => arg === short || arg === long);
  return args[at < 0 ? args.length : at + 1] ?? "";
}

async function say(text: string): Promise<number> {
  await Deno.stdout.write(new TextEncoder().encode(`${text}\n`));
  return 0;
}

async function complain(text: string): Promise<number> {
  await Deno.stderr.write(new TextEncoder().encode(`${text}\n`));
  return 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
