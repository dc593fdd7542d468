import process from "node:process";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { getArchive, putArchive } from "../../../backends/docker/engine/containers.ts";
import { EngineError } from "../../../backends/docker/engine/errors.ts";
import { runExec } from "../../../backends/docker/engine/exec.ts";
import { packTar, readTar, type TarEntry } from "../../../backends/docker/engine/tar.ts";
import { OperatorError } from "../../../lib/errors.ts";
import { onEngine } from "./fixture.ts";

const NOBODY = 65534;

Deno.test("entries arrive with owner, mode and link, and come back the same", async () => {
  await onEngine(async ({ engine, idle }) => {
    const id = await idle();
    const long = `${"deep/".repeat(30)}${"n".repeat(90)} ü`;
    const entries: TarEntry[] = [
      { type: "directory", path: "data/in", mode: 0o700, uid: 1000, gid: 1000 },
      { type: "file", path: "data/in/secret", mode: 0o600, uid: 1000, gid: 1000, content: "s3\n" },
      { type: "file", path: "data/in/empty", mode: 0o755, uid: 0, gid: 1000, content: "" },
      {
        type: "symlink",
        path: "data/in/link",
        mode: 0o777,
        uid: 1000,
        gid: 1000,
        linkname: "../../../outside",
      },
      { type: "file", path: `/data/in/${long}`, mode: 0o444, uid: 70000, gid: 3_000_000, content: "far" },
    ];
    await putArchive(engine, id, packTar(entries));
    const { stdout } = await runExec(engine, id, {
      argv: [
        "sh",
        "-c",
        'cd /data; stat -c "%n %a %u:%g %F" in in/secret in/empty in/link; cat in/secret; readlink in/link',
      ],
    });
    assertEquals(stdout.split("\n"), [
      "in 700 1000:1000 directory",
      "in/secret 600 1000:1000 regular file",
      "in/empty 755 0:1000 regular empty file",
      "in/link 777 1000:1000 symbolic link",
      "s3",
      "../../../outside",
      "",
    ]);
    const back = await collect((await getArchive(engine, id, "/data/in"))!);
    assertEquals(back.get("in/secret"), { type: "file", mode: 0o600, owner: "1000:1000", content: "s3\n" });
    assertEquals(back.get("in/link")?.content, "../../../outside");
    assertEquals(back.get(`in/${long}`), {
      type: "file",
      mode: 0o444,
      owner: "70000:3000000",
      content: "far",
    });
  });
});

