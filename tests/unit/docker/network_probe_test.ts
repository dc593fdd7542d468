import { assert, assertEquals } from "@std/assert";
import { gatewaysOf, type NetworkInfo } from "../../../backends/docker/engine/networks.ts";
import {
  probeFindings,
  type ProbeInput,
  probeScript,
  probeTargets,
} from "../../../backends/docker/network_probe.ts";

const INPUT: ProbeInput = {
  egress: { address: "172.20.0.2", port: 9099 },
  gateways: ["172.20.0.1"],
  hostAddresses: ["192.168.1.5"],
};

/** Output of a probe in which every target gave this word, but for the named ones. */
function output(word: string, except: Record<number, string> = {}, control = "egress open"): string {
  const lines = probeTargets(INPUT).map((_, index) => `${index} ${except[index] ?? word}`);
  return [control, ...lines, "probe done", ""].join("\n");
}

Deno.test("a network in which everything is closed has no findings", () => {
  assertEquals(probeFindings(INPUT, output("closed")), []);
});

Deno.test("every kind of host is among the targets", () => {
  const what = probeTargets(INPUT).map((target) => target.what);
  for (
    const wanted of [
      "gateway 172.20.0.1:22/tcp",
      "gateway 172.20.0.1:53/udp",
      "host address 192.168.1.5:22/tcp",
      "engine's resolver 127.0.0.11:53/udp",
      "metadata address 169.254.169.254:80/tcp",
      "internet 192.0.2.1:443/tcp",
      "IPv6 internet 2001:db8::1:443/tcp",
    ]
  ) assert(what.includes(wanted), wanted);
});

for (const word of ["open", "refused by the other side", "no answer"]) {
  Deno.test(`one target that is "${word}" is a finding that names it`, () => {
    assertEquals(probeFindings(INPUT, output("closed", { 0: word })), [`gateway 172.20.0.1:22/tcp: ${word}`]);
  });
}

Deno.test("a probe that cannot reach egress proves nothing", () => {
  assertEquals(probeFindings(INPUT, output("closed", {}, "egress closed")), [
    "egress does not answer, so the probe proves nothing",
  ]);
});

Deno.test("a probe that was cut short is a finding, and so is each target it left out", () => {
  const findings = probeFindings(INPUT, "egress open\n0 closed\n");
  assertEquals(findings[0], "the probe did not run to its end");
  assertEquals(findings.length, probeTargets(INPUT).length);
});

Deno.test("a bundle that has the gateway's own address is a finding: what is allowed would be the host", () => {
  const input = { ...INPUT, egress: { address: "172.20.0.1", port: 9099 } };
  assertEquals(probeFindings(input, output("closed")), ["the bundle's address 172.20.0.1 is the host's too"]);
});

Deno.test("no output at all is not a closed network", () => {
  assertEquals(probeFindings(INPUT, "").length, probeTargets(INPUT).length + 2);
});

Deno.test("the script is valid bash", async () => {
  const child = new Deno.Command("bash", { args: ["-n"], stdin: "piped", stderr: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(probeScript(INPUT)));
  await writer.close();
  const { success, stderr } = await child.output();
  assert(success, new TextDecoder().decode(stderr));
});

Deno.test("the host's address on a bridge is the configured one; an isolated bridge has none", () => {
  const network = (Config: NetworkInfo["IPAM"]["Config"]) => gatewaysOf({ IPAM: { Config } });
  assertEquals(network([{ Subnet: "172.18.0.0/16", Gateway: "172.18.0.9/16" }]), ["172.18.0.9"]);
  assertEquals(network([{ Subnet: "172.30.1.0/24" }, { Subnet: "10.0.0.64/26", Gateway: "" }]), []);
  assertEquals(network(null), []);
});
