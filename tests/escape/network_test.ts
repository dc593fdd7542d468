/** Invariant 2: the agent reaches nothing but its own bundle; and invariant 3, what it may say to its bundle. */

import { assert, assertEquals } from "@std/assert";
import { inspectContainer } from "../../backends/docker/engine/containers.ts";
import { runExec } from "../../backends/docker/engine/exec.ts";
import { resourceName } from "../../backends/docker/names.ts";
import { privileges, reaching } from "../support/attempts.ts";
import { launchBottle } from "../support/bottle.ts";
import { startLab } from "../support/lab.ts";
import { API_HOST, UNLISTED_HOST } from "../support/lab_manifests.ts";
import { throughProxy } from "../support/proxy_attempts.ts";
import { CONTROL, tryWall, type Wall, walls } from "../support/walls.ts";

Deno.test("the agent reaches nothing but its own bundle", async (t) => {
  await using lab = await startLab();
  await using launched = await launchBottle(lab, "claude");
  const { bottle, gateway, plan } = launched;
  const name = resourceName(plan.identity, "bundle");
  const joined = (await inspectContainer(lab.engine, name))?.NetworkSettings.Networks ?? {};
  const inside = joined[resourceName(plan.identity, "internal")]?.IPAddress ?? "";
  const outside = joined[resourceName(plan.identity, "egress")]?.IPAddress ?? "";
  assert(inside !== "" && outside !== "", JSON.stringify(joined));
  const bundle = [inside, outside];

  const tryAll = async (attempts: readonly Wall[]) => {
    const broken: string[] = [];
    for (const wall of attempts) {
      const { held, output } = await tryWall(bottle, wall);
      if (!held) broken.push(`${wall.attempt}: ${output}`);
    }
    assertEquals(broken, []);
    const control = await tryWall(bottle, CONTROL);
    assert(control.held, control.output);
  };

  await t.step("the demo's walls hold", () => tryAll(walls({ address: lab.address, gateway })));
  await t.step("nothing is reached past the proxy", () =>
    tryAll([
      ...reaching({ address: lab.address, gateway, bundle: inside }),
      ...reaching({ address: outside, gateway: outside, bundle: inside }).filter(({ attempt }) =>
        /^TCP to the gateway, port (53|9099)/.test(attempt)
      ),
    ]));
  await t.step(
    "egress carries nothing that it should not",
    () => tryAll(throughProxy({ address: lab.address, gateway, bundle })),
  );
  await t.step("no call of the kernel makes a way out", () => tryAll(privileges()));

  await t.step("nothing of it arrived", async () => {
    const paths = (await lab.requests()).map(({ host, path }) => `${host}${path}`);
    assert(paths.includes(`${API_HOST}/v1/hello`));
    assertEquals(paths.filter((path) => path !== `${API_HOST}/v1/hello`), [], UNLISTED_HOST);
  });

  await t.step("root in the agent container is no stronger", async () => {
    for (const wall of [...reaching({ address: lab.address, gateway, bundle: inside }), ...privileges()]) {
      // Device files that root's own folder permissions would allow to see are looked for as node.
      if (wall.attempt === "a way back to root") continue;
      const { stdout, stderr } = await bottle.exec(wall.script, { user: "root" });
      assert(wall.held((stdout + stderr).trim()), `${wall.attempt}: ${stdout}${stderr}`);
    }
  });

  await t.step("its processes have no rights and see nobody else's", async () => {
    for (const user of ["node", "root"] as const) {
      const { stdout } = await bottle.exec("cat /proc/self/status", { user });
      for (const name of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
        assert(new RegExp(`^${name}:\\s*0{16}$`, "m").test(stdout), `${user} ${name}: ${stdout}`);
      }
      assert(/^NoNewPrivs:\s*1$/m.test(stdout) && /^Seccomp:\s*2$/m.test(stdout), stdout);
    }
    const { stdout } = await bottle.exec("cat /proc/[0-9]*/cmdline | tr '\\0' ' '", { user: "root" });
    assert(stdout.includes("sleep infinity") && !/egress\/main|pipelock/.test(stdout), stdout);
  });

  await t.step("and in the bundle no daemon reads another's memory or files", async () => {
    const read = (user: string, script: string) =>
      runExec(lab.engine, resourceName(plan.identity, "bundle"), { argv: ["sh", "-c", script], user });
    const script =
      "for f in /proc/[0-9]*/environ; do cat $f 2>/dev/null; done | tr '\\0' '\\n' | grep -c EGRESS_TOKEN";
    assertEquals(
      (await read("9099:9099", script)).stdout.trim() === "0",
      false,
      "the control: egress reads its own",
    );
    assertEquals((await read("8888:8888", script)).stdout.trim(), "0");
    const keys = await read(
      "8888:8888",
      "cat /run/bottle/egress/ca-key.pem /run/bottle/egress/routes.yaml 2>&1",
    );
    assertEquals(keys.stdout.match(/Permission denied/g)?.length, 2, keys.stdout);
  });
});

Deno.test("two bottles at once do not reach each other", async () => {
  await using lab = await startLab();
  const [one, other] = await Promise.all([launchBottle(lab, "claude"), launchBottle(lab, "claude")]);
  await using _one = one;
  await using _other = other;
  const addresses: string[] = [];
  for (const role of ["agent", "bundle"] as const) {
    const info = await inspectContainer(lab.engine, resourceName(other.plan.identity, role));
    addresses.push(...Object.values(info?.NetworkSettings.Networks ?? {}).map(({ IPAddress }) => IPAddress));
  }
  assertEquals(addresses.length, 3);
  for (const address of addresses) {
    const attempts = reaching({ address, gateway: address, bundle: address }).filter(({ attempt }) =>
      /gateway, port|port \d+ of the bundle|bound to the device/.test(attempt)
    );
    for (const wall of attempts) {
      const { held, output } = await tryWall(one.bottle, wall);
      assert(held, `${wall.attempt} at ${address}: ${output}`);
    }
    const byProxy = await one.bottle.exec(
      `curl -sS -m 5 -x http://${address}:9099 https://${API_HOST}/v1/x 2>&1; echo; curl -sS -m 5 http://${address}:9099/ 2>&1`,
      { user: "node" },
    );
    assert(!byProxy.stdout.includes("echo GET"), byProxy.stdout);
  }
  for (const { bottle } of [one, other]) {
    const control = await tryWall(bottle, CONTROL);
    assert(control.held, control.output);
  }
});
