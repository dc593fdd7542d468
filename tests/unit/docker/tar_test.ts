import { assert, assertEquals, assertRejects } from "@std/assert";
import { packTar, readTar, type TarEntry, type TarFolder } from "../../../backends/docker/engine/tar.ts";
import { OperatorError } from "../../../lib/errors.ts";

const owner = { uid: 1000, gid: 1000 };

async function names(parts: (TarEntry | TarFolder)[], warnings: string[] = []): Promise<string[]> {
  const found: string[] = [];
  for await (
    const { header, body } of readTar(packTar(parts, { onWarning: (text) => warnings.push(text) }))
  ) {
    await body.cancel();
    found.push(`${header.type} ${header.name} ${header.mode?.toString(8)} ${header.uid}:${header.gid}`);
  }
  return found;
}

Deno.test("entries keep order, kind, mode and owner; a leading slash goes", async () => {
  assertEquals(
    await names([
      { type: "directory", path: "/home/node/", mode: 0o700, ...owner },
      { type: "file", path: "/home/node/x", mode: 0o600, ...owner, content: "ü" },
      { type: "symlink", path: "l", mode: 0o777, uid: 0, gid: 0, linkname: "/home" },
    ]),
    ["directory home/node/ 700 1000:1000", "file home/node/x 600 1000:1000", "symlink l 777 0:0"],
  );
});

Deno.test("a path that leaves the archive is refused", async () => {
  for (const path of ["", "/", "a/../b", "..", "a\0b"]) {
    const entry: TarEntry = { type: "file", path, mode: 0o600, ...owner, content: "" };
    await assertRejects(() => names([entry]), Error, "not a path for an archive");
  }
});

Deno.test("a folder is packed sorted, its contents at the top when it has no path", async () => {
  await inFolder(async (folder) => {
    for (const name of ["b", "a"]) await Deno.writeTextFile(`${folder}/${name}`, name);
    await Deno.mkdir(`${folder}/d`);
    await Deno.writeTextFile(`${folder}/d/.git`, "");
    for (const name of ["a", "b", "d/.git"]) await Deno.chmod(`${folder}/${name}`, 0o640);
    await Deno.chmod(`${folder}/d`, 0o755);
    assertEquals(await names([{ type: "folder", from: folder, path: "", ...owner }]), [
      "file a 640 1000:1000",
      "file b 640 1000:1000",
      "directory d/ 755 1000:1000",
      "file d/.git 640 1000:1000",
    ]);
    const skip = (path: string) => path === "d" || path === "a";
    assertEquals(await names([{ type: "folder", from: folder, path: "p/q", uid: 0, gid: 5, skip }]), [
      `directory p/q/ ${((await Deno.stat(folder)).mode! & 0o7777).toString(8)} 0:5`,
      "file p/q/b 640 0:5",
    ]);
  });
});

Deno.test("a name that is not UTF-8 is left out with a warning", async () => {
  await inFolder(async (folder) => {
    const made = await new Deno.Command("sh", { args: ["-c", `: > "$(printf 'bad\\377')"`], cwd: folder })
      .output();
    assert(made.success, "this file system takes any bytes in a name");
    const warnings: string[] = [];
    assertEquals(await names([{ type: "folder", from: folder, path: "", ...owner }], warnings), []);
    assertEquals(warnings, [`${folder}/bad\ufffd has a name that is not UTF-8: left out`]);
  });
});

Deno.test("a file that shrinks while it is read is padded, and that is said", async () => {
  await inFolder(async (folder) => {
    const size = 32 * 1024 * 1024; // more than the packer buffers ahead
    await Deno.writeFile(`${folder}/f`, new Uint8Array(size).fill(1));
    const warnings: string[] = [];
    const tar = packTar([{ type: "folder", from: folder, path: "", ...owner }], {
      onWarning: (text) => warnings.push(text),
    });
    let length = 0;
    for await (const { body } of readTar(tar)) {
      for await (const chunk of body) {
        if (length === 0) await Deno.truncate(`${folder}/f`, 1024 * 1024);
        length += chunk.length;
      }
    }
    assertEquals([length, warnings], [size, [`${folder}/f shrank while it was copied: its end is zeros`]]);
  });
});

Deno.test("a large file is read at the reader's pace, and not at all before", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/f`;
    await Deno.writeFile(path, new Uint8Array());
    await Deno.truncate(path, 64 * 1024 * 1024); // sparse, so that the test itself holds nothing
    const tar = packTar([{ type: "folder", from: folder, path: "", ...owner }]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await Deno.writeTextFile(`${folder}/late`, "seen, since nothing was read yet");
    const reader = tar.getReader();
    await reader.read();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const before = Deno.memoryUsage().external;
    assert(before < 40 * 1024 * 1024, `${before} bytes held`);
    await reader.cancel();
    assertEquals((await names([{ type: "folder", from: folder, path: "", ...owner }])).length, 2);
  });
});

Deno.test("a folder that is absent, a file, or unreadable fails the stream with its path", async () => {
  await inFolder(async (folder) => {
    const warnings: string[] = [];
    await Deno.writeTextFile(`${folder}/f`, "");
    const part = { type: "folder", path: "x", ...owner } as const;
    await assertRejects(() => names([{ ...part, from: `${folder}/f` }]), OperatorError, "is not a folder");
    await assertRejects(
      () => names([{ ...part, from: `${folder}/none` }], warnings),
      OperatorError,
      "does not exist",
    );
  });
});

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "bottle-tar-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
