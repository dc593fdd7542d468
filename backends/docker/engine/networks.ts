/** Networks of the engine. */

import { absentAsUndefined, type EndpointSettings, labelFilter, type Labels } from "./containers.ts";
import type { Engine } from "./engine.ts";
import { isRefusal } from "./errors.ts";

/** A bridge network to be made. */
export interface NetworkCreate {
  readonly name: string;
  /** Without a route out. The host still answers at the bridge's gateway address. */
  readonly internal: boolean;
  readonly labels?: Labels;
  /** Driver options, e.g. `com.docker.network.bridge.gateway_mode_ipv4`. */
  readonly options?: Readonly<Record<string, string>>;
  /** CIDR; containers may have fixed addresses only where it is given. @default the engine's choice */
  readonly subnet?: string;
  /** Address of the bridge in the subnet. @default the first */
  readonly gateway?: string;
}

/** What `inspect` tells. */
export interface NetworkInfo {
  readonly Id: string;
  readonly Name: string;
  /** RFC 3339 time. */
  readonly Created: string;
  readonly Driver: string;
  readonly Internal: boolean;
  readonly EnableIPv6: boolean;
  readonly IPAM: {
    readonly Config: readonly { readonly Subnet: string; readonly Gateway?: string }[] | null;
  };
  readonly Options: Readonly<Record<string, string>> | null;
  readonly Labels: Labels | null;
  /** Running containers on it, by id; absent in lists. */
  readonly Containers?: Readonly<Record<string, { readonly Name: string; readonly IPv4Address: string }>>;
}

/** Addresses at which the host may answer on a network's bridge; none where the engine isolates it (engine 28). */
export function gatewaysOf(network: Pick<NetworkInfo, "IPAM">): readonly string[] {
  // Not the first of the subnet then: the engine gives that address to a container.
  return (network.IPAM.Config ?? []).flatMap(({ Gateway }) => Gateway ? Gateway.split("/")[0]! : []);
}

/**
 * Makes a bridge network without IPv6 and gives its id.
 *
 * @throws {EngineError} 409 the name is taken; see `isAddressOverlap` for a taken subnet
 */
export async function createNetwork(
  engine: Engine,
  spec: NetworkCreate,
  signal?: AbortSignal,
): Promise<string> {
  const { Id } = await engine.json<{ Id: string }>("POST", "/networks/create", {
    json: {
      Name: spec.name,
      // Engines before 25 make two networks of one name unless told to look.
      CheckDuplicate: true,
      Driver: "bridge",
      Internal: spec.internal,
      EnableIPv6: false,
      Labels: spec.labels,
      Options: spec.options,
      IPAM: spec.subnet === undefined
        ? undefined
        : { Driver: "default", Config: [{ Subnet: spec.subnet, Gateway: spec.gateway }] },
    },
    signal,
  });
  return Id;
}

/** Removes a network; an absent one is fine. @throws {EngineError} 403 a container is still on it */
export async function removeNetwork(engine: Engine, id: string, signal?: AbortSignal): Promise<void> {
  try {
    await engine.send("DELETE", `/networks/${encodeURIComponent(id)}`, { signal });
  } catch (error) {
    if (!isRefusal(error, 404)) throw error;
  }
}

/** Facts of a network, undefined when there is none. */
export async function inspectNetwork(
  engine: Engine,
  id: string,
  signal?: AbortSignal,
): Promise<NetworkInfo | undefined> {
  return await absentAsUndefined(
    engine.json<NetworkInfo>("GET", `/networks/${encodeURIComponent(id)}`, { signal }),
  );
}

/** Networks that carry all these labels. */
export async function listNetworks(
  engine: Engine,
  labels: Labels,
  signal?: AbortSignal,
): Promise<readonly NetworkInfo[]> {
  return await engine.json("GET", "/networks", {
    query: { filters: { label: labelFilter(labels) } },
    signal,
  });
}

/** Puts a container on one more network. @throws {EngineError} */
export async function connectNetwork(
  engine: Engine,
  network: string,
  container: string,
  endpoint: EndpointSettings = {},
  signal?: AbortSignal,
): Promise<void> {
  await engine.send("POST", `/networks/${encodeURIComponent(network)}/connect`, {
    json: { Container: container, EndpointConfig: endpoint },
    signal,
  });
}

/** Takes a container off a network; one that is not on it, or an absent network, is fine. */
export async function disconnectNetwork(
  engine: Engine,
  network: string,
  container: string,
  signal?: AbortSignal,
): Promise<void> {
  try {
    await engine.send("POST", `/networks/${encodeURIComponent(network)}/disconnect`, {
      json: { Container: container, Force: true },
      signal,
    });
  } catch (error) {
    if (isRefusal(error, 404)) return;
    if (isRefusal(error, 403, 500) && /not connected/i.test(error.message)) return;
    throw error;
  }
}
