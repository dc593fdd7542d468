import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { inspectContainer, removeContainer } from "../../../backends/docker/engine/containers.ts";
import { EngineError, isRefusal } from "../../../backends/docker/engine/errors.ts";
import { runExec } from "../../../backends/docker/engine/exec.ts";
import { onEngine } from "./fixture.ts";

Deno.test("exec keeps the streams apart and gives the exit status", async () => {
  await onEngine(async ({ engine, idle }) => {
    const id = await idle();
    const sh = (script: string) => runExec(engine, id, { argv: ["sh", "-c", script] });
    assertEquals(await sh("echo out; echo err >&2; exit 3"), {
      status: 3,
      stdout: "out\n",
      stderr: "err\n",
      truncated: false,
    });
    assertEquals((await sh("true")).status, 0);
    assertEquals((await sh("kill -9 $$")).status, 137);
  });
});

Deno.test("exec passes user, folder and environment, and the values stay out of the container's inspect", async () => {
  await onEngine(async ({ engine, idle }) => {
    const id = await idle();
    const { stdout } = await runExec(engine, id, {
      argv: ["sh", "-c", 'id -u; pwd; printf "%s|" "$A" "$B"'],
      user: "node",
      workdir: "/home/node",
      env: { A: "two words=and 'quotes'", B: "line\nline ü" },
    });
    assertEquals(stdout, "1000\n/home/node\ntwo words=and 'quotes'|line\nline ü|");
    const info = await inspectContainer(engine, id);
    assert(!JSON.stringify(info).includes("two words"));
  });
});

Deno.test("exec writes standard input and closes it, 8 MiB through cat unchanged", async () => {
  await onEngine(async ({ engine, idle }) => {
    const id = await idle();
    assertEquals(
      (await runExec(engine, id, { argv: ["wc", "-c"], stdin: new TextEncoder().encode("four") })).stdout
        .trim(),
      "4",
    );
    const line = "0123456789abcde\n";
    const stdin = new TextEncoder().encode(line.repeat(8 * 1024 * 1024 / line.length));
    const echoed = await runExec(engine, id, { argv: ["cat"], stdin, maxBytes: stdin.length });
    assertEquals([echoed.status, echoed.truncated, echoed.stdout.length], [0, false, stdin.length]);
    assert(echoed.stdout === new TextDecoder().decode(stdin));
  });
});

Deno.test("a program that ends without reading its input does not hang the writer", async () => {
  await onEngine(async ({ engine, idle }) => {
    const id = await idle();
    const stdin = new Uint8Array(16 * 1024 * 1024);
    assertEquals((await runExec(engine, id, { argv: ["sh", "-c", "exit 5"], stdin })).status, 5);
  });
});

Deno.test("output over the bound is dropped, said so, and the program still ends well", async () => {
  await onEngine(async ({ engine, idle }) => {
    const id = await idle();
    const outcome = await runExec(engine, id, {
      argv: ["sh", "-c", "yes | head -c 5000000; echo end >&2"],
      maxBytes: 1000,
    });
    assertEquals([outcome.status, outcome.stdout.length, outcome.stderr, outcome.truncated], [
      0,
      1000,
      "end\n",
      true,
    ]);
  });
});

Deno.test("exec waits for a program that closed its output early", async () => {
  await onEngine(async ({ engine, idle }) => {
    const id = await idle();
    const script = "exec >/dev/null 2>&1; sleep 0.6; exit 9";
    assertEquals((await runExec(engine, id, { argv: ["sh", "-c", script] })).status, 9);
  });
});

Deno.test("what cannot be run says so: unknown program, user, container, one that is stopped", async () => {
  await onEngine(async ({ engine, idle, create }) => {
    const id = await idle();
    // Engines up to 27 tell a missing program in the output, later ones may refuse the start.
    const told = await runExec(engine, id, { argv: ["no-such-program"] }).then(
      ({ status, stdout, stderr }) => `${status} ${stdout}${stderr}`,
      (error) => `${error.status} ${error.message}`,
    );
    assertMatch(told, /^(126|127|400) .*no-such-program/s);
    const user = await caught(runExec(engine, id, { argv: ["true"], user: "nobody-knows" }));
    assertMatch(String(user instanceof EngineError ? user.message : JSON.stringify(user)), /nobody-knows/);
    assert(isRefusal(await caught(runExec(engine, await create(), { argv: ["true"] })), 409));
    await removeContainer(engine, id);
    assert(isRefusal(await caught(runExec(engine, id, { argv: ["true"] })), 404));
  });
});

Deno.test("waiting for a program can be aborted", async () => {
  await onEngine(async ({ engine, idle }) => {
    const id = await idle();
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(new Error("enough")), 150);
    const running = runExec(engine, id, { argv: ["sleep", "60"], stdin: new Uint8Array() }, stop.signal);
    await assertRejects(() => running, Error, "enough");
    clearTimeout(timer);
  });
});

Deno.test("twenty programs at once keep their outputs apart", async () => {
  await onEngine(async ({ engine, idle }) => {
    const id = await idle();
    const numbers = Array.from({ length: 20 }, (_, i) => `${i}`);
    const outcomes = await Promise.all(numbers.map((n) => runExec(engine, id, { argv: ["echo", n] })));
    assertEquals(outcomes.map(({ stdout }) => stdout.trim()), numbers);
  });
});

async function caught(work: Promise<unknown>): Promise<unknown> {
  try {
    return await work;
  } catch (error) {
    return error;
  }
}
