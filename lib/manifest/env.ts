/** What a bottle takes from the host's environment: checked by name before the launch, read into `Secret`s. */

import type { PlannedEnv } from "../bottle/plan.ts";
import { MAX_TOKEN_CHARS } from "../egress/slots.ts";
import { OperatorError } from "../errors.ts";
import { Secret } from "../secret.ts";
import type { BottleManifest } from "./model.ts";

/** The host's environment, by name. */
export type HostEnv = Readonly<Record<string, string>>;

/** A host variable that a bottle needs. */
export interface HostVariable {
  /** Name of the variable. */
  readonly name: string;
  /** Key of the manifest that asks for it: `egress.routes[0].auth.token_ref`. */
  readonly key: string;
}

/** What is not needed from the host's environment. */
export interface Provided {
  /** Token references that a provider fills itself (`provisionedEnv`). */
  readonly tokenRefs?: Iterable<string>;
  /** Canonical hosts that a provider owns: the manifest's own route for one is dropped, and its token with it. */
  readonly hosts?: Iterable<string>;
}

/** Every host variable that the bottle names, in the manifest's order. */
export function hostVariables(bottle: BottleManifest, provided: Provided = {}): HostVariable[] {
  const tokenRefs = new Set(provided.tokenRefs);
  const hosts = new Set(provided.hosts);
  const variables: HostVariable[] = [];
  for (const [name, source] of Object.entries(bottle.env)) {
    if (source.kind === "host") variables.push({ name: source.name, key: `env.${name}` });
  }
  const { authToken } = bottle.provider;
  if (authToken !== undefined && !tokenRefs.has(authToken)) {
    variables.push({ name: authToken, key: "agent_provider.auth_token" });
  }
  for (const [index, { host, auth }] of bottle.routes.entries()) {
    if (auth === undefined || hosts.has(host) || tokenRefs.has(auth.tokenRef)) continue;
    variables.push({ name: auth.tokenRef, key: `egress.routes[${index}].auth.token_ref` });
  }
  return variables;
}

/**
 * Stops the launch when a host variable that the bottle needs is unset or empty.
 *
 * @throws {OperatorError} naming every such variable and the key that asks for it
 */
export function requireHostVariables(
  bottle: BottleManifest,
  hostEnv: HostEnv,
  provided: Provided = {},
): void {
  const missing = hostVariables(bottle, provided).filter(({ name }) => valueOf(hostEnv, name) === "");
  if (missing.length === 0) return;
  const list = missing.map(({ name, key }) => `${name} (${key})`).join(", ");
  throw new OperatorError(`bottle ${bottle.name} needs host variables that are unset or empty: ${list}`, {
    mend: "set them and start again",
  });
}

/**
 * Reads a credential from the host's environment.
 *
 * @throws {OperatorError} it is unset, empty, too long, or holds what cannot stand in an HTTP header; the value is not shown
 */
export function readHostToken(name: string, hostEnv: HostEnv): Secret {
  const value = valueOf(hostEnv, name);
  if (value === "") throw new OperatorError(`host variable ${name} is unset or empty`, { mend: "set it" });
  if (!/^[\x21-\x7e]+$/.test(value)) {
    throw new OperatorError(
      `host variable ${name} holds a space, a line break or another character no token has`,
    );
  }
  if (value.length > MAX_TOKEN_CHARS) {
    throw new OperatorError(`host variable ${name} is longer than ${MAX_TOKEN_CHARS} characters`);
  }
  return new Secret(value);
}

/**
 * The agent's environment as far as it is known before the launch: `?prompt` stays to be asked.
 *
 * @throws {OperatorError} a `${HOST_VAR}` that is unset or empty, by name
 */
export function planEnv(bottle: BottleManifest, hostEnv: HostEnv): Record<string, PlannedEnv> {
  const planned = Object.entries(bottle.env).map(([name, source]): [string, PlannedEnv] => {
    if (source.kind === "prompt") {
      return [name, { kind: "prompt", text: source.text === "" ? name : source.text }];
    }
    if (source.kind === "literal") return [name, { kind: "value", value: new Secret(source.value) }];
    const value = valueOf(hostEnv, source.name);
    if (value !== "") return [name, { kind: "value", value: new Secret(value) }];
    throw new OperatorError(
      `bottle ${bottle.name} needs host variables that are unset or empty: ${source.name} (env.${name})`,
      { mend: "set them and start again" },
    );
  });
  return Object.fromEntries(planned);
}

function valueOf(hostEnv: HostEnv, name: string): string {
  return Object.hasOwn(hostEnv, name) ? hostEnv[name]! : "";
}
