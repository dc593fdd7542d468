import { assert, assertEquals, assertRejects } from "@std/assert";
import { inspectContainer, startContainer } from "../../../backends/docker/engine/containers.ts";
import { EngineError, isAddressOverlap, isRefusal } from "../../../backends/docker/engine/errors.ts";
import { runExec } from "../../../backends/docker/engine/exec.ts";
import {
  connectNetwork,
  createNetwork,
  disconnectNetwork,
  inspectNetwork,
  listNetworks,
  removeNetwork,
} from "../../../backends/docker/engine/networks.ts";
import { type Ground, onEngine } from "./fixture.ts";

Deno.test("a network lives from create to remove; a second of its name is refused", async () => {
  await onEngine(async ({ engine, run, labels }) => {
    const name = `bottle-${run}-net`;
    const id = await createNetwork(engine, { name, internal: true, labels });
    const info = await inspectNetwork(engine, name);
    assertEquals([info?.Id, info?.Internal, info?.EnableIPv6, info?.Labels], [id, true, false, labels]);
    assertEquals((await listNetworks(engine, labels)).map(({ Name }) => Name), [name]);
    const taken: EngineError = await assertRejects(
      () => createNetwork(engine, { name, internal: true, labels }),
      EngineError,
    );
    assertEquals(taken.status, 409);
    await removeNetwork(engine, id);
    await removeNetwork(engine, id);
    assertEquals(await inspectNetwork(engine, id), undefined);
    assertEquals(await listNetworks(engine, labels), []);
  });
});

Deno.test("a container gets its fixed address in a subnet of ours; the same subnet twice overlaps", async () => {
  await onEngine(async (ground) => {
    const { engine, run, labels, create } = ground;
    const { id, third } = await freeSubnet(ground);
    const overlap: EngineError = await assertRejects(
      () =>
        createNetwork(engine, { name: `bottle-${run}-2`, internal: true, labels, subnet: `${third}.0/24` }),
      EngineError,
    );
    assert(isAddressOverlap(overlap));
    const name = `bottle-${run}-1`;
    const container = await create({
      Cmd: ["sleep", "600"],
      HostConfig: { NetworkMode: name, Init: true },
      NetworkingConfig: { EndpointsConfig: { [name]: { IPAMConfig: { IPv4Address: `${third}.77` } } } },
    });
    await startContainer(engine, container);
    const endpoint = (await inspectContainer(engine, container))?.NetworkSettings.Networks[name];
    assertEquals([endpoint?.IPAddress, endpoint?.NetworkID], [`${third}.77`, id]);
    const { stdout } = await runExec(engine, container, { argv: ["ip", "-4", "addr"] });
    assert(stdout.includes(`${third}.77/24`));
    assert(isRefusal(await removeNetwork(engine, id).catch((error) => error), 403), "still in use");
  });
});

Deno.test("a running container joins and leaves a second network, twice without harm", async () => {
  await onEngine(async ({ engine, run, labels, idle }) => {
    const [first, second] = [`bottle-${run}-a`, `bottle-${run}-b`];
    for (const name of [first, second]) await createNetwork(engine, { name, internal: true, labels });
    const id = await idle({ HostConfig: { NetworkMode: first, Init: true } });
    await connectNetwork(engine, second, id, { Aliases: ["friend"] });
    assertEquals(Object.keys((await inspectContainer(engine, id))!.NetworkSettings.Networks), [
      first,
      second,
    ]);
    await disconnectNetwork(engine, second, id);
    await disconnectNetwork(engine, second, id);
    assertEquals(Object.keys((await inspectContainer(engine, id))!.NetworkSettings.Networks), [first]);
    await disconnectNetwork(engine, `bottle-${run}-absent`, id);
  });
});

/** Makes network `…-1` in a subnet that nobody has: other tests make networks at the same time. */
async function freeSubnet({ engine, run, labels }: Ground): Promise<{ id: string; third: string }> {
  for (let tries = 0; tries < 20; tries++) {
    const third = `10.${200 + Math.floor(Math.random() * 50)}.${Math.floor(Math.random() * 256)}`;
    const spec = { name: `bottle-${run}-1`, internal: true, labels, subnet: `${third}.0/24` };
    try {
      return { id: await createNetwork(engine, spec), third };
    } catch (error) {
      if (!isAddressOverlap(error)) throw error;
    }
  }
  throw new Error("no free subnet in 20 tries");
}
