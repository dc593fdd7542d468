import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  containerLogs,
  createContainer,
  inspectContainer,
  killContainer,
  listContainers,
  removeContainer,
  startContainer,
  stopContainer,
  waitContainer,
} from "../../../backends/docker/engine/containers.ts";
import { EngineError, isRefusal } from "../../../backends/docker/engine/errors.ts";
import { onEngine } from "./fixture.ts";

Deno.test("a container lives from create to remove, and its facts can be read", async () => {
  await onEngine(async ({ engine, create, labels, image }) => {
    const id = await create({
      Cmd: ["sh", "-c", "exit 7"],
      User: "node",
      HostConfig: { CapDrop: ["ALL"], SecurityOpt: ["no-new-privileges"], PidsLimit: 50, Memory: 64 << 20 },
    });
    const made = await inspectContainer(engine, id);
    assertEquals(made?.State.Status, "created");
    assertEquals(made?.Image, image.id);
    assertEquals(made?.Config.User, "node");
    const ended = waitContainer(engine, id, "next-exit");
    await startContainer(engine, id);
    assertEquals(await ended, 7);
    assertEquals((await inspectContainer(engine, id))?.State.ExitCode, 7);
    assertEquals((await listContainers(engine, labels)).map(({ Id }) => Id), [id]);
    await removeContainer(engine, id);
    assertEquals(await inspectContainer(engine, id), undefined);
    assertEquals(await listContainers(engine, labels), []);
  });
});

Deno.test("stop, kill and remove take what is already so", async () => {
  await onEngine(async ({ engine, idle }) => {
    const id = await idle();
    await startContainer(engine, id); // runs already: 304
    await killContainer(engine, id, "SIGKILL");
    assertEquals(await waitContainer(engine, id, "not-running"), 137);
    assert(isRefusal(await caught(killContainer(engine, id, "SIGKILL")), 409));
    await stopContainer(engine, id, 0);
    await removeContainer(engine, id);
    await removeContainer(engine, id);
    await stopContainer(engine, id, 0);
    assertEquals(await waitContainer(engine, id, "not-running"), undefined);
    assert(isRefusal(await caught(startContainer(engine, id)), 404));
  });
});

Deno.test("many removals of one container at once all succeed, and it is gone when any of them returns", async () => {
  await onEngine(async ({ engine, idle }) => {
    for (let round = 0; round < 3; round++) {
      const id = await idle();
      await Promise.all(
        Array.from({ length: 6 }, async () => {
          await removeContainer(engine, id);
          assertEquals(await inspectContainer(engine, id), undefined);
        }),
      );
    }
  });
});

Deno.test("a taken name is refused with 409, an unknown image with 404, both with the engine's reason", async () => {
  await onEngine(async ({ engine, create, image, labels, run }) => {
    await create();
    const spec = { Image: image.tag, Labels: labels };
    const taken: EngineError = await assertRejects(
      () => createContainer(engine, `bottle-${run}-1`, spec),
      EngineError,
    );
    assertEquals(taken.status, 409);
    assertMatch(taken.message, /already in use/);
    const absent: EngineError = await assertRejects(
      () => createContainer(engine, `bottle-${run}-x`, { Image: "bottle-test/absent:1" }),
      EngineError,
    );
    assertEquals([absent.status, absent.request], [404, "POST /containers/create"]);
  });
});

Deno.test("followed logs come in order with their streams and end with the container", async () => {
  await onEngine(async ({ engine, create }) => {
    const script =
      "for i in 1 2 3; do echo out$i; sleep 0.1; echo err$i >&2; sleep 0.1; done; head -c 300000 /dev/zero; echo";
    const id = await create({ Cmd: ["sh", "-c", script] });
    await startContainer(engine, id);
    const decoder = new TextDecoder();
    const seen: string[] = [];
    let zeros = 0;
    for await (const { stream, bytes } of containerLogs(engine, id, { follow: true })) {
      if (bytes[0] === 0) zeros += bytes.filter((byte) => byte === 0).length;
      else if (bytes[0] !== 0x0a) seen.push(`${stream}:${decoder.decode(bytes).trim()}`);
    }
    assertEquals(seen, [1, 2, 3].flatMap((i) => [`stdout:out${i}`, `stderr:err${i}`]));
    assertEquals(zeros, 300_000);
  });
});

Deno.test("followed logs can be left early or aborted, and nothing stays open", async () => {
  await onEngine(async ({ engine, create }) => {
    const id = await create({ Cmd: ["sh", "-c", "while true; do echo tick; sleep 0.05; done"] });
    await startContainer(engine, id);
    for await (const _ of containerLogs(engine, id, { follow: true })) break;
    const stop = new AbortController();
    const reading = async () => {
      for await (const _ of containerLogs(engine, id, { follow: true, signal: stop.signal })) {
        stop.abort(new Error("enough"));
      }
    };
    await assertRejects(reading, Error, "enough");
  });
});

Deno.test("waiting can be aborted", async () => {
  await onEngine(async ({ engine, idle }) => {
    const id = await idle();
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(new Error("enough")), 100);
    await assertRejects(() => waitContainer(engine, id, "next-exit", stop.signal), Error, "enough");
    clearTimeout(timer);
  });
});

async function caught(work: Promise<unknown>): Promise<unknown> {
  try {
    return await work;
  } catch (error) {
    return error;
  }
}
