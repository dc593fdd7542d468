import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { startHoldingInput } from "../../../backends/docker/engine/attach.ts";
import {
  containerLogs,
  inspectContainer,
  killContainer,
  waitContainer,
} from "../../../backends/docker/engine/containers.ts";
import { onEngine, socketPath } from "./fixture.ts";
import { startRelay } from "./relay.ts";
import { Terminal } from "./tmux.ts";

const PROGRAM = new URL("./attach_program.ts", import.meta.url).pathname;

interface Call {
  readonly argv: readonly string[];
  readonly env?: Record<string, string>;
  readonly user?: string;
  readonly workdir?: string;
}

function programArgs(container: string, call: Call, socket = socketPath(), afterwards = "exit"): string[] {
  return ["run", "-A", "--quiet", PROGRAM, socket, container, JSON.stringify(call), afterwards];
}

function programLine(...args: Parameters<typeof programArgs>): string {
  const words = [Deno.execPath(), ...programArgs(...args)];
  return words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
}

/** Runs the program from a script file: its command line is longer than the terminal is wide. */
async function start(terminal: Terminal, folder: string, line: string): Promise<void> {
  await Deno.writeTextFile(`${folder}/go`, `${line}\necho "[status $?]"\n`);
  await terminal.run(`clear; sh ${folder}/go`);
}

