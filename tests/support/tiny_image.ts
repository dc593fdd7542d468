/**
 * A tiny image for tests, made from nothing but a static busybox and the engine's import: no registry, no network
 * (unless busybox has to be fetched from the distribution's packages once).
 */

import type { Engine } from "../../backends/docker/engine/engine.ts";
import { importImage, removeImage } from "../../backends/docker/engine/images.ts";
import { packTar, type TarEntry } from "../../backends/docker/engine/tar.ts";

/** An imported image; disposing removes it. */
export interface TinyImage extends AsyncDisposable {
  /** `repo:tag`, unique. */
  readonly tag: string;
  /** `sha256:…` */
  readonly id: string;
}

/** Label on every image made here; its value is the caller's. */
export const TEST_LABEL = "bottle.test";

/**
 * Imports the image: busybox with its applets, users root, node (1000) and nobody, folders /home/node, /tmp, /data.
 *
 * @param run value of {@linkcode TEST_LABEL}, also the image's tag: `[a-z0-9-]+`
 */
export async function tinyImage(engine: Engine, run: string): Promise<TinyImage> {
  const reference = { repo: "bottle-test/tiny", tag: run };
  const entries = await rootfs();
  const changes = [`LABEL ${TEST_LABEL}=${run}`, "ENV PATH=/bin", 'CMD ["sh"]'];
  const id = await importImage(engine, packTar(entries), reference, changes);
  const tag = `${reference.repo}:${reference.tag}`;
  return { tag, id, [Symbol.asyncDispose]: () => removeImage(engine, tag, { force: true }) };
}

async function rootfs(): Promise<TarEntry[]> {
  const busybox = await staticBusybox();
  const dir = (path: string, mode: number, owner = 0): TarEntry => ({
    type: "directory",
    path,
    mode,
    uid: owner,
    gid: owner,
  });
  const file = (path: string, mode: number, content: string | Uint8Array): TarEntry => ({
    type: "file",
    path,
    mode,
    uid: 0,
    gid: 0,
    content,
  });
  const passwd =
    "root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n";
  return [
    dir("bin", 0o755),
    dir("etc", 0o755),
    dir("root", 0o700),
    dir("tmp", 0o1777),
    dir("data", 0o755),
    dir("home", 0o755),
    dir("home/node", 0o755, 1000),
    file("etc/passwd", 0o644, passwd),
    file("etc/group", 0o644, "root:x:0:\nnode:x:1000:\nnogroup:x:65534:\n"),
    file("bin/busybox", 0o755, await Deno.readFile(busybox)),
    ...(await appletsOf(busybox)).map((name): TarEntry => ({
      type: "symlink",
      path: `bin/${name}`,
      mode: 0o777,
      uid: 0,
      gid: 0,
      linkname: "busybox",
    })),
  ];
}

async function appletsOf(busybox: string): Promise<string[]> {
  const names = (await output(busybox, ["--list"])).split("\n");
  return names.filter((name) => /^[\w.[-]+$/.test(name) && name !== "busybox");
}

/** A static busybox of this host, else one from the distribution's packages, kept in the cache folder. */
async function staticBusybox(): Promise<string> {
  const cache = `${Deno.env.get("HOME") ?? "/tmp"}/.cache/bot-bottle/test`;
  const kept = `${cache}/busybox`;
  for (const path of ["/bin/busybox", "/usr/bin/busybox", kept]) {
    if (await isStatic(path)) return path;
  }
  const folder = await Deno.makeTempDir({ prefix: "bottle-busybox-" });
  try {
    await output("apt-get", ["download", "busybox-static"], folder);
    const [deb] = [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".deb"));
    if (deb === undefined) throw new Error("apt-get download busybox-static left no package");
    await output("dpkg-deb", ["-x", deb.name, "x"], folder);
    await Deno.mkdir(cache, { recursive: true });
    const found = await Promise.any(
      ["x/bin/busybox", "x/usr/bin/busybox"].map((path) => Deno.realPath(`${folder}/${path}`)),
    );
    await Deno.copyFile(found, kept);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return kept;
}

/** A static program names no loader in its first page. */
async function isStatic(path: string): Promise<boolean> {
  try {
    using file = await Deno.open(path);
    const page = new Uint8Array(4096);
    await file.read(page);
    const text = new TextDecoder("latin1").decode(page);
    return text.startsWith("\x7fELF") && !/\/ld-(?:linux|musl)/.test(text);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function output(program: string, args: readonly string[], cwd?: string): Promise<string> {
  const result = await new Deno.Command(program, { args: [...args], cwd }).output();
  const decoder = new TextDecoder();
  if (!result.success) throw new Error(`${program} ${args.join(" ")}: ${decoder.decode(result.stderr)}`);
  return decoder.decode(result.stdout);
}
