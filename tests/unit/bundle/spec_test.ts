import { assertEquals, assertThrows } from "@std/assert";
import { BUNDLE_PATHS, DAEMONS } from "../../../lib/bundle/daemons.ts";
import {
  type BundleFile,
  type BundleInput,
  bundleSpec,
  pipelockConfigFile,
  routesFile,
} from "../../../lib/bundle/spec.ts";
import { OperatorError } from "../../../lib/errors.ts";
import { Secret } from "../../../lib/secret.ts";

const INPUT: BundleInput = {
  daemons: ["pipelock", "egress"],
  routesYaml: "routes: []\n",
  pipelockYaml: "version: 1\n",
  egressCa: { certPem: "EGRESS CERT", keyPem: "EGRESS KEY" },
  pipelockCa: { certPem: "PIPELOCK CERT", keyPem: "PIPELOCK KEY" },
  egress: { routes: [], slots: [{ name: "EGRESS_TOKEN_0", tokenRef: "MY_TOKEN" }], warnings: [] },
  extraHosts: [{ name: "api.test", ip: "172.18.0.1" }],
};

function summary(file: BundleFile): string {
  const content = file.content instanceof Secret ? `secret ${file.content.reveal()}` : file.content.trim();
  return `${file.path} ${file.mode.toString(8)} ${file.uid} ${content}`;
}

Deno.test("the bundle of a plain bottle: egress and pipelock, each with files of its own", () => {
  const spec = bundleSpec(INPUT);
  assertEquals(spec.daemons, ["egress", "pipelock"]);
  assertEquals(spec.env, { BOT_BOTTLE_SIDECAR_DAEMONS: "egress,pipelock" });
  assertEquals(spec.dirs.map((dir) => `${dir.path} ${dir.mode.toString(8)} ${dir.uid}`), [
    "/run/bottle 755 0",
    "/run/bottle/egress 755 0",
    "/run/bottle/pipelock 755 0",
  ]);
  assertEquals(spec.files.map(summary), [
    "/run/bottle/egress/routes.yaml 600 9099 routes: []",
    "/run/bottle/egress/ca.pem 644 0 EGRESS CERT",
    "/run/bottle/egress/ca-key.pem 600 9099 secret EGRESS KEY",
    "/run/bottle/pipelock/pipelock.yaml 600 8888 version: 1",
    "/run/bottle/pipelock/ca.pem 644 0 PIPELOCK CERT",
    "/run/bottle/pipelock/ca-key.pem 600 8888 secret PIPELOCK KEY",
  ]);
  assertEquals(spec.extraHosts, INPUT.extraHosts);
  assertEquals(spec.ports, [{ daemon: "egress", port: 9099 }]);
  assertEquals(spec.capabilities.map((capability) => capability.name), ["SETUID", "SETGID", "KILL"]);
  assertEquals(spec.tokenSlots, ["EGRESS_TOKEN_0"]);
});

const REPO = {
  name: "app",
  url: "ssh://git@git.test:2222/me/app.git",
  user: "git",
  host: "git.test",
  port: 2222,
  path: "/me/app.git",
  identity: "/keys/app",
  hostKey: "ssh-ed25519 AAAA of the host",
};

