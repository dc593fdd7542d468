/** What is where in a guest, and the environment that every command in it gets. The same on every backend. */

import { DAEMONS } from "../bundle/daemons.ts";
import { Secret } from "../secret.ts";
import type { GuestUser } from "./contracts.ts";
import type { BottlePlan } from "./plan.ts";

/** Where the bottle's certificate lies in the guest's trust folder. */
export const CA_CERTIFICATE = "/usr/local/share/ca-certificates/bot-bottle.crt";

/** The guest's system bundle, as `update-ca-certificates` writes it. */
export const CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt";

/** Host name by which a guest knows the git gate. */
export const GIT_GATE_HOST = "git-gate";

/** Host names by which a guest knows the bundle's daemons. */
export const BUNDLE_HOST_NAMES: readonly string[] = ["egress", GIT_GATE_HOST, "supervise"];

/** File with the agent's prompt; always written, even when empty. */
export function promptPath(guestHome: string): string {
  return `${guestHome}/.bot-bottle-prompt.txt`;
}

/**
 * Variables by which programs in the guest find the proxy and trust its CA (SPEC 10). The manifest cannot set
 * these: they win over everything.
 *
 * @param proxyHost name or address at which the guest reaches egress
 * @param direct names and addresses that are reached without the proxy
 */
export function proxyEnv(proxyHost: string, direct: readonly string[]): Readonly<Record<string, string>> {
  const proxy = `http://${proxyHost}:${DAEMONS.egress.port}`;
  const noProxy = ["localhost", "127.0.0.1", ...direct].join(",");
  return {
    HTTPS_PROXY: proxy,
    https_proxy: proxy,
    HTTP_PROXY: proxy,
    http_proxy: proxy,
    NO_PROXY: noProxy,
    no_proxy: noProxy,
    NODE_EXTRA_CA_CERTS: CA_CERTIFICATE,
    SSL_CERT_FILE: CA_BUNDLE,
    REQUESTS_CA_BUNDLE: CA_BUNDLE,
  };
}

/**
 * The environment of one command in the guest. Precedence for the agent's user: the bottle's own variables, then the
 * manifest's, then the provider's defaults. Root has the bottle's own alone: its commands set the guest up, and a
 * `PATH` that is meant for the agent would break them.
 *
 * @param own the bottle's own variables
 * @throws {Error} a prompt of the manifest was not answered: a bug of the caller
 */
export function guestEnv(
  plan: BottlePlan,
  own: Readonly<Record<string, string>>,
  user: GuestUser,
): Readonly<Record<string, Secret>> {
  if (user === "root") return wrap({ ...own, HOME: "/root", USER: user });
  const values = Object.entries(plan.env).map(([name, planned]) => {
    if (planned.kind === "prompt") throw new Error(`env ${name} was not asked for`);
    return [name, planned.value] as const;
  });
  return {
    ...wrap(plan.provider.env),
    ...Object.fromEntries(values),
    ...wrap({ ...own, HOME: plan.guestHome, USER: user }),
  };
}

function wrap(env: Readonly<Record<string, string>>): Record<string, Secret> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, new Secret(value)]));
}
