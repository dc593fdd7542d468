import { assertEquals } from "@std/assert";
import {
  agentContainer,
  bundleContainer,
  closerContainer,
} from "../../../backends/docker/container_specs.ts";
import { chooseRuntime } from "../../../backends/docker/agent.ts";
import { type BundleInput, bundleSpec } from "../../../lib/bundle/spec.ts";
import { type EngineFacts, kernelIsAtLeast } from "../../../backends/docker/engine/system.ts";
import { homeDigest, resourceName } from "../../../backends/docker/names.ts";

const AGENT = agentContainer({
  image: "image",
  labels: { a: "b" },
  network: "internal",
  runtime: "runc",
});

Deno.test("the agent container has no capabilities, no new privileges, no mounts, no environment", () => {
  const { HostConfig: host } = AGENT;
  assertEquals(host?.CapDrop, ["ALL"]);
  assertEquals(host?.CapAdd, undefined);
  assertEquals(host?.SecurityOpt, ["no-new-privileges:true"]);
  assertEquals(host?.Mounts, undefined);
  assertEquals(host?.RestartPolicy, { Name: "no" });
  assertEquals(AGENT.Env, undefined);
  assertEquals(AGENT.User, "node");
});

Deno.test("the closing container joins the agent's namespace with NET_ADMIN and nothing else", () => {
  const { HostConfig: host } = closerContainer("bundle", {}, "agent-id", "true");
  assertEquals(host?.NetworkMode, "container:agent-id");
  assertEquals(host?.CapDrop, ["ALL"]);
  assertEquals(host?.CapAdd, ["NET_ADMIN"]);
  assertEquals(host?.ReadonlyRootfs, true);
});

const BUNDLE: BundleInput = {
  daemons: ["egress", "pipelock"],
  routesYaml: "",
  pipelockYaml: "",
  egressCa: { certPem: "", keyPem: "" },
  pipelockCa: { certPem: "", keyPem: "" },
  egress: { routes: [], slots: [], warnings: [] },
  extraHosts: [],
};

Deno.test("no container runs an image's health check, nor fills the disk with its log", () => {
  const bundle = bundleContainer("bundle", {}, "egress", bundleSpec(BUNDLE), FACTS);
  for (const container of [AGENT, closerContainer("bundle", {}, "agent-id", "true"), bundle]) {
    assertEquals(container.Healthcheck, { Test: ["NONE"] });
    assertEquals(container.HostConfig?.LogConfig?.Config?.["max-size"], "10m");
  }
  assertEquals(bundle.HostConfig?.Runtime, "runc");
});

const FACTS: EngineFacts = {
  version: "20.10.24",
  apiVersion: "1.41",
  runtimes: ["runc"],
  defaultRuntime: "runc",
  osType: "linux",
  architecture: "x86_64",
  rootless: false,
  seccomp: true,
  isolatedGateway: false,
  pingpongThreshold: false,
};

Deno.test("the bundle acknowledges promptly where the kernel can be told to", () => {
  const sysctls = (facts: EngineFacts) =>
    bundleContainer("bundle", {}, "egress", bundleSpec(BUNDLE), facts).HostConfig?.Sysctls;
  assertEquals(sysctls(FACTS), undefined);
  assertEquals(sysctls({ ...FACTS, pingpongThreshold: true }), { "net.ipv4.tcp_pingpong_thresh": "255" });
});

Deno.test("kernel versions are compared by number, whatever is written behind", () => {
  for (const version of ["6.7", "6.12.1+deb13-amd64", "7.0.0-rc1", "10.1"]) {
    assertEquals(kernelIsAtLeast(version, 6, 7), true, version);
  }
  for (const version of ["6.6.99", "5.15.167.4-microsoft", "4.18.0", "", "linux"]) {
    assertEquals(kernelIsAtLeast(version, 6, 7), false, version);
  }
});

Deno.test("runsc is used where its network can be closed, refused with the reason where it cannot", () => {
  assertEquals(chooseRuntime(FACTS), { name: "runc" });
  const both = { ...FACTS, runtimes: ["runc", "runsc"] };
  assertEquals(chooseRuntime({ ...both, isolatedGateway: true }), { name: "runsc" });
  assertEquals(chooseRuntime(both).name, "runc");
  assertEquals(chooseRuntime(both).refused?.includes("cannot keep the host off"), true);
});

Deno.test("resources are named after the identity; another home has another digest", async () => {
  assertEquals(resourceName("dev-abc12", "agent"), "bot-bottle-dev-abc12");
  assertEquals(resourceName("dev-abc12", "bundle"), "bot-bottle-dev-abc12-bundle");
  const one = await homeDigest("/nowhere/a");
  assertEquals(one.length, 16);
  assertEquals(one === await homeDigest("/nowhere/b"), false);
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(`${folder}/home`);
  await Deno.symlink(`${folder}/home`, `${folder}/link`);
  assertEquals(await homeDigest(`${folder}/link`), await homeDigest(`${folder}/home`));
  await Deno.remove(folder, { recursive: true });
});
