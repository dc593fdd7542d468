/** The configuration of pipelock: what bottle sets, as one closed schema, and its YAML (SPEC 6). */

import { stringify } from "@std/yaml";
import { z } from "zod";
import { BUNDLE_PATHS } from "../bundle/daemons.ts";
import type { EgressRoute } from "../egress/model.ts";
import { OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";
import { type Cidr, isPrivateIp, parseCidr, parseIp } from "../net/ip.ts";
import type { ExtraHost } from "../state/settings.ts";

/** Requests a minute to one host; pipelock's own 60 stops an agent within seconds. */
const REQUESTS_PER_MINUTE = 60_000;

/** Longest tunnel: a session of one day, with its WebSocket open throughout. */
const TUNNEL_SECONDS = 24 * 3600;

/** Longest silence in a tunnel, and longest plain HTTP exchange: a model may think this long. */
const IDLE_SECONDS = 3600;

/** Largest body that pipelock holds to scan, in MiB: what the model's API takes in one request. */
const BODY_MIB = 32;

/**
 * What pipelock is configured with. The key names are pipelock's own (`docs/configuration.md` of its source); what
 * is not here keeps pipelock's default.
 */
export interface PipelockConfig {
  /** Version of the file format. */
  readonly version: 1;
  /** Only hosts of the allowlist are reached. */
  readonly mode: "strict";
  /** Block, not just log. */
  readonly enforce: true;
  /** Hosts that may be reached, sorted. */
  readonly api_allowlist: readonly string[];
  /** Limits of plain HTTP exchanges, and the rate limit of every kind. */
  readonly fetch_proxy: {
    /** Longest plain HTTP exchange, seconds. */
    readonly timeout_seconds: number;
    /** Longest plain HTTP response, MiB: what is longer is cut off. */
    readonly max_response_mb: number;
    /** Limits for each host. */
    readonly monitoring: {
      /** Requests a minute, each CONNECT and each request inside it counted. */
      readonly max_requests_per_minute: number;
    };
  };
  /** CONNECT tunnels. */
  readonly forward_proxy: {
    /** Tunnels are served. */
    readonly enabled: true;
    /** Longest tunnel, seconds. */
    readonly max_tunnel_seconds: number;
    /** Longest silence in a tunnel that is passed through, seconds. */
    readonly idle_timeout_seconds: number;
  };
  /** Off: ordinary prose trips it. */
  readonly seed_phrase_detection: {
    /** Off. */
    readonly enabled: false;
  };
  /** What is taken for a secret. */
  readonly dlp: {
    /** pipelock's own patterns. */
    readonly include_defaults: true;
    /** Values of pipelock's own environment. */
    readonly scan_env: true;
  };
  /** Secrets in bodies and headers. */
  readonly request_body_scanning: {
    /** What is done about one. */
    readonly action: "block";
    /** Longest request body, bytes: a longer one is refused. */
    readonly max_body_bytes: number;
    /** Headers are scanned too. */
    readonly scan_headers: true;
    /** All of them. */
    readonly header_mode: "all";
    /** But the one that egress owns: the agent's own never gets here, and the injected one is a secret. */
    readonly ignore_headers: readonly ["Authorization"];
  };
  /** Looking inside TLS. */
  readonly tls_interception: {
    /** On. */
    readonly enabled: true;
    /** PEM file in the bundle. */
    readonly ca_cert: string;
    /** PEM file in the bundle; pipelock refuses a mode wider than 0640. */
    readonly ca_key: string;
    /** Hosts whose TLS is not opened, sorted. */
    readonly passthrough_domains: readonly string[];
    /** Longest response, bytes: a longer one is refused. Event streams are not counted. */
    readonly max_response_bytes: number;
  };
  /** Private addresses that may be dialled; absent: none. */
  readonly ssrf?: {
    /** CIDR ranges without host bits, sorted. */
    readonly ip_allowlist: readonly string[];
  };
}

const hosts = z.array(z.string().min(1)).readonly();
const count = z.int().positive();

const schema: z.ZodType<PipelockConfig> = z.strictObject({
  version: z.literal(1),
  mode: z.literal("strict"),
  enforce: z.literal(true),
  api_allowlist: hosts.refine((list) => list.length > 0, "must not be empty in strict mode"),
  fetch_proxy: z.strictObject({
    timeout_seconds: count,
    max_response_mb: count,
    monitoring: z.strictObject({ max_requests_per_minute: count }),
  }),
  forward_proxy: z.strictObject({
    enabled: z.literal(true),
    max_tunnel_seconds: count,
    idle_timeout_seconds: count,
  }),
  seed_phrase_detection: z.strictObject({ enabled: z.literal(false) }),
  dlp: z.strictObject({ include_defaults: z.literal(true), scan_env: z.literal(true) }),
  request_body_scanning: z.strictObject({
    action: z.literal("block"),
    max_body_bytes: count,
    scan_headers: z.literal(true),
    header_mode: z.literal("all"),
    ignore_headers: z.tuple([z.literal("Authorization")]).readonly(),
  }),
  tls_interception: z.strictObject({
    enabled: z.literal(true),
    ca_cert: z.string().startsWith("/"),
    ca_key: z.string().startsWith("/"),
    passthrough_domains: hosts,
    max_response_bytes: count,
  }),
  ssrf: z.strictObject({ ip_allowlist: z.array(z.string().min(1)).min(1).readonly() }).optional(),
});

/** What the configuration is made from. */
export interface PipelockInput {
  /** Routes in force. */
  readonly routes: readonly EgressRoute[];
  /** Host name of the supervise daemon; absent: the bottle has none. */
  readonly superviseHost?: string;
  /** Names that the bundle resolves to fixed addresses; the private ones among these may be dialled. */
  readonly extraHosts: readonly ExtraHost[];
  /** The bundle's own address, when it must be reached through pipelock. */
  readonly bundleAddress?: string;
}

/**
 * The configuration for a bottle.
 *
 * @throws {OperatorError} an SSRF entry that pipelock would refuse, or no host at all
 */
export function pipelockConfig(input: PipelockInput): PipelockConfig {
  const ranges = ssrfRanges(input);
  return checkPipelockConfig({
    version: 1,
    mode: "strict",
    enforce: true,
    api_allowlist: sorted([
      ...input.routes.map((route) => route.host),
      ...(input.superviseHost === undefined ? [] : [input.superviseHost]),
    ]),
    fetch_proxy: {
      timeout_seconds: IDLE_SECONDS,
      max_response_mb: BODY_MIB,
      monitoring: { max_requests_per_minute: REQUESTS_PER_MINUTE },
    },
    forward_proxy: {
      enabled: true,
      max_tunnel_seconds: TUNNEL_SECONDS,
      idle_timeout_seconds: IDLE_SECONDS,
    },
    seed_phrase_detection: { enabled: false },
    dlp: { include_defaults: true, scan_env: true },
    request_body_scanning: {
      action: "block",
      max_body_bytes: BODY_MIB * 1024 * 1024,
      scan_headers: true,
      header_mode: "all",
      ignore_headers: ["Authorization"],
    },
    tls_interception: {
      enabled: true,
      ca_cert: BUNDLE_PATHS.pipelockCaCert,
      ca_key: BUNDLE_PATHS.pipelockCaKey,
      passthrough_domains: sorted(
        input.routes.filter((route) => route.tlsPassthrough).map((route) => route.host),
      ),
      max_response_bytes: BODY_MIB * 1024 * 1024,
    },
    ...(ranges.length === 0 ? {} : { ssrf: { ip_allowlist: ranges } }),
  });
}

/**
 * Checks a configuration against the closed schema.
 *
 * @throws {OperatorError} an unknown, missing or wrong key, by section and name
 */
export function checkPipelockConfig(value: unknown): PipelockConfig {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const faults = result.error.issues.flatMap(describe);
  throw new OperatorError(`pipelock configuration: ${faults.join("; ")}`);
}

/**
 * The configuration as YAML.
 *
 * @throws {OperatorError} as {@linkcode checkPipelockConfig}
 */
export function renderPipelockConfig(config: PipelockConfig): string {
  const write: (value: unknown) => string = stringify;
  return write(checkPipelockConfig(config));
}

function describe(issue: z.core.$ZodIssue): string[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => `${escapeUntrusted([...path, key].join("."))} is unknown`);
  }
  const missing = issue.input === undefined;
  return [`${escapeUntrusted(path.join("."))} ${missing ? "is missing" : `is wrong: ${issue.message}`}`];
}

