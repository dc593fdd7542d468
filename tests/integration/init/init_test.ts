/** Init (PID 1 of the bundle) as a process of its own, with real signals and small real programs. */

import { assertEquals, assertMatch } from "@std/assert";
import { openDeno } from "../../support/open_deno.ts";
import { startInit } from "./running_init.ts";
import { SMALL_UID } from "./small_init.ts";

/** A program that runs until SIGTERM and says when it is up and when it goes. */
const STEADY = `trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done`;
const LINE = '{"tokens":{"EGRESS_TOKEN_0":"real-token"}}\n';

function freePort(): number {
  using probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return probe.addr.port;
}

function isRoot(): boolean {
  return Deno.uid() === 0;
}

Deno.test("tokens reach egress alone, and nothing else of init's environment reaches anyone", async () => {
  const script = `env | sed 's/^/env /'; echo done`;
  await using init = await startInit({
    input: LINE,
    programs: { egress: { script, secrets: true }, pipelock: { script } },
  });
  assertEquals(await init.ended(), 0);
  const env = (name: string) =>
    init.lines.filter((line) => line.startsWith(`[${name}] env `)).map((line) => line.slice(name.length + 7))
      .filter((line) => !/^(PATH|PWD|_|SHLVL|OLDPWD)=/.test(line));
  assertEquals(env("egress"), ["EGRESS_TOKEN_0=real-token"]);
  assertEquals(env("pipelock"), []);
});

Deno.test("as root, each daemon is another user with no other group and no capability", async () => {
  const script = `id -u; id -G; grep CapEff /proc/self/status`;
  await using init = await startInit({ programs: { egress: { script } } });
  assertEquals(await init.ended(), 0);
  const said = init.lines.filter((line) => line.startsWith("[egress]"));
  if (isRoot()) {
    assertEquals(said, [
      `[egress] ${SMALL_UID}`,
      `[egress] ${SMALL_UID}`,
      "[egress] CapEff:\\t0000000000000000",
    ]);
  } else {
    assertEquals(said[0], `[egress] ${Deno.uid()}`);
  }
});

Deno.test("output carries the daemon's name, line by line, with control characters escaped", async () => {
  await using init = await startInit({
    programs: {
      egress: { script: `printf 'one\\ntwo\\r\\n\\nno newline'` },
      pipelock: { script: `printf '\\033[31mred\\n' >&2` },
    },
  });
  assertEquals(await init.ended(), 0);
  assertEquals(init.lines.filter((line) => !line.startsWith("[init]")).sort(), [
    "[egress] ",
    "[egress] no newline",
    "[egress] one",
    "[egress] two",
    "[pipelock] \\u{1b}[31mred",
  ]);
});

Deno.test("SIGTERM and SIGINT end all daemons; the status is 0", async (t) => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    await t.step(signal, async () => {
      await using init = await startInit({
        programs: { egress: { script: STEADY }, pipelock: { script: STEADY } },
      });
      await init.line(/ up$/, 2);
      init.signal(signal);
      assertEquals(await init.ended(), 0);
      assertEquals(init.lines.filter((line) => line.endsWith(" bye")).sort(), [
        "[egress] bye",
        "[pipelock] bye",
      ]);
    });
  }
});

Deno.test("a daemon that ignores SIGTERM gets SIGKILL after the grace, which is no failure", async () => {
  await using init = await startInit({
    graceMs: 300,
    programs: { egress: { script: `trap '' TERM; echo up; while :; do sleep 0.05; done` } },
  });
  await init.line(/ up$/);
  init.signal("SIGTERM");
  assertEquals(await init.ended(), 0);
  await init.line(/^\[init\] egress did not end in time; sending SIGKILL$/);
  await init.line(/^\[init\] egress was ended by SIGKILL$/);
});

Deno.test("a daemon that dies is logged once, the others go on, and its status is init's in the end", async () => {
  await using init = await startInit({
    programs: { egress: { script: STEADY }, pipelock: { script: "exit 7", port: freePort() } },
  });
  await init.line(/^\[init\] pipelock exited with status 7$/);
  await init.line(/^\[init\] not ready: pipelock exited with status 7$/);
  await init.line(/^\[egress\] up$/);
  init.signal("SIGTERM");
  assertEquals(await init.ended(), 7);
  assertEquals(init.lines.filter((line) => line === "[init] pipelock exited with status 7").length, 1);
});

Deno.test("the highest positive status wins; a signal's end counts as none", async () => {
  await using init = await startInit({
    programs: {
      egress: { script: "exit 3" },
      pipelock: { script: "exit 5" },
      supervise: { script: "kill -KILL $$" },
    },
  });
  assertEquals(await init.ended(), 5);
});

Deno.test("a program that cannot be started counts as 127 and stops no other", async () => {
  await using init = await startInit({
    programs: { egress: { script: "", program: "/nonexistent/program" }, pipelock: { script: "echo fine" } },
  });
  assertEquals(await init.ended(), 127);
  await init.line(/^\[init\] egress could not be started: /);
  await init.line(/^\[pipelock\] fine$/);
});

