/** The effective routes: the provider's own, then the manifest's for other hosts, then token slots. */

import type { ManifestRoute } from "../manifest/model.ts";
import type { ProviderRoute } from "../providers/provider.ts";
import { OperatorError } from "../errors.ts";
import type { EgressPlan, EgressRoute, TokenSlot } from "./model.ts";
import { MAX_SLOTS, slotName } from "./slots.ts";

/**
 * Decides the routes in force (SPEC 5). A provider owns its hosts outright: a manifest route for one of them is
 * dropped, with a warning when that takes something away from the operator (a narrower path or method list, a word
 * about git, a credential, a pipelock exception). Slots are given in route order, one per distinct token reference.
 *
 * @param provider routes of the provider, hosts canonical and distinct
 * @param manifest routes of the bottle, hosts canonical and distinct
 * @throws {OperatorError} more different tokens than there are slots
 */
export function effectiveRoutes(
  provider: readonly ProviderRoute[],
  manifest: readonly ManifestRoute[],
): EgressPlan {
  const owned = new Set(provider.map((route) => route.host));
  const slots: TokenSlot[] = [];
  const withSlot = (auth: RouteCredential | undefined): EgressRoute["auth"] =>
    auth === undefined ? undefined : { ...auth, slot: slotFor(slots, auth.tokenRef) };

  const routes = [
    ...provider.map((route) => providerRoute(route, withSlot(route.auth))),
    ...manifest.filter((route) => !owned.has(route.host))
      .map((route) => manifestRoute(route, withSlot(route.auth))),
  ];
  const warnings = manifest.filter((route) => owned.has(route.host)).flatMap(warningsForDropped);
  return { routes, slots, warnings };
}

interface RouteCredential {
  readonly scheme: "Bearer" | "token";
  readonly tokenRef: string;
  readonly keepCookies?: true;
}

function providerRoute(route: ProviderRoute, auth: EgressRoute["auth"]): EgressRoute {
  return {
    host: route.host,
    pathAllowlist: [],
    ...(auth === undefined ? {} : { auth }),
    agentAuth: auth === undefined,
    owner: "provider",
    tlsPassthrough: route.tlsPassthrough,
    ssrfIpAllowlist: [],
  };
}

function manifestRoute(route: ManifestRoute, auth: EgressRoute["auth"]): EgressRoute {
  return {
    host: route.host,
    pathAllowlist: [...route.pathAllowlist],
    ...(route.methods === undefined ? {} : { methods: [...route.methods] }),
    ...(route.git === undefined ? {} : { git: route.git }),
    ...(auth === undefined ? {} : { auth }),
    agentAuth: false,
    owner: "manifest",
    tlsPassthrough: route.tlsPassthrough,
    ssrfIpAllowlist: [...route.ssrfIpAllowlist],
  };
}

function slotFor(slots: TokenSlot[], tokenRef: string): string {
  const known = slots.find((slot) => slot.tokenRef === tokenRef);
  if (known !== undefined) return known.name;
  if (slots.length === MAX_SLOTS) {
    throw new OperatorError(`the routes name more than ${MAX_SLOTS} different tokens`);
  }
  const name = slotName(slots.length);
  slots.push({ name, tokenRef });
  return name;
}

function warningsForDropped(route: ManifestRoute): string[] {
  const lost: string[] = [];
  if (route.pathAllowlist.length > 0 && !route.pathAllowlist.includes("/")) {
    lost.push(`its path_allowlist (${route.pathAllowlist.join(", ")}) is widened to every path`);
  }
  if (route.methods !== undefined) {
    lost.push(`its methods (${route.methods.join(", ")}) are widened to every method`);
  }
  if (route.git !== undefined) lost.push(`its git: ${route.git} is not used`);
  if (route.auth !== undefined) lost.push(`its token ${route.auth.tokenRef} is not used`);
  if (route.ssrfIpAllowlist.length > 0) lost.push("its ssrf_ip_allowlist is not used");
  if (lost.length === 0) return [];
  return [`the provider owns ${route.host}: the manifest's route for it is dropped, ${lost.join(", ")}`];
}
