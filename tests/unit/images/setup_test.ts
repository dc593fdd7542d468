import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { keep } from "../../../images/setup/artefacts.ts";
import { integrityOfFile, sha256OfFile } from "../../../images/setup/digest.ts";
import { isStaticProgram } from "../../../images/setup/elf.ts";
import { moduleVersionIn, versionIn } from "../../../images/setup/pipelock.ts";
import { processor } from "../../../images/setup/processor.ts";
import { registryReference } from "../../../images/setup/registry.ts";
import { Report } from "../../../images/setup/report.ts";
import { CommandError, run, which } from "../../../images/setup/run.ts";
import { PART_KINDS, PARTS } from "../../../images/parts.ts";
import { OperatorError } from "../../../lib/errors.ts";
import type { Surroundings } from "../../../images/setup/surroundings.ts";

async function inFolder(work: (at: Surroundings, said: string[]) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const said: string[] = [];
  const report = new Report((line) => said.push(line));
  try {
    await work(
      { env: {}, path: `${folder}/bin`, home: folder, cache: folder, logs: folder, arch: "x64", report },
      said,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("keep: made once, then used", () =>
  inFolder(async (at, said) => {
    let made = 0;
    const make = (path: string) => Deno.writeTextFile(path, `made ${++made}`);
    const path = await keep(at, "thing-1", make);
    assertEquals(await keep(at, "thing-1", make), path);
    assertEquals(await Deno.readTextFile(path), "made 1");
    assertEquals(said, []);
  }));

Deno.test("keep: a file that is not what was kept is made again, and said", () =>
  inFolder(async (at, said) => {
    const make = (path: string) => Deno.writeTextFile(path, "good");
    const path = await keep(at, "thing-1", make);
    await Deno.writeTextFile(path, "bad");
    await keep(at, "thing-1", make);
    assertEquals(await Deno.readTextFile(path), "good");
    assertEquals(said.length, 1);
    assertEquals(said[0]?.startsWith("setup: warning:"), true);
  }));

Deno.test("keep: a file without its digest is made again", () =>
  inFolder(async (at) => {
    await Deno.writeTextFile(`${at.cache}/thing-1`, "unknown");
    const path = await keep(at, "thing-1", (unfinished) => Deno.writeTextFile(unfinished, "good"));
    assertEquals(await Deno.readTextFile(path), "good");
  }));

Deno.test("keep: a failed making leaves nothing", () =>
  inFolder(async (at) => {
    await assertRejects(() =>
      keep(at, "thing-1", async (path) => {
        await Deno.writeTextFile(path, "half");
        throw new Error("cut");
      })
    );
    assertEquals(await Array.fromAsync(Deno.readDir(at.cache)), []);
  }));

Deno.test("digests are those of sha256sum and npm", () =>
  inFolder(async ({ cache }) => {
    await Deno.writeTextFile(`${cache}/abc`, "abc");
    // FIPS 180-2, appendix B.1 and C.1
    assertEquals(
      await sha256OfFile(`${cache}/abc`),
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
    assertEquals(
      await integrityOfFile(`${cache}/abc`),
      "sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==",
    );
  }));

Deno.test("isStaticProgram", () =>
  inFolder(async ({ cache }) => {
    const path = `${cache}/program`;
    const rows: [string, Partial<ElfShape>, "x64" | "arm64", boolean][] = [
      ["static", {}, "x64", true],
      ["needs a loader", { segments: [1, 3] }, "x64", false],
      ["another processor", {}, "arm64", false],
      ["static on arm64", { machine: 183 }, "arm64", true],
      ["32 bit", { bits: 1 }, "x64", false],
      ["headers beyond the file", { count: 60000 }, "x64", false],
    ];
    for (const [name, shape, arch, want] of rows) {
      await Deno.writeFile(path, elf({ machine: 62, bits: 2, segments: [1, 1], ...shape }));
      assertEquals(await isStaticProgram(path, arch), want, name);
    }
    await Deno.writeTextFile(path, "#!/bin/sh\n");
    assertEquals(await isStaticProgram(path, "x64"), false, "script");
  }));

interface ElfShape {
  readonly machine: number;
  /** 1: 32 bit, 2: 64 bit. */
  readonly bits: number;
  /** `p_type` of each program header. */
  readonly segments: readonly number[];
  /** What the header says of their number. @default the truth */
  readonly count?: number;
}

function elf({ machine, bits, segments, count = segments.length }: ElfShape): Uint8Array {
  const bytes = new Uint8Array(64 + 56 * segments.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, bits, 1]);
  view.setUint16(18, machine, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, count, true);
  segments.forEach((type, at) => view.setUint32(64 + 56 * at, type, true));
  return bytes;
}

Deno.test("versions of pipelock", () => {
  assertEquals(versionIn("pipelock version 2.3.1\n  build date: x\n"), "2.3.1");
  assertEquals(versionIn("pipelock version v2.3.0"), "2.3.0");
  assertEquals(versionIn("something else"), undefined);
  const built = "x: go1.25.1\n\tpath\tgithub.com/luckyPipewrench/pipelock/cmd/pipelock\n" +
    "\tmod\tgithub.com/luckyPipewrench/pipelock\tv2.3.0\th1:abc=\n\tdep\tgithub.com/a/b\tv9.9.9\n";
  assertEquals(moduleVersionIn(built), "2.3.0");
  assertEquals(moduleVersionIn("\tmod\tgithub.com/evil/pipelock\tv2.3.0\n"), undefined);
});

Deno.test("registryReference takes every pinned reference apart", () => {
  for (const kind of PART_KINDS) {
    const { repo, tag } = registryReference(PARTS[kind].registry);
    assertEquals(`${repo}:${tag}`, PARTS[kind].registry);
  }
  assertEquals(registryReference("docker.io/library/node:22").host, "registry-1.docker.io");
  assertEquals(registryReference("ghcr.io/a/b:1").host, "ghcr.io");
  assertThrows(() => registryReference("node:22"), TypeError);
});

Deno.test("processor", () => {
  assertEquals([processor("x86_64"), processor("aarch64")], ["x64", "arm64"]);
  assertThrows(() => processor("riscv64"), OperatorError, "riscv64");
});

Deno.test("run: output, or the last lines made safe", async () => {
  assertEquals(await run(["sh", "-c", "echo $WORD"], { env: { WORD: "hello" } }), "hello\n");
  const script = "for i in $(seq 30); do echo line $i; done; printf 'red \\033[31m\\n' >&2; exit 3";
  const error: CommandError = await assertRejects(
    () => run(["sh", "-c", script]),
    CommandError,
    "exit status 3",
  );
  assertEquals(error.lastLines.length, 12);
  assertEquals(error.lastLines.at(-1), "red \\u{1b}[31m");
  await assertRejects(() => run(["/nowhere/program"]), CommandError);
});

Deno.test("which: executables only, in the order of the path", () =>
  inFolder(async ({ cache }) => {
    for (const folder of ["a", "b"]) await Deno.mkdir(`${cache}/${folder}`);
    await Deno.writeTextFile(`${cache}/a/tool`, "", { mode: 0o644 });
    await Deno.writeTextFile(`${cache}/b/tool`, "", { mode: 0o755 });
    const path = `relative:${cache}/none:${cache}/a:${cache}/b`;
    assertEquals(await which("tool", path), `${cache}/b/tool`);
    assertEquals(await which("other", path), undefined);
  }));