Deno.test("SIGUSR1 restarts pipelock in place and leaves egress alone; a dead pipelock comes back", async () => {
  await using init = await startInit({
    programs: { egress: { script: STEADY }, pipelock: { script: `sleep 0.05; echo $$; ${STEADY}` } },
  });
  await init.line(/^\[pipelock\] up$/);
  init.signal("SIGUSR1");
  await init.line(/^\[pipelock\] up$/, 2);
  assertEquals(init.lines.filter((line) => line === "[pipelock] bye").length, 1);
  assertEquals(init.lines.filter((line) => line === "[egress] up").length, 1);
  const pid = init.lines.filter((line) => /^\[pipelock\] \d+$/.test(line)).at(-1)!.slice(
    "[pipelock] ".length,
  );
  await new Deno.Command("sh", { args: ["-c", `kill -KILL ${Number(pid)}`] }).output();
  await init.line(/^\[init\] pipelock was ended by SIGKILL$/);
  init.signal("SIGUSR1");
  await init.line(/^\[pipelock\] up$/, 3);
  init.signal("SIGTERM");
  assertEquals(await init.ended(), 0);
});

Deno.test("restart requests that come together are one restart", async () => {
  const slow = `trap 'sleep 0.4; echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done`;
  await using init = await startInit({ programs: { pipelock: { script: slow } } });
  await init.line(/ up$/);
  for (let n = 0; n < 5; n++) {
    init.signal("SIGUSR1");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await init.line(/^\[pipelock\] up$/, 2);
  init.signal("SIGTERM");
  assertEquals(await init.ended(), 0);
  assertEquals(init.lines.filter((line) => line === "[pipelock] up").length, 2);
});

Deno.test("shutdown wins over a restart under way", async () => {
  const slow = `trap 'sleep 0.4; echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done`;
  await using init = await startInit({ programs: { pipelock: { script: slow } } });
  await init.line(/ up$/);
  init.signal("SIGUSR1");
  await init.line(/^\[init\] restarting pipelock$/);
  init.signal("SIGTERM");
  init.signal("SIGUSR1");
  assertEquals(await init.ended(), 0);
  assertEquals(init.lines.filter((line) => line === "[pipelock] up").length, 1);
});

Deno.test("SIGHUP goes to egress alone, and waits until egress is ready for it", async () => {
  const port = freePort();
  const dir = await Deno.makeTempDir({ prefix: "bottle-init-" });
  await Deno.chmod(dir, 0o755);
  const deno = await openDeno(dir);
  await using init = await startInit({
    dir,
    programs: {
      egress: {
        // Until its handler stands, SIGHUP would end the program.
        script: `echo early; sleep 0.5; exec ${deno} eval '
          Deno.addSignalListener("SIGHUP", () => console.log("reloaded"));
          for await (const c of Deno.listen({ hostname: "127.0.0.1", port: ${port} })) c.close();'`,
        port,
      },
      pipelock: { script: STEADY },
    },
  });
  await init.line(/^\[egress\] early$/);
  init.signal("SIGHUP");
  await init.line(/^\[init\] ready$/);
  await init.line(/^\[egress\] reloaded$/);
  init.signal("SIGHUP");
  await init.line(/^\[egress\] reloaded$/, 2);
  assertEquals(init.lines.filter((line) => line.startsWith("[pipelock]")), ["[pipelock] up"]);
  init.signal("SIGTERM");
  assertEquals(await init.ended(), 0);
});

Deno.test("what init cannot follow is one line and status 2", async (t) => {
  const programs = { egress: { script: STEADY } };
  const cases: [string, Parameters<typeof startInit>[0], RegExp][] = [
    [
      "unknown daemon",
      { programs, daemons: "egress,nginx" },
      /names nginx; the daemons are egress, pipelock, git-gate/,
    ],
    ["known, no program", { programs, daemons: "egress,supervise" }, /no program for supervise yet/],
    ["bad secrets line", { programs, input: "sk-oops\n" }, /the secrets line is not JSON/],
    ["cut secrets line", { programs, input: '{"tokens":{}}' }, /the secrets line is cut off/],
    ["silent input", { programs, keepInputOpen: true }, /no secrets line on standard input within 0.5 s/],
  ];
  for (const [name, options, pattern] of cases) {
    await t.step(name, async () => {
      await using init = await startInit(options);
      assertEquals(await init.ended(), 2);
      const said = init.lines.filter((line) => !line.includes(" is missing: "));
      assertEquals(said.length, 1, said.join("\n"));
      assertMatch(said[0]!, pattern);
    });
  }
});

Deno.test("only the daemons named are started", async () => {
  await using init = await startInit({
    daemons: "pipelock",
    programs: { egress: { script: "echo egress" }, pipelock: { script: "echo pipelock" } },
  });
  assertEquals(await init.ended(), 0);
  assertEquals(init.lines.filter((line) => !line.startsWith("[init]")), ["[pipelock] pipelock"]);
});

Deno.test("SIGTERM before the secrets line ends init at once", async () => {
  await using init = await startInit({ keepInputOpen: true, programs: { egress: { script: STEADY } } });
  await init.line(/system.pem is missing/);
  init.signal("SIGTERM");
  assertEquals(await init.ended(), 0);
  assertEquals(init.lines.filter((line) => line.startsWith("[egress]")), []);
});

Deno.test("the CA bundles are system + extra for pipelock, and pipelock's CA too for egress", async () => {
  const dir = await Deno.makeTempDir({ prefix: "bottle-init-" });
  await Deno.writeTextFile(`${dir}/system.pem`, "SYSTEM");
  await Deno.writeTextFile(`${dir}/ca.pem`, "PIPELOCK\n");
  await Deno.writeTextFile(`${dir}/extra.pem`, "EXTRA\n\n");
  await using init = await startInit({ dir, programs: { egress: { script: "true" } } });
  assertEquals(await init.ended(), 0);
  assertEquals(await Deno.readTextFile(`${dir}/pipelock-upstream.pem`), "SYSTEM\nEXTRA\n");
  assertEquals(await Deno.readTextFile(`${dir}/egress-upstream.pem`), "SYSTEM\nEXTRA\nPIPELOCK\n");
});
