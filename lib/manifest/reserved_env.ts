/** Names of the agent's environment that belong to bottle: a manifest that sets one is an error (SPEC 3). */

/** Proxy variables; programs read either case. */
export const PROXY_ENV_NAMES: readonly string[] = [
  "HTTPS_PROXY",
  "HTTP_PROXY",
  "NO_PROXY",
  "https_proxy",
  "http_proxy",
  "no_proxy",
];

/** Variables that name the trusted certificates. */
export const CA_ENV_NAMES: readonly string[] = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"];

/** Variables that say who the agent is and where it lives; every command in the guest gets them. */
export const USER_ENV_NAMES: readonly string[] = ["HOME", "USER"];

/** Whether a manifest may not set the variable. */
export function isReservedEnvName(name: string): boolean {
  return [...PROXY_ENV_NAMES, ...CA_ENV_NAMES, ...USER_ENV_NAMES].includes(name);
}