Deno.test("a bottle with repositories: keys for the gate alone, what pins an upstream is root's", () => {
  const { hostKey: _, ...unpinned } = { ...REPO, name: "bare", push: ["agent/*"], force: true };
  const spec = bundleSpec({
    ...INPUT,
    daemons: ["git-gate", ...INPUT.daemons],
    gitGate: {
      repos: [{ repo: REPO, key: new Secret("KEY 1\n") }, { repo: unpinned, key: new Secret("KEY 2\n") }],
      maxPushBytes: 1000,
    },
  });
  assertEquals(spec.ports.map((port) => port.port), [9099, 9418]);
  assertEquals(spec.dirs.slice(3).map((dir) => `${dir.path} ${dir.mode.toString(8)} ${dir.uid}`), [
    "/run/bottle/git-gate 755 0",
    "/run/bottle/git-gate/keys 755 0",
    "/run/bottle/git-gate/known_hosts 755 0",
  ]);
  const [config, ...files] = spec.files.filter((file) => file.path.startsWith("/run/bottle/git-gate"));
  assertEquals(files.map(summary), [
    "/run/bottle/git-gate/keys/app 600 9418 secret KEY 1\n",
    "/run/bottle/git-gate/known_hosts/app 644 0 [git.test]:2222 ssh-ed25519 AAAA",
    "/run/bottle/git-gate/keys/bare 600 9418 secret KEY 2\n",
  ]);
  assertEquals([config!.path, config!.mode, config!.uid], ["/run/bottle/git-gate/gate.json", 0o644, 0]);
  const at = { url: "ssh://git@git.test:2222/me/app.git", host: "git.test", port: 2222 };
  assertEquals(JSON.parse(config!.content as string), {
    maxPushBytes: 1000,
    repos: [{ name: "app", ...at }, { name: "bare", ...at, push: ["agent/*"], force: true }],
  });
});

Deno.test("the operator's extra CA goes in as a public file, for pipelock's side only", () => {
  const files = bundleSpec({ ...INPUT, extraCaPem: "EXTRA" }).files.map(summary);
  assertEquals(files.at(-1), `${BUNDLE_PATHS.pipelockExtraCa} 644 0 EXTRA`);
});

Deno.test("a bundle that is printed shows no key", () => {
  const spec = bundleSpec(INPUT);
  for (const text of [JSON.stringify(spec), Deno.inspect(spec, { depth: 9 })]) {
    assertEquals(/(EGRESS|PIPELOCK) KEY/.test(text), false);
  }
});

Deno.test("later daemons open their ports to the agent; pipelock's never is", () => {
  const spec = bundleSpec({
    ...INPUT,
    daemons: ["supervise", "git-http", "git-gate", "pipelock", "egress", "egress"],
  });
  assertEquals(spec.env.BOT_BOTTLE_SIDECAR_DAEMONS, "egress,pipelock,git-gate,git-http,supervise");
  assertEquals(spec.ports.map((port) => port.port), [9099, 9418, 9420, 9100]);
});

Deno.test("init's command line names the ports it probes and grants no wider network", () => {
  const { command } = bundleSpec(INPUT);
  const net = command.find((flag) => flag.startsWith("--allow-net="));
  assertEquals(
    net,
    "--allow-net=127.0.0.1:9099,127.0.0.1:8888,127.0.0.1:9418,127.0.0.1:9420,127.0.0.1:9100",
  );
  const wide = [
    "-A",
    "--allow-all",
    "--allow-net",
    "--allow-read",
    "--allow-write",
    "--allow-run",
    "--allow-env",
  ];
  assertEquals(command.filter((flag) => wide.includes(flag)), []);
});

Deno.test("a bundle without egress or pipelock, or with a malformed slot, is refused", () => {
  assertThrows(() => bundleSpec({ ...INPUT, daemons: ["egress"] }), OperatorError, "without pipelock");
  assertThrows(() => bundleSpec({ ...INPUT, daemons: ["pipelock"] }), OperatorError, "without egress");
  const egress = { ...INPUT.egress, slots: [{ name: "PATH", tokenRef: "X" }] };
  assertThrows(() => bundleSpec({ ...INPUT, egress }), OperatorError, "malformed name");
});

Deno.test("files of a running bundle keep owner and mode when they are rewritten", () => {
  assertEquals(routesFile("r"), {
    path: BUNDLE_PATHS.routes,
    mode: 0o600,
    uid: DAEMONS.egress.uid,
    content: "r",
  });
  assertEquals(pipelockConfigFile("p").uid, DAEMONS.pipelock.uid);
});
