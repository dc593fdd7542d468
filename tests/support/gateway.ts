/** Where tests look for the host on a bottle's internal network. */

import { gatewaysOf, type NetworkInfo } from "../../backends/docker/engine/networks.ts";
import { parseCidr } from "../../lib/net/ip.ts";

/**
 * The gateway; on an isolated bridge (engine 28), which has none, an address of the subnet that nobody has: what is
 * tried there must be stopped as well.
 */
export function gatewayOf(network: NetworkInfo): string {
  const [gateway] = gatewaysOf(network);
  if (gateway !== undefined) return gateway;
  const range = parseCidr(network.IPAM.Config?.[0]?.Subnet ?? "")?.network;
  if (range === undefined) throw new Error(`network ${network.Name} has no subnet`);
  return range.bytes.with(3, range.bytes[3]! + UNUSED).join(".");
}

/** The engine gives addresses from the lowest on, and a bottle has two. */
const UNUSED = 200;
