/** The configuration that the stand-in reads: the keys that bottle can render, refused as the real one refuses. */

import { parse } from "@std/yaml";

/** What the stand-in goes by. */
export interface Config {
  readonly mode: string;
  readonly allowlist: readonly string[];
  readonly passthrough: readonly string[];
  readonly ipAllowlist: readonly string[];
  readonly maxBodyBytes: number;
  readonly ignoreHeaders: readonly string[];
  readonly caCert: string;
  readonly caKey: string;
}

/** A configuration that is refused; the message is the real program's. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

const ANY = "any";
interface Section {
  /** Go type that the real program names in its message. */
  readonly type: string;
  readonly keys: Readonly<Record<string, typeof ANY | Section>>;
}

function section(type: string, ...names: readonly string[]): Section {
  return { type, keys: Object.fromEntries(names.map((name) => [name, ANY])) };
}

const ROOT: Section = {
  type: "Config",
  keys: {
    version: ANY,
    mode: ANY,
    enforce: ANY,
    explain_blocks: ANY,
    api_allowlist: ANY,
    forward_proxy: section(
      "ForwardProxy",
      "enabled",
      "max_tunnel_seconds",
      "idle_timeout_seconds",
      "sni_verification",
    ),
    fetch_proxy: {
      type: "FetchProxy",
      keys: {
        listen: ANY,
        timeout_seconds: ANY,
        max_response_mb: ANY,
        user_agent: ANY,
        monitoring: section(
          "Monitoring",
          "max_url_length",
          "entropy_threshold",
          "subdomain_entropy_threshold",
          "subdomain_entropy_exclusions",
          "max_requests_per_minute",
          "max_data_per_minute",
          "blocklist",
        ),
      },
    },
    seed_phrase_detection: section("SeedPhraseDetection", "enabled", "min_words", "verify_checksum"),
    dlp: section("DLP", "include_defaults", "scan_env", "min_env_secret_length", "patterns"),
    request_body_scanning: section(
      "RequestBodyScanning",
      "enabled",
      "action",
      "max_body_bytes",
      "scan_headers",
      "header_mode",
      "sensitive_headers",
      "ignore_headers",
    ),
    response_scanning: section("ResponseScanning", "enabled", "action", "exempt_domains", "sse_streaming"),
    tls_interception: section(
      "TLSInterception",
      "enabled",
      "ca_cert",
      "ca_key",
      "passthrough_domains",
      "cert_ttl",
      "cert_cache_size",
      "max_response_bytes",
    ),
    logging: section("LoggingConfig", "format", "output", "file", "include_allowed", "include_blocked"),
    ssrf: section("SSRF", "ip_allowlist"),
  },
};

type Values = Readonly<Record<string, unknown>>;

/** Reads and checks a configuration file. @throws {ConfigError} */
export async function loadConfig(path: string): Promise<Config> {
  const text = await readText(path);
  const root = values(parse(text));
  const unknown = unknownKeys(root, ROOT, text);
  if (unknown.length > 0) {
    throw new ConfigError(`parsing config ${path}: yaml: unmarshal errors:\n${unknown.join("\n")}`);
  }
  const tls = values(root.tls_interception);
  const scanning = values(root.request_body_scanning);
  const config: Config = {
    mode: String(root.mode ?? "balanced"),
    allowlist: strings(root.api_allowlist),
    passthrough: strings(tls.passthrough_domains),
    ipAllowlist: strings(values(root.ssrf).ip_allowlist),
    maxBodyBytes: Number(scanning.max_body_bytes ?? 5 * 1024 * 1024),
    ignoreHeaders: strings(scanning.ignore_headers).map((name) => name.toLowerCase()),
    caCert: String(tls.ca_cert),
    caKey: String(tls.ca_key),
  };
  demandWhatBottleRenders(root, tls, scanning);
  await check(config);
  return config;
}

/** The stand-in knows one way of working; another must not pass for it. */
function demandWhatBottleRenders(root: Values, tls: Values, scanning: Values): void {
  const demands: readonly (readonly [string, unknown, unknown])[] = [
    ["version", root.version, 1],
    ["enforce", root.enforce, true],
    ["forward_proxy.enabled", values(root.forward_proxy).enabled, true],
    ["tls_interception.enabled", tls.enabled, true],
    ["request_body_scanning.action", scanning.action, "block"],
    ["request_body_scanning.scan_headers", scanning.scan_headers, true],
    ["request_body_scanning.header_mode", scanning.header_mode, "all"],
    ["dlp.include_defaults", values(root.dlp).include_defaults, true],
  ];
  const missed = demands.filter(([, value, wanted]) => value !== wanted);
  const modes = ["strict", "balanced", "audit"];
  if (missed.length > 0 && modes.includes(String(root.mode))) {
    throw new ConfigError(
      `the stand-in needs ${missed.map(([key, , wanted]) => `${key}: ${wanted}`).join(", ")}`,
    );
  }
}

async function check(config: Config): Promise<void> {
  if (!["strict", "balanced", "audit"].includes(config.mode)) {
    throw invalid(`invalid mode "${config.mode}": must be strict, balanced, or audit`);
  }
  if (config.mode !== "strict") throw new ConfigError("the stand-in knows mode strict alone");
  if (config.allowlist.length === 0) {
    throw invalid("strict mode requires at least one domain in api_allowlist");
  }
  for (const path of [config.caCert, config.caKey]) {
    const info = await Deno.stat(path).catch(() => undefined);
    if (info === undefined) throw invalid(`stat ${path}: no such file or directory`);
    const mode = (info.mode ?? 0) & 0o777;
    if (path === config.caKey && (mode & ~0o640) !== 0) {
      const shown = mode.toString(8).padStart(4, "0");
      throw invalid(`CA key ${path} is too permissive (mode ${shown}): restrict to 0600 or 0640`);
    }
  }
}

function invalid(what: string): ConfigError {
  return new ConfigError(`invalid config: ${what}`);
}

async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch {
    throw new ConfigError(`reading config ${path}: open ${path}: no such file or directory`);
  }
}

function unknownKeys(given: Values, known: Section, text: string): readonly string[] {
  return Object.entries(given).flatMap(([key, value]) => {
    const kind = known.keys[key];
    if (kind === undefined) {
      const line = text.split("\n").findIndex((row) => row.trimStart().startsWith(`${key}:`)) + 1;
      return [`  line ${line}: field ${key} not found in type config.${known.type}`];
    }
    return kind === ANY ? [] : unknownKeys(values(value), kind, text);
  });
}

function values(value: unknown): Values {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Values : {};
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