/** Private ranges that may be dialled, in pipelock's form, sorted. */
function ssrfRanges(input: PipelockInput): readonly string[] {
  return sorted([
    ...input.routes.flatMap((route) =>
      route.ssrfIpAllowlist.map((entry) => range(entry, `ssrf_ip_allowlist of ${route.host}`))
    ),
    ...input.extraHosts.filter((host) => isPrivateIp(host.ip))
      .map((host) => range(host.ip, `BOT_BOTTLE_EXTRA_HOSTS, ${escapeUntrusted(host.name)}`)),
    ...(input.bundleAddress === undefined ? [] : [range(input.bundleAddress, "the bundle's address")]),
  ]);
}

/** An address or range as pipelock takes it: always with a prefix, no host bits, never everything. */
function range(entry: string, where: string): string {
  const ip = parseIp(entry);
  if (ip !== undefined) return `${ip.text}/${ip.version === 4 ? 32 : 128}`;
  const cidr = parseCidr(entry);
  const shown = escapeUntrusted(entry);
  if (cidr === undefined) throw new OperatorError(`${where}: "${shown}" is no IP address or CIDR range`);
  if (cidr.prefix === 0) {
    throw new OperatorError(`${where}: "${shown}" is every address; name the ones needed`);
  }
  if (!isCanonical(entry, cidr)) {
    throw new OperatorError(`${where}: "${shown}" is not the start of its range`, {
      mend: `write ${cidr.text} for the range, or the address alone`,
    });
  }
  return cidr.text;
}

/** Whether the address of a range as written has no host bits, so that nobody opens more than was meant. */
function isCanonical(entry: string, cidr: Cidr): boolean {
  return parseIp(entry.slice(0, entry.indexOf("/")))?.text === cidr.network.text;
}

function sorted(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort();
}