Deno.test("a host folder goes in whole: modes, links kept and not followed, sockets left out with a warning", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/src/sub`, { recursive: true });
    await Deno.mkdir(`${folder}/src/.git`);
    await Deno.writeTextFile(`${folder}/outside`, "not for the guest");
    await Deno.writeTextFile(`${folder}/src/run.sh`, "#!/bin/sh\n");
    await Deno.chmod(`${folder}/src/run.sh`, 0o750);
    await Deno.writeTextFile(`${folder}/src/.git/HEAD`, "ref\n");
    await Deno.symlink("../../outside", `${folder}/src/sub/escape`);
    await Deno.symlink(folder, `${folder}/src/loop`);
    using _socket = Deno.listen({ transport: "unix", path: `${folder}/src/sock` });
    await onEngine(async ({ engine, idle }) => {
      const id = await idle();
      const warnings: string[] = [];
      const part = {
        type: "folder",
        from: `${folder}/src`,
        path: "data/home",
        uid: 1000,
        gid: 1000,
      } as const;
      const skip = (path: string) => path === ".git";
      await putArchive(
        engine,
        id,
        packTar([{ ...part, skip }], { onWarning: (text) => warnings.push(text) }),
      );
      const { stdout } = await runExec(engine, id, {
        argv: [
          "sh",
          "-c",
          'cd /data/home; find . ! -user node; stat -c "%n %a %F" $(find . | sort); readlink loop',
        ],
      });
      assertEquals(stdout.trim().split("\n").slice(1), [
        "./loop 777 symbolic link",
        "./run.sh 750 regular file",
        "./sub 755 directory",
        "./sub/escape 777 symbolic link",
        folder,
      ]);
      assertEquals(warnings, [`${folder}/src/sock is neither file, folder nor symlink: left out`]);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("an absent path is undefined, an absent container or target folder is refused", async () => {
  await onEngine(async ({ engine, idle, run }) => {
    const id = await idle();
    assertEquals(await getArchive(engine, id, "/no/such"), undefined);
    const nobody: EngineError = await assertRejects(
      () => getArchive(engine, `absent-${run}`, "/"),
      EngineError,
    );
    assertEquals(nobody.status, 404);
    const entry: TarEntry = { type: "file", path: "x", mode: 0o600, uid: 0, gid: 0, content: "x" };
    const nowhere = () => putArchive(engine, id, packTar([entry]), { at: "/no/such" });
    assertEquals((await assertRejects(nowhere, EngineError) as EngineError).status, 404);
  });
});

Deno.test("a refusal is heard although the upload is large and not read", async () => {
  await onEngine(async ({ engine, run }) => {
    const content = new Uint8Array(64 * 1024 * 1024);
    const big: TarEntry = { type: "file", path: "big", mode: 0o600, uid: 0, gid: 0, content };
    const error = await putArchive(engine, `absent-${run}`, packTar([big])).then(
      () => undefined,
      (e) => e,
    );
    // The engine may answer and hang up before the upload ends: then only that it broke off is known.
    assert(
      error instanceof EngineError ? error.status === 404 : error instanceof OperatorError,
      String(error),
    );
  });
});

Deno.test("a host folder that is no folder, or cannot be read, fails the upload with that reason", async () => {
  await onEngine(async ({ engine, idle }) => {
    const id = await idle();
    const file = await Deno.makeTempFile();
    try {
      const tar = packTar([{ type: "folder", from: file, path: "x", uid: 0, gid: 0 }]);
      await assertRejects(
        () => putArchive(engine, id, tar),
        OperatorError,
        `${file} is not a folder`,
      );
    } finally {
      await Deno.remove(file);
    }
  });
});

Deno.test("what may not be read below a folder is left out with a warning, the folder itself is an error", async () => {
  const folder = await Deno.makeTempDir({ prefix: "bottle-tar-" });
  await Deno.chmod(folder, 0o755);
  await Deno.mkdir(`${folder}/closed`, { mode: 0o000 });
  await Deno.writeTextFile(`${folder}/open`, "open");
  await Deno.writeTextFile(`${folder}/secret`, "secret", { mode: 0o000 });
  const warnings: string[] = [];
  const pack = async (from: string): Promise<string[]> => {
    const found: string[] = [];
    const options = { onWarning: (text: string) => void warnings.push(text) };
    const tar = packTar([{ type: "folder", from, path: "x", uid: 0, gid: 0 }], options);
    for await (const { header, body } of readTar(tar)) {
      found.push(header.name);
      await body.cancel();
    }
    return found;
  };
  const root = Deno.uid() === 0;
  try {
    // Root reads everything.
    if (root) process.seteuid?.(NOBODY);
    assertEquals(await pack(folder), ["x/", "x/closed/", "x/open"]);
    assertEquals(warnings, [
      `${folder}/closed cannot be read: permission denied: left out`,
      `${folder}/secret cannot be read: permission denied: left out`,
    ]);
    await assertRejects(() => pack(`${folder}/closed`), OperatorError, "cannot be read: permission denied");
  } finally {
    if (root) process.seteuid?.(0);
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a link whose target is not UTF-8 is left out with a warning", async () => {
  const folder = await Deno.makeTempDir({ prefix: "bottle-tar-" });
  try {
    const script = `ln -s "$(printf 't\\377')" "${folder}/odd"`;
    assertEquals((await new Deno.Command("sh", { args: ["-c", script] }).output()).success, true);
    const warnings: string[] = [];
    const options = { onWarning: (text: string) => void warnings.push(text) };
    const tar = packTar([{ type: "folder", from: folder, path: "x", uid: 0, gid: 0 }], options);
    const found = await Array.fromAsync(readTar(tar), ({ header }) => header.name);
    assertEquals(found, ["x/"]);
    assertEquals(warnings.length, 1);
    assertMatch(warnings[0]!, /odd is a link whose target is gone or not UTF-8: left out$/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("200 MB in and out pass through bounded memory and arrive unchanged", async () => {
  await onEngine(async ({ engine, idle }) => {
    const id = await idle();
    const folder = await Deno.makeTempDir();
    try {
      const size = 200 * 1000 * 1000;
      const expected = await writeNoise(`${folder}/noise`, size);
      let peak = 0;
      const base = rss();
      const watch = setInterval(() => peak = Math.max(peak, rss() - base), 10);
      const started = performance.now();
      await putArchive(
        engine,
        id,
        packTar([{ type: "folder", from: folder, path: "data/d", uid: 0, gid: 0 }]),
      );
      const up = performance.now() - started;
      const { stdout } = await runExec(engine, id, { argv: ["md5sum", "/data/d/noise"] });
      assertEquals(stdout.split(" ")[0], expected);
      let read = 0;
      const begun = performance.now();
      for await (const chunk of (await getArchive(engine, id, "/data/d"))!) read += chunk.length;
      const down = performance.now() - begun;
      clearInterval(watch);
      assert(read > size && read < size + 10_000, `${read}`);
      const rates = [up, down].map((ms) => `${Math.round(size / ms / 1000)} MB/s`).join(" in, ");
      const report = `${rates} out, ${Math.round(peak / 1e6)} MB more memory`;
      assert(peak < 100e6, report);
      await Deno.stderr.write(new TextEncoder().encode(`  [200 MB: ${report}] `));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
});

Deno.test("an aborted upload throws the reason and stops reading", async () => {
  await onEngine(async ({ engine, idle }) => {
    const id = await idle();
    const stop = new AbortController();
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 65536;
        controller.enqueue(new Uint8Array(65536));
        if (pulled === 65536 * 20) stop.abort(new Error("enough"));
      },
    });
    await assertRejects(() => putArchive(engine, id, endless, { signal: stop.signal }), Error, "enough");
    assert(pulled < 65536 * 100);
  });
});

interface Arrived {
  readonly type: string | undefined;
  readonly mode: number;
  readonly owner: string;
  /** Text of a file, target of a link. */
  readonly content: string;
}

async function collect(tar: ReadableStream<Uint8Array>): Promise<Map<string, Arrived>> {
  const entries = new Map<string, Arrived>();
  for await (const { header, body } of readTar(tar)) {
    const text = await new Response(body as ReadableStream<Uint8Array<ArrayBuffer>>).text();
    entries.set(header.name, {
      type: header.type,
      mode: (header.mode ?? 0) & 0o7777,
      owner: `${header.uid}:${header.gid}`,
      content: header.type === "symlink" ? header.linkname ?? "" : text,
    });
  }
  return entries;
}

function rss(): number {
  return Deno.memoryUsage().rss;
}

/** Writes pseudo-random bytes and gives their MD5 (by md5sum, for comparison with the guest's). */
async function writeNoise(path: string, size: number): Promise<string> {
  using file = await Deno.open(path, { write: true, create: true });
  const block = crypto.getRandomValues(new Uint8Array(50_000));
  for (let left = size; left > 0; left -= block.length) {
    block[0] = left & 255;
    for (let at = 0; at < block.length;) at += await file.write(block.subarray(at));
  }
  const { stdout } = await new Deno.Command("md5sum", { args: [path] }).output();
  return new TextDecoder().decode(stdout).split(" ")[0]!;
}
