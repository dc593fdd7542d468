/** `gate.json`: what the host tells the git gate. Keys and host keys are files of their own (`files.ts`). */

import { z } from "zod";
import { OperatorError } from "../errors.ts";

/** Name of a repository: one folder below the gate's root, never a way out of it. */
export const REPO_NAME: RegExp = /^(?!\.{1,2}$)[A-Za-z0-9._-]+$/;

/** Most bytes of one push or one HTTP request, unless the operator says otherwise. */
export const DEFAULT_MAX_PUSH_BYTES: number = 2 * 1024 ** 3;

/** A repository behind the gate, as the gate sees it. */
export interface GateRepo {
  /** Name of the mirror. */
  readonly name: string;
  /** Upstream, `ssh://user@host:port/path`. */
  readonly url: string;
  /** Canonical host, for messages. */
  readonly host: string;
  /** TCP port of the upstream. */
  readonly port: number;
  /** Refs that the agent may write; absent: every one. */
  readonly push?: readonly string[] | undefined;
  /** Whether the agent may overwrite and delete what it may write; absent: only where `push` is absent too. */
  readonly force?: boolean | undefined;
}

/** The whole configuration. */
export interface GateConfig {
  /** Most bytes of one push or one HTTP request. */
  readonly maxPushBytes: number;
  /** No two names are equal. */
  readonly repos: readonly GateRepo[];
}

const gateRepo: z.ZodType<GateRepo> = z.strictObject({
  name: z.string().regex(REPO_NAME),
  url: z.string().startsWith("ssh://"),
  host: z.string().min(1),
  port: z.int().min(1).max(65535),
  push: z.array(z.string()).min(1).optional(),
  force: z.boolean().optional(),
});

const gateConfig: z.ZodType<GateConfig> = z.strictObject({
  maxPushBytes: z.int().positive(),
  repos: z.array(gateRepo).refine(
    (repos) => new Set(repos.map((repo) => repo.name)).size === repos.length,
    "two repositories have one name",
  ),
});

/** Writes `gate.json`. @throws {Error} a configuration that the gate would refuse: a bug of the caller */
export function renderGateConfig(config: GateConfig): string {
  return JSON.stringify(gateConfig.parse(config), null, 2) + "\n";
}

/** Reads `gate.json`. @throws {OperatorError} it is not what {@linkcode renderGateConfig} writes */
export function parseGateConfig(text: string): GateConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new OperatorError("gate.json is not JSON", { cause });
  }
  const parsed = gateConfig.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw new OperatorError(`gate.json: ${path.join(".") || "(whole)"}: ${message}`, { cause: parsed.error });
}
