import { assert, assertEquals } from "@std/assert";
import { OperatorError } from "../../../lib/errors.ts";
import { FakeBackend } from "../bottle/fake_backend.ts";
import { makeHost } from "./fake_host.ts";

const USAGE: readonly { argv: string[]; says: string }[] = [
  { argv: ["strt"], says: "unknown command 'strt' (Did you mean start?)" },
  { argv: ["start"], says: "missing required argument 'AGENT'" },
  { argv: ["start", "dev", "--bakend", "x"], says: "unknown option '--bakend' (Did you mean --backend?)" },
  { argv: ["start", "dev", "--backend"], says: "option '--backend <NAME>' argument missing" },
  {
    argv: ["start", "dev", "-p", "hi"],
    says: "unknown option '-p'; what is for the agent program goes after --\n",
  },
  {
    argv: ["start", "dev", "hello"],
    says: "got 2: dev, hello; what is for the agent program goes after --\n",
  },
  { argv: ["resume", "dev-abc12", "-p"], says: "unknown option '-p'; what is for the agent program" },
  { argv: ["list", "-p"], says: "unknown option '-p'\n" },
  { argv: ["help", "strat"], says: "unknown command 'strat'; did you mean start?\n" },
  { argv: ["help", "\x1b[31m"], says: "unknown command '\\u{1b}[31m'; known: start, " },
  { argv: ["policy", "explian", "dev"], says: "unknown command 'explian' (Did you mean explain?)" },
  { argv: ["policy", "explain", "dev", "GET"], says: "missing required argument 'URL'" },
  { argv: ["resume", "dev-abc12", "--cwd"], says: "unknown option '--cwd'" },
  { argv: ["list", "extra"], says: "too many arguments" },
  { argv: ["list", "--", "extra"], says: "arguments after -- go to the agent" },
  { argv: ["completions", "tcsh"], says: "no completions for the shell 'tcsh'" },
  { argv: ["dashboard"], says: "unknown command 'dashboard'" },
  { argv: ["\x1b[31m\nx"], says: "unknown command '\\u{1b}[31m" },
];

for (const { argv, says } of USAGE) {
  Deno.test(`usage: bottle ${JSON.stringify(argv.join(" "))} is status 2 and one line`, async () => {
    const { run, stderr, stdout } = makeHost();
    assertEquals(await run(...argv), 2);
    assertEquals(stdout(), "");
    assert(stderr().startsWith("bottle: error: "), stderr());
    assert(stderr().includes(says), stderr());
    assertEquals(stderr().split("\n").length, 2, stderr());
    assert(!stderr().includes("\x1b"));
  });
}

Deno.test("no command: the help on standard error, status 2", async () => {
  const { run, stderr, stdout } = makeHost();
  assertEquals(await run(), 2);
  assertEquals(stdout(), "");
  assert(stderr().startsWith("Usage: bottle [options] [command]\n"), stderr());
  assert(!stderr().includes("bottle: "), stderr());
});

Deno.test("a group without its command: the group's help on standard error, status 2", async () => {
  const { run, stderr, stdout } = makeHost();
  assertEquals(await run("policy"), 2);
  assertEquals(stdout(), "");
  assert(stderr().startsWith("Usage: bottle policy ") && stderr().includes("explain"), stderr());
});

const HELP = [
  ["--help"],
  ["help"],
  ["start", "--help"],
  ["help", "resume"],
  ["completions", "-h"],
  ["policy", "explain", "--help"],
];

for (const argv of HELP) {
  Deno.test(`help: bottle ${argv.join(" ")} has examples on standard output, status 0`, async () => {
    const { run, stderr, stdout } = makeHost();
    assertEquals(await run(...argv), 0);
    assertEquals(stderr(), "");
    assert(stdout().startsWith("Usage: bottle") && stdout().includes("Examples:"), stdout());
  });
}

Deno.test("--version", async () => {
  const { run, stdout } = makeHost();
  assertEquals(await run("--version"), 0);
  assertEquals(stdout(), "1.2.3\n");
});

Deno.test("a reader that has gone away is no error", async () => {
  const { run, stderr } = makeHost({ brokenPipe: true });
  assertEquals(await run("--help"), 0);
  assertEquals(await run("completions", "bash"), 0);
  assertEquals(stderr(), "");
});

Deno.test("an operator's error is one line without a stack, with its status", async () => {
  const backend = new FakeBackend();
  backend.enumerateActive = () =>
    Promise.reject(new OperatorError("the engine\nis away", { mend: "start it", status: 1 }));
  const { run, stderr } = makeHost({ backends: { docker: backend } });
  assertEquals(await run("list"), 1);
  assertEquals(stderr(), "bottle: error: the engine\\nis away; start it\n");
});

Deno.test("a bug is one line that says how to see more, and its stack with BOT_BOTTLE_DEBUG=1", async () => {
  const backend = new FakeBackend();
  backend.enumerateActive = () => Promise.reject(new TypeError("x is not a function"));
  const plain = makeHost({ backends: { docker: backend } });
  assertEquals(await plain.run("list"), 1);
  assertEquals(
    plain.stderr(),
    "bottle: error: internal: x is not a function (a bug in bottle; BOT_BOTTLE_DEBUG=1 shows where)\n",
  );
  const debug = makeHost({ backends: { docker: backend }, env: { BOT_BOTTLE_DEBUG: "1" } });
  assertEquals(await debug.run("list"), 1);
  assert(debug.stderr().includes("usage_test.ts"), debug.stderr());
});

for (const home of ["", "relative"]) {
  Deno.test(`a HOME of '${home}' is the operator's to mend`, async () => {
    const { run, stderr } = makeHost({ env: { HOME: home } });
    assertEquals(await run("list"), 1);
    assert(stderr().includes("HOME is not set to an absolute path"), stderr());
  });
}
