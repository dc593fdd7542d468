import { assert, assertEquals, assertRejects } from "@std/assert";
import { askSecret, confirm } from "../../../lib/cli/prompts.ts";
import { OperatorError } from "../../../lib/errors.ts";
import { makeHost } from "./fake_host.ts";

const open = new AbortController().signal;

Deno.test("without a terminal every step and detail is a line of its own", () => {
  const { host, stderr } = makeHost();
  host.output.step("build the image");
  host.output.detail("Step 1/3\n");
  host.output.detail("\x1b[31mred\x1b[0m");
  host.output.detail("\n");
  host.output.clear();
  assertEquals(
    stderr(),
    "bottle: build the image\nbottle: Step 1/3\nbottle: \\u{1b}[31mred\\u{1b}[0m\n",
  );
});

Deno.test("on a terminal the progress is one line, cut to its width, gone before anything else", () => {
  const { host, stderr } = makeHost({ terminal: true, columns: 30, env: { NO_COLOR: "1" } });
  host.output.step("build");
  host.output.detail("a long line of a build that would wrap");
  host.output.warn("careful");
  assertEquals(
    stderr(),
    "\r\x1b[2Kbottle: build" +
      "\r\x1b[2Kbottle: build: a long line of" +
      "\r\x1b[2Kbottle: warning: careful\n",
  );
});

for (
  const [title, env, coloured] of [
    ["colours on a terminal", {}, true],
    ["NO_COLOR", { NO_COLOR: "1" }, false],
    ["an empty NO_COLOR does not count", { NO_COLOR: "" }, true],
    ["a dumb terminal", { TERM: "dumb" }, false],
  ] as const
) {
  Deno.test(`output: ${title}`, () => {
    const { host, stderr } = makeHost({ terminal: true, env });
    host.output.error("no");
    assertEquals(stderr(), coloured ? "bottle: \x1b[31merror:\x1b[0m no\n" : "bottle: error: no\n");
  });
}

Deno.test("text of many lines: each has the program's name, warnings are warnings", () => {
  const { host, stderr } = makeHost();
  host.output.say("agent : dev\nwarning: look\u202e");
  assertEquals(stderr(), "bottle: agent : dev\nbottle: warning: look\\u{202e}\n");
});

for (
  const [typed, yes] of [
    ["y\n", true],
    ["YES\r", true],
    [" y \n", true],
    ["n\n", false],
    ["\n", false],
    ["yess\n", false],
    ["", false],
  ] as const
) {
  Deno.test(`y/N: ${JSON.stringify(typed)} is ${yes ? "yes" : "no"}`, async () => {
    const { host, stderr } = makeHost({ typed });
    assertEquals(await confirm(host.output, host.keyboard, "Start?", open), yes);
    assert(stderr().startsWith("bottle: Start? [y/N] "), stderr());
  });
}

Deno.test("y/N takes its line only: what is typed after it is the agent's", async () => {
  const { host } = makeHost({ typed: "y\nhello" });
  await confirm(host.output, host.keyboard, "Start?", open);
  const rest = new Uint8Array(1);
  await host.keyboard.read(rest);
  assertEquals(rest[0], "h".charCodeAt(0));
});

for (
  const [title, typed, value] of [
    ["a line", "hunter2\n", "hunter2"],
    ["backspace takes a whole character", "aé\x7f\x7fb\r", "b"],
    ["backspace at the start", "\x7f\x08a\n", "a"],
    ["ctrl-U starts again", "wrong\x15right\n", "right"],
    ["spaces are kept", " a b \n", " a b "],
  ] as const
) {
  Deno.test(`secret: ${title}; nothing of it is shown`, async () => {
    const { host, stderr } = makeHost({ typed });
    assertEquals(await askSecret(host.output, host.keyboard, "KEY", "the key", open), value);
    assertEquals(stderr(), "bottle: KEY: the key (not shown): \n");
  });
}

Deno.test("secret: echo is off while it is typed and on again after, a failure too", async () => {
  for (const typed of ["abc\n", "abc\x04"]) {
    const { host, stderr } = makeHost({ typed });
    const modes: boolean[] = [];
    const keyboard = {
      isTerminal: () => true,
      setRaw: (raw: boolean) => {
        // An answer may come the moment that the question stands there.
        assert(!raw || stderr() === "", "the question came before the echo was off");
        modes.push(raw);
      },
      read: (into: Uint8Array) => {
        assertEquals(modes, [true]);
        return host.keyboard.read(into);
      },
    };
    await askSecret(host.output, keyboard, "KEY", "the key", open).catch(() => {});
    assertEquals(modes, [true, false]);
  }
});

Deno.test("secret: ctrl-D and the end of the input are no value", async () => {
  for (const typed of ["abc\x04", "abc"]) {
    const { host } = makeHost({ typed });
    await assertRejects(
      () => askSecret(host.output, host.keyboard, "KEY", "the key", open),
      OperatorError,
      "no value was given for KEY",
    );
  }
});

Deno.test("secret: without a terminal it is an error that names the variable", async () => {
  const { host } = makeHost();
  await assertRejects(
    () => askSecret(host.output, host.keyboard, "KEY", "the key", open),
    OperatorError,
    "env.KEY asks for a value",
  );
});

Deno.test("an abort ends an open question at once", async () => {
  const { host } = makeHost({ typed: "" });
  const keyboard = { ...host.keyboard, isTerminal: () => true, read: () => new Promise<never>(() => {}) };
  const controller = new AbortController();
  const reason = new Error("interrupted");
  const question = confirm(host.output, keyboard, "Start?", controller.signal).catch((error) => error);
  const secret = askSecret(host.output, keyboard, "K", "k", controller.signal).catch((error) => error);
  controller.abort(reason);
  assertEquals(await question, reason);
  assertEquals(await secret, reason);
});
