import { assertEquals, assertRejects } from "@std/assert";
import { BuildTrail } from "../../../backends/docker/engine/build.ts";
import { compareVersions } from "../../../backends/docker/engine/engine.ts";
import {
  EngineError,
  isAddressOverlap,
  isRefusal,
  messageIn,
} from "../../../backends/docker/engine/errors.ts";
import { confinesBySeccomp } from "../../../backends/docker/engine/system.ts";
import { LineCutter, progressMessages } from "../../../backends/docker/engine/progress.ts";

Deno.test("messages are read however the bytes are cut, with and without a last line end", async () => {
  const text = '{"stream":"Stäp 1"}\r\n{"stream":"\\n"}\n\n{"aux":{"ID":"sha256:1"}}\n{"error":"no"}';
  const bytes = new TextEncoder().encode(text);
  for (let size = 1; size < bytes.length; size += 3) {
    const chunks = [];
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.slice(at, at + size));
    const read = await Array.fromAsync(progressMessages(ReadableStream.from(chunks)));
    assertEquals(read, [{ stream: "Stäp 1" }, { stream: "\n" }, { aux: { ID: "sha256:1" } }, {
      error: "no",
    }]);
  }
  const broken = ReadableStream.from([new TextEncoder().encode("{no\n")]);
  await assertRejects(() => Array.fromAsync(progressMessages(broken)), SyntaxError);
});

Deno.test("text is cut into lines without colours, controls shown, empty ones dropped", () => {
  const cutter = new LineCutter();
  const pieces = ["one\ntw", "o\r", "\n\n  \x1b[31mred\x1b[0m \x07\n", "10%\r20%\r\ntail"];
  assertEquals(pieces.flatMap((piece) => cutter.push(piece)), ["one", "two", "  red \\u{07}", "10%", "20%"]);
  assertEquals(cutter.flush(), ["tail"]);
  assertEquals(cutter.flush(), []);
});

Deno.test("a trail holds what the build made, and not the base or the cached steps", () => {
  const trail = new BuildTrail();
  const text = `Step 1/4 : FROM base:1
 ---> aaaaaaaaaaaa
Step 2/4 : COPY a /a
 ---> Using cache
 ---> bbbbbbbbbbbb
Step 3/4 : COPY b /b
 ---> cccccccccccc
Step 4/4 : RUN x
 ---> Running in 111111111111
 ---> not an id
Removing intermediate container 111111111111
 ---> dddddddddddd
Successfully built dddddddddddd`;
  text.split("\n").forEach((line) => trail.read(line));
  assertEquals([trail.images, trail.containers], [["cccccccccccc", "dddddddddddd"], ["111111111111"]]);
});

Deno.test("an engine whose default profile is unconfined confines nothing", () => {
  for (
    const option of [
      "name=seccomp,profile=builtin",
      "name=seccomp,profile=default",
      "name=seccomp",
      "seccomp",
    ]
  ) {
    assertEquals(confinesBySeccomp(["name=apparmor", option]), true, option);
  }
  assertEquals(confinesBySeccomp(["name=seccomp,profile=unconfined"]), false);
  assertEquals(confinesBySeccomp(["name=apparmor", "name=cgroupns"]), false);
});

Deno.test("versions compare by number", () => {
  const cases: readonly [string, string, number][] = [
    ["1.41", "1.41", 0],
    ["1.9", "1.41", -1],
    ["1.100", "1.51", 1],
    ["2.0", "1.51", 1],
  ];
  for (const [a, b, sign] of cases) assertEquals(Math.sign(compareVersions(a, b)), sign, `${a} ${b}`);
});

Deno.test("the engine's reason is its message, or its text cut short, and is safe on a terminal", () => {
  assertEquals(messageIn('{"message":"no such image"}\n'), "no such image");
  assertEquals(messageIn("page not found\n"), "page not found");
  assertEquals(messageIn(""), "no reason given");
  assertEquals(messageIn("x".repeat(9999)).length, 500);
  const error = new EngineError(403, "Pool overlaps\x1b[2J\n", "POST /networks/create");
  assertEquals(error.message, "Pool overlaps\\u{1b}[2J\\n");
  assertEquals([isAddressOverlap(error), isRefusal(error, 403), isRefusal(error, 404, 409)], [
    true,
    true,
    false,
  ]);
});