async function onTerminal(
  test: (terminal: Terminal, go: (line: string) => Promise<void>) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "bottle-attach-" });
  try {
    await using terminal = await Terminal.open();
    await test(terminal, (line) => start(terminal, folder, line));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("an interactive shell on a terminal: size, resize, ctrl-C, user, folder, environment, status", async () => {
  await onEngine(async ({ idle }) => {
    const id = await idle();
    await onTerminal(async (terminal, go) => {
      const call = {
        argv: ["sh"],
        user: "node",
        workdir: "/home/node",
        env: { TERM: "xterm", GREETING: "grüße", PS1: "guest> " },
      };
      await go(programLine(id, call));
      await terminal.shows("guest>");
      await terminal.run("id -un; pwd; echo $GREETING; stty size");
      const screen = await terminal.shows("24 80");
      assertMatch(screen, /node\n\/home\/node\ngrüße\n24 80/);
      await terminal.resize(100, 30);
      // The new size is on its way while the next line is typed: the shell is asked until it has come.
      await terminal.run("until stty size | grep '30 100'; do sleep 0.1; done");
      await terminal.shows(/^30 100/m);
      await terminal.run("sleep 60; echo slept:$?");
      await new Promise((resolve) => setTimeout(resolve, 300));
      await terminal.press("C-c");
      await terminal.run("echo still here");
      await terminal.shows(/\nstill here/);
      assert(!(await terminal.screen()).includes("slept:0"));
      await terminal.run("exit 42");
      await terminal.shows("[status 42]");
      await terminal.run("stty -a | tr ' ' '\\n' | grep -x -e icanon -e echo -e isig");
      await terminal.shows(/echo\n/);
      await terminal.shows(/icanon\n/);
    });
  });
});

Deno.test("every key reaches the program at once and as it is, ctrl-P too", async () => {
  await onEngine(async ({ idle }) => {
    const id = await idle();
    await onTerminal(async (terminal, go) => {
      // Raw in the guest: each byte is shown in hex as it comes.
      const script = "stty raw -echo; while b=$(dd bs=1 count=1 2>/dev/null | xxd -p); do " +
        'printf "<%s>" "$b"; [ "$b" = 71 ] && exit 0; done';
      await go(programLine(id, { argv: ["sh", "-c", script] }));
      await new Promise((resolve) => setTimeout(resolve, 1000));
      await terminal.press("C-p");
      await terminal.shows("<10>");
      await terminal.press("C-q");
      await terminal.shows("<10><11>");
      await terminal.press("C-c", "C-z", "C-d", "C-s", "Escape", "Up");
      await terminal.shows("<03><1a><04><13><1b><1b><5b><41>");
      await terminal.type("ü");
      await terminal.shows("<c3><bc>");
      await terminal.type("q");
      await terminal.shows("[status 0]");
    });
  });
});

Deno.test("vi edits a file full-screen and gives the terminal back", async () => {
  await onEngine(async ({ idle }) => {
    const id = await idle();
    await onTerminal(async (terminal, go) => {
      await go(programLine(id, { argv: ["sh", "-c", "vi /tmp/f && cat /tmp/f"], env: { TERM: "xterm" } }));
      await terminal.shows(/~\n~/);
      await terminal.type("ihello from vi");
      await terminal.press("Escape");
      await terminal.shows(/^- .*Modified/m); // an escape and a key together would be a function key
      await terminal.resize(90, 20);
      await terminal.type("yypAagain");
      await terminal.shows(/^I .*/m);
      await terminal.press("Escape");
      await terminal.shows(/^- .*Modified/m);
      await terminal.run(":wq");
      await terminal.shows(/hello from vi\nhello from viagain\n[^]*\[status 0\]/);
    });
  });
});

Deno.test("a program that ends without tidying up leaves no mode of the terminal set", async () => {
  await onEngine(async ({ idle }) => {
    const id = await idle();
    await onTerminal(async (terminal, go) => {
      const script = `printf '\\033[?1002h\\033[?25l'; echo set; read x`;
      await go(programLine(id, { argv: ["sh", "-c", script] }));
      await terminal.shows("set");
      assertEquals(await terminal.modes(), "mouse 1 cursor 0");
      await terminal.run("x");
      await terminal.shows("[status 0]");
      assertEquals(await terminal.modes(), "mouse 0 cursor 1");
    });
  });
});

Deno.test("after the program nothing typed is swallowed: the next reader gets all of it", async () => {
  await onEngine(async ({ idle }) => {
    const id = await idle();
    await onTerminal(async (terminal, go) => {
      await go(
        programLine(id, { argv: ["sh", "-c", "echo ready; read x; echo got $x"] }, socketPath(), "line"),
      );
      await terminal.shows("ready");
      await terminal.run("one");
      await terminal.shows("got one");
      await new Promise((resolve) => setTimeout(resolve, 300));
      await terminal.run("two");
      await terminal.shows("[afterwards: two]");
    });
  });
});

Deno.test("a container that dies under a full-screen program is one clear line on a restored terminal", async () => {
  await onEngine(async ({ engine, idle }) => {
    const id = await idle();
    await onTerminal(async (terminal, go) => {
      await go(programLine(id, { argv: ["vi", "/tmp/f"], env: { TERM: "xterm" } }));
      await terminal.shows(/~\n~/);
      await killContainer(engine, id, "SIGKILL");
      const screen = await terminal.shows("[status 1]");
      assertMatch(
        screen.replaceAll("\n", ""),
        /bottle: error: container [0-9a-f]{64} stopped \(status 137\)/,
      );
      assert(!/~\n~/.test(screen), "the alternate screen was left");
      await terminal.run("stty -a | tr ' ' '\\n' | grep -x -e icanon");
      await terminal.shows(/icanon\n/);
    });
  });
});

Deno.test("an engine that dies mid-way is one clear line on a restored terminal", async () => {
  await onEngine(async ({ idle }) => {
    const id = await idle();
    await using relay = await startRelay(socketPath());
    await onTerminal(async (terminal, go) => {
      await go(programLine(id, { argv: ["sh", "-c", "echo ready; sleep 60"] }, relay.path));
      await terminal.shows("ready");
      await relay.cut();
      const screen = await terminal.shows("[status 1]");
      assertStringIncludes(screen, "bottle: error: the docker engine is not running");
      await terminal.run("stty -a | tr ' ' '\\n' | grep -x -e icanon");
      await terminal.shows(/icanon\n/);
    });
  });
});

Deno.test("without a terminal the streams stay apart, input ends at its end, the status is the program's", async () => {
  await onEngine(async ({ idle }) => {
    const id = await idle();
    const script = "cat; echo to-err >&2; [ -t 0 ] || [ -t 1 ] || echo no-tty; exit 11";
    const outcome = await plain(programArgs(id, { argv: ["sh", "-c", script] }), "line 1\nline 2\n");
    assertEquals(outcome, { code: 11, stdout: "line 1\nline 2\nno-tty\n", stderr: "to-err\n" });
  });
});

Deno.test("20 MB pass through a plain attach in both directions unchanged", async () => {
  await onEngine(async ({ idle }) => {
    const id = await idle();
    const sent = "0123456789abcde\n".repeat(20_000_000 / 16);
    const { code, stdout } = await plain(programArgs(id, { argv: ["cat"] }), sent);
    assertEquals([code, stdout.length], [0, sent.length]);
    assert(stdout === sent);
  });
});

Deno.test("attaching to what is not there or does not run is one line", async () => {
  await onEngine(async ({ create, run }) => {
    const absent = await plain(programArgs(`absent-${run}`, { argv: ["sh"] }), "");
    assertMatch(
      absent.stderr,
      /^bottle: error: attaching to container absent-.*No such container.*\(404\)\n$/,
    );
    const stopped = await plain(programArgs(await create(), { argv: ["sh"] }), "");
    assertMatch(stopped.stderr, /^bottle: error: attaching to container .* is not running \(409\)\n$/);
  });
});

Deno.test("an abort ends the attach at once with the reason", async () => {
  await onEngine(async ({ idle }) => {
    const id = await idle();
    const args = programArgs(id, { argv: ["sh", "-c", "echo ready; sleep 60"] });
    const child = new Deno.Command(Deno.execPath(), {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const reader = child.stdout.getReader();
    assertEquals(new TextDecoder().decode((await reader.read()).value), "ready\n");
    const began = performance.now();
    child.kill("SIGTERM");
    const { code } = await child.status;
    assert(performance.now() - began < 5000);
    assertEquals([code, await new Response(child.stderr).text()], [1, "bottle: error: told to stop\n"]);
    await reader.cancel();
    await child.stdin.close().catch(() => undefined);
  });
});

Deno.test("a container is started with bytes on standard input, which stand nowhere else", async () => {
  await onEngine(async ({ engine, create }) => {
    const id = await create({
      Cmd: ["sh", "-c", 'read line; echo "length ${#line}"; cat | wc -c; exit 4'],
      OpenStdin: true,
      StdinOnce: true,
      AttachStdin: true,
    });
    const secret = `{"TOKEN":"${"canary-".repeat(40)}"}`;
    using input = await startHoldingInput(engine, id);
    await input.give(new TextEncoder().encode(`${secret}\n`));
    assertEquals(await waitContainer(engine, id, "not-running"), 4);
    let log = "";
    for await (const { bytes } of containerLogs(engine, id)) log += new TextDecoder().decode(bytes);
    assertEquals(log.replaceAll(" ", ""), `length${secret.length}\n0\n`.replaceAll(" ", ""));
    assert(!JSON.stringify(await inspectContainer(engine, id)).includes("canary"));
  });
});

Deno.test("a container that keeps running gets its line and its end of input", async () => {
  await onEngine(async ({ engine, create }) => {
    const id = await create({
      Cmd: ["sh", "-c", "cat > /tmp/got; echo end; sleep 600"],
      OpenStdin: true,
      StdinOnce: true,
      AttachStdin: true,
      HostConfig: { Init: true },
    });
    using input = await startHoldingInput(engine, id);
    await input.give(new TextEncoder().encode("line\n"));
    for await (const { bytes } of containerLogs(engine, id, { follow: true })) {
      assertEquals(new TextDecoder().decode(bytes), "end\n");
      break;
    }
    assertEquals((await inspectContainer(engine, id))?.State.Running, true);
  });
});

async function plain(
  args: string[],
  input: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = new Deno.Command(Deno.execPath(), { args, stdin: "piped", stdout: "piped", stderr: "piped" })
    .spawn();
  const writing = (async () => {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input)).catch(() => undefined);
    await writer.close().catch(() => undefined);
  })();
  const { code, stdout, stderr } = await child.output();
  await writing;
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
