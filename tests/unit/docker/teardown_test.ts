import { assertEquals, assertRejects } from "@std/assert";
import { Teardown, together } from "../../../backends/docker/teardown.ts";

Deno.test("stages are undone last first, once, and go on after a failure that is named", async () => {
  const said: string[] = [];
  const done: string[] = [];
  const teardown = new Teardown((text) => said.push(text));
  teardown.stage();
  teardown.add("removing network a", () => Promise.resolve(void done.push("a")));
  teardown.stage();
  teardown.add("removing container b", () => Promise.reject(new Error("engine says no")));
  teardown.add("removing container c", () => Promise.resolve(void done.push("c")));
  await teardown[Symbol.asyncDispose]();
  await teardown[Symbol.asyncDispose]();
  assertEquals(done, ["c", "a"]);
  assertEquals(said, ["teardown: removing container b failed: engine says no"]);
});

Deno.test("a failing undo never hides the error that led to it", async () => {
  await assertRejects(
    async () => {
      await using teardown = new Teardown(() => undefined);
      teardown.add("removing x", () => Promise.reject(new Error("late")));
      throw new Error("first");
    },
    Error,
    "first",
  );
});

Deno.test("a stack that was handed over is disposed by its new owner alone", async () => {
  const done: string[] = [];
  const next = await (async () => {
    await using teardown = new Teardown(() => undefined);
    teardown.add("x", () => Promise.resolve(void done.push("x")));
    return teardown.handOver();
  })();
  assertEquals(done, []);
  await next[Symbol.asyncDispose]();
  assertEquals(done, ["x"]);
});

Deno.test("together waits for its neighbours before it throws the first failure", async () => {
  let finished = false;
  const slow = (async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    finished = true;
  })();
  await assertRejects(() => together(slow, Promise.reject(new Error("no"))), Error, "no");
  assertEquals(finished, true);
});
