/**
 * Closes the networks of a bottle: the agent's, and the bundle's against everybody but the agent.
 *
 * Threat: an `internal` network has no route out, yet the host answers at the bridge's gateway address, other
 * services of the host listen there, and unpatched engines forward DNS (CVE-2024-29018).
 *
 * Mechanism: a short-lived container of the bundle image joins the agent's network namespace with `NET_ADMIN`
 * and sets two layers there. The filter is the wall: only the bundle's ports, never the engine's resolver at
 * 127.0.0.11, nothing forwarded, nothing new coming in. The routes lie before it: only the bundle's address is
 * routed and all else prohibited, so that a connection fails at once with "Permission denied" instead of after
 * retries. (Routes alone would not do: they do not bind the link's broadcasts, a socket bound to the device, or
 * the bundle's other ports.) The agent has no capabilities and can undo neither.
 *
 * Rejected: rules on the host's bridge (they need root on the host and survive a crash of bottle); an init
 * program inside the agent container that drops privileges (the agent's image is the operator's own).
 *
 * Threat to the bundle: the host routes to both of its bridges, so any user of the host reaches what listens there,
 * and egress adds the operator's tokens for whoever connects.
 *
 * Mechanism: the same in the bundle's namespace, before the tokens are handed over: only the agent's address may open
 * a connection, to the agent's ports. Rejected: listening on the internal address alone, which the host reaches too.
 */

/** Where the agent may connect to. */
export interface AllowedPeer {
  /** IPv4 address of the bundle on the internal network. */
  readonly address: string;
  /** TCP ports of the daemons that the agent uses. */
  readonly ports: readonly number[];
}

/** Who may connect to the bundle. */
export interface AllowedClient {
  /** IPv4 address of the agent on the internal network. */
  readonly address: string;
  /** TCP ports of the daemons that the agent uses. */
  readonly ports: readonly number[];
}

/** The agent's filter rules, as `nft -f` reads them. */
export function filterRules(peer: AllowedPeer): string {
  return `table inet bottle {
  chain output {
    type filter hook output priority 0; policy drop;
    ip daddr 127.0.0.11 reject with icmpx type admin-prohibited
    oifname "lo" accept
    ip daddr ${peer.address} tcp dport { ${peer.ports.join(", ")} } accept
    reject with icmpx type admin-prohibited
  }
  chain input {
    type filter hook input priority 0; policy drop;
    iifname "lo" accept
    ct state established,related accept
  }
  chain forward {
    type filter hook forward priority 0; policy drop;
  }
}
`;
}

/** The bundle's filter rules, as `nft -f` reads them. */
export function bundleFilterRules(client: AllowedClient): string {
  return `table inet bottle {
  chain input {
    type filter hook input priority 0; policy drop;
    iifname "lo" accept
    ct state established,related accept
    ip saddr ${client.address} tcp dport { ${client.ports.join(", ")} } accept
    reject with icmpx type admin-prohibited
  }
  chain forward {
    type filter hook forward priority 0; policy drop;
  }
}
`;
}

/** The script that closes the bundle's namespace. */
export function bundleClosingScript(client: AllowedClient): string {
  return `set -eu
nft -f - <<'RULES'
${bundleFilterRules(client)}RULES
`;
}

/**
 * The script that closes the agent's namespace. It first routes to the bundle alone, then prohibits the rest; the
 * filter goes in before, so that there is no moment in which neither holds.
 */
export function closingScript(peer: AllowedPeer): string {
  return `set -eu
nft -f - <<'RULES'
${filterRules(peer)}RULES
device=$(ip -4 -o route get ${peer.address} | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p')
ip -4 route replace ${peer.address}/32 dev "$device" scope link
ip -4 route show | while read -r route; do
  case "$route" in "${peer.address} "*) ;; *) ip -4 route del $route ;; esac
done
ip -4 route add prohibit default
`;
}
