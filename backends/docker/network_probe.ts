/**
 * Proves from inside the sandbox that the agent's network is closed.
 *
 * A connection must be refused by the sandbox itself: "Permission denied", "No route to host", "Network is
 * unreachable" or "Operation not permitted". "Connection refused" comes from a host that was reached, and
 * silence proves nothing; both stop the launch. The bundle's egress port must answer, or the probe itself is
 * blind. It runs under bash, whose `/dev/tcp` names the reason and which every Debian image has.
 */

/** One address that the agent must not reach. */
export interface ProbeTarget {
  /** What it is, for the message: `host address 192.168.1.5`. */
  readonly what: string;
  readonly protocol: "tcp" | "udp";
  readonly address: string;
  readonly port: number;
}

/** What the probe is told. */
export interface ProbeInput {
  /** Address and port of egress, the positive control. */
  readonly egress: { readonly address: string; readonly port: number };
  /** Gateways of the internal network; empty where the engine isolates it. */
  readonly gateways: readonly string[];
  /** Addresses of the host. */
  readonly hostAddresses: readonly string[];
}

/** Ports that hosts commonly answer on; a closed port gives the reachable host away as well. */
const HOST_PORTS = [22, 53, 80, 443, 2375] as const;

/** Cloud metadata service. */
const METADATA = "169.254.169.254";

/** An address of TEST-NET-1 (RFC 5737): nobody is there, so reaching for it harms nobody. */
const ELSEWHERE = "192.0.2.1";

/** IPv6 documentation prefix (RFC 3849). */
const ELSEWHERE_V6 = "2001:db8::1";

/** Everything that a closed network must refuse. */
export function probeTargets(input: ProbeInput): readonly ProbeTarget[] {
  const targets: ProbeTarget[] = [];
  const add = (what: string, address: string, port: number, protocol: "tcp" | "udp" = "tcp") =>
    targets.push({ what: `${what} ${address}:${port}/${protocol}`, protocol, address, port });
  for (const gateway of input.gateways) {
    for (const port of HOST_PORTS) add("gateway", gateway, port);
    add("gateway", gateway, 53, "udp");
  }
  for (const address of input.hostAddresses) add("host address", address, 22);
  add("engine's resolver", "127.0.0.11", 53, "udp");
  add("metadata address", METADATA, 80);
  add("internet", ELSEWHERE, 443);
  add("internet", ELSEWHERE, 53, "udp");
  add("IPv6 internet", ELSEWHERE_V6, 443);
  return targets;
}

/** Last line of the probe's output when it ran to its end. */
const DONE = "probe done";

/** The script that runs inside the sandbox: one line per target, then {@linkcode DONE}. */
export function probeScript(input: ProbeInput): string {
  const tries = probeTargets(input).map((target, index) =>
    `try ${index} ${target.protocol} ${target.address} ${target.port} &`
  );
  return `exec 2>&1
try() {
  if text=$(LC_ALL=C timeout 4 bash -c "exec 3<>/dev/$2/$3/$4 && printf '\\\\x12\\\\x34\\\\x01\\\\x00\\\\x00\\\\x01\\\\x00\\\\x00\\\\x00\\\\x00\\\\x00\\\\x00\\\\x00\\\\x00\\\\x02\\\\x00\\\\x01' >&3" 2>&1)
  then echo "$1 open"
  else
    case "$text" in
      *"Permission denied"*|*"No route to host"*|*"Network is unreachable"*|*"Operation not permitted"*|*"Cannot assign requested address"*) echo "$1 closed" ;;
      *"Connection refused"*) echo "$1 refused by the other side" ;;
      *) echo "$1 no answer" ;;
    esac
  fi
}
if timeout 4 bash -c "exec 3<>/dev/tcp/${input.egress.address}/${input.egress.port}"
then echo "egress open"; else echo "egress closed"; fi
${tries.join("\n")}
wait
echo "${DONE}"
`;
}

/**
 * Reads the probe's output.
 *
 * @returns one sentence for each thing not proven closed; empty when the network is closed
 */
export function probeFindings(input: ProbeInput, output: string): readonly string[] {
  const lines = output.trim().split("\n");
  const findings: string[] = [];
  if (lines.at(-1) !== DONE) findings.push("the probe did not run to its end");
  if ([...input.gateways, ...input.hostAddresses].includes(input.egress.address)) {
    findings.push(`the bundle's address ${input.egress.address} is the host's too`);
  }
  if (!lines.includes("egress open")) findings.push("egress does not answer, so the probe proves nothing");
  probeTargets(input).forEach((target, index) => {
    const line = lines.find((text) => text.startsWith(`${index} `));
    if (line === `${index} closed`) return;
    findings.push(`${target.what}: ${line === undefined ? "not probed" : line.slice(line.indexOf(" ") + 1)}`);
  });
  return findings;
}
