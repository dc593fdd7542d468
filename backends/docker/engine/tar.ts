/**
 * Tar streams for build contexts and archives: entries in memory and folders of the host, in order, with the
 * reader's pace. A file's body passes in pieces; no file is held whole.
 */

import { createTarDecoder, createTarPacker, type TarHeader } from "modern-tar";
import { OperatorError } from "../../../lib/errors.ts";
import { escapeUntrusted } from "../../../lib/escape.ts";

/** What every entry has. */
interface EntryFacts {
  /** Path in the archive, relative; a leading slash is taken off. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** @default now */
  readonly mtime?: Date;
}

/** An entry made from memory. */
export type TarEntry =
  & EntryFacts
  & (
    | { readonly type: "file"; readonly content: string | Uint8Array }
    | { readonly type: "directory" }
    | { readonly type: "symlink"; readonly linkname: string }
  );

/** A folder of the host with all that is in it; symlinks stay symlinks and none is followed. */
export interface TarFolder {
  readonly type: "folder";
  /** Absolute folder on the host. */
  readonly from: string;
  /** Path of the folder in the archive; empty: its contents stand at the top and it has no entry itself. */
  readonly path: string;
  /** Owner of all entries. */
  readonly uid: number;
  readonly gid: number;
  /** Leaves out an entry, and all below a folder; the path is relative to `from`. @default nothing */
  readonly skip?: (relative: string) => boolean;
}

/** How to pack. */
export interface PackOptions {
  /** Hears of what could not go in as it is: sockets, devices, files that changed or may not be read. */
  readonly onWarning?: (text: string) => void;
}

/** Bytes read from a file at once. */
const PIECE = 64 * 1024;

/**
 * A tar stream of these parts. Nothing is read before the stream is, and cancelling it closes what is open.
 *
 * The stream fails with an {@linkcode OperatorError} when a host folder is none or cannot be read. What cannot be read
 * below it is left out, with a warning.
 */
export function packTar(
  parts: Iterable<TarEntry | TarFolder>,
  options: PackOptions = {},
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const { readable, controller } = createTarPacker();
  const packer = new Packer(controller, options.onWarning ?? (() => undefined));
  const reader = readable.getReader();
  let started = false;
  return new ReadableStream({
    async pull(out) {
      if (!started) {
        started = true;
        packer.run(parts).catch((error) => controller.error(error));
      }
      const { value, done } = await reader.read();
      done ? out.close() : out.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}

/** An entry of an archive that is read. */
export interface ReadEntry {
  readonly header: TarHeader;
  /** To be read or cancelled before the next entry comes. */
  readonly body: ReadableStream<Uint8Array>;
}

/** Takes a tar stream apart. Leaving the loop early cancels the stream. */
export async function* readTar(tar: ReadableStream<Uint8Array>): AsyncGenerator<ReadEntry, void> {
  for await (const entry of tar.pipeThrough(createTarDecoder({ strict: true }))) yield entry;
}

type Controller = ReturnType<typeof createTarPacker>["controller"];

class Packer {
  readonly #out: Controller;
  readonly #warn: (text: string) => void;

  constructor(out: Controller, warn: (text: string) => void) {
    this.#out = out;
    this.#warn = warn;
  }

  async run(parts: Iterable<TarEntry | TarFolder>): Promise<void> {
    for (const part of parts) {
      if (part.type === "folder") await this.#folder(part, "");
      else await this.#entry(part);
    }
    this.#out.finalize();
  }

  async #entry(entry: TarEntry): Promise<void> {
    const { path, mode, uid, gid, mtime = new Date() } = entry;
    const facts = { name: nameInArchive(path), mode, uid, gid, mtime };
    if (entry.type === "directory") await this.#bare({ ...facts, name: `${facts.name}/`, type: "directory" });
    else if (entry.type === "symlink") {
      await this.#bare({ ...facts, type: "symlink", linkname: entry.linkname });
    } else {
      const content = typeof entry.content === "string"
        ? new TextEncoder().encode(entry.content)
        : entry.content;
      const body = this.#out.add({ ...facts, type: "file", size: content.length }).getWriter();
      if (content.length > 0) await body.write(content);
      await body.close();
    }
  }

  async #bare(header: Omit<TarHeader, "size">): Promise<void> {
    await this.#out.add({ ...header, size: 0 }).close();
  }

  /** Packs what stands at `relative` below the folder: the folder itself when it is empty. */
  async #folder(folder: TarFolder, relative: string): Promise<void> {
    const host = relative === "" ? folder.from : `${folder.from}/${relative}`;
    const info = await reading(host, Deno.lstat(host));
    if (info === undefined && relative === "") {
      throw new OperatorError(`${escapeUntrusted(host)} does not exist`);
    }
    if (info === undefined) return this.#warn(`${escapeUntrusted(host)} ${whyGone(relative)}`);
    const path = [folder.path, relative].filter((part) => part !== "").join("/");
    const facts = {
      path,
      mode: (info.mode ?? 0o644) & 0o7777,
      uid: folder.uid,
      gid: folder.gid,
      mtime: info.mtime ?? new Date(),
    };
    if (relative === "" && !info.isDirectory) {
      throw new OperatorError(`${escapeUntrusted(host)} is not a folder`);
    }
    if (info.isSymlink) {
      const linkname = await linkTarget(host);
      if (linkname !== undefined) await this.#entry({ ...facts, type: "symlink", linkname });
      else this.#warn(`${escapeUntrusted(host)} is a link whose target is gone or not UTF-8: left out`);
    } else if (info.isDirectory) {
      if (path !== "") await this.#entry({ ...facts, type: "directory" });
      for (const name of await namesIn(host)) {
        const below = relative === "" ? name : `${relative}/${name}`;
        if (!folder.skip?.(below)) await this.#below(folder, below);
      }
    } else if (info.isFile) await this.#file(host, info, facts);
    else this.#warn(`${escapeUntrusted(host)} is neither file, folder nor symlink: left out`);
  }

  /** What cannot be read below the folder is said and left out: others' files lie in many a project. */
  async #below(folder: TarFolder, relative: string): Promise<void> {
    try {
      await this.#folder(folder, relative);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      this.#warn(`${error.message}: left out`);
    }
  }

  async #file(host: string, seen: Deno.FileInfo, facts: EntryFacts): Promise<void> {
    using file = await reading(host, Deno.open(host, { read: true }));
    const now = await file?.stat();
    // Between lstat and open the name may have been given to something else, a symlink's target for one.
    if (file === undefined || now?.ino !== seen.ino || now?.dev !== seen.dev) {
      return this.#warn(`${escapeUntrusted(host)} was replaced while it was copied: left out`);
    }
    const header = { name: nameInArchive(facts.path), mode: facts.mode, uid: facts.uid, gid: facts.gid };
    const { size } = now;
    const body = this.#out.add({ ...header, mtime: facts.mtime, type: "file", size }).getWriter();
    for (let left = size; left > 0;) {
      // A fresh buffer each time: the packer passes it on without a copy.
      const piece = new Uint8Array(Math.min(PIECE, left));
      const count = await reading(host, file.read(piece));
      if (count === null || count === undefined) {
        this.#warn(`${escapeUntrusted(host)} shrank while it was copied: its end is zeros`);
        await zeros(body, left);
        break;
      }
      await body.write(piece.subarray(0, count));
      left -= count;
    }
    await body.close();
  }
}

async function zeros(body: WritableStreamDefaultWriter<Uint8Array>, count: number): Promise<void> {
  for (let left = count; left > 0; left -= PIECE) await body.write(new Uint8Array(Math.min(PIECE, left)));
}

/** Sorted, so that the same folder gives the same archive. */
async function namesIn(folder: string): Promise<string[]> {
  const list = async (): Promise<string[]> => {
    const names: string[] = [];
    for await (const { name } of Deno.readDir(folder)) names.push(name);
    return names.sort();
  };
  return await reading(folder, list()) ?? [];
}

/** Waits for a read of the host; undefined when the thing is gone. */
async function reading<T>(path: string, work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    if (!(cause instanceof Deno.errors.PermissionDenied)) throw cause;
    throw new Unreadable(`${escapeUntrusted(path)} cannot be read: permission denied`, { cause });
  }
}

/** The operator may not read something on the host. */
class Unreadable extends OperatorError {}

/** Where a link leads; undefined when it is gone, or when what it says is not UTF-8, which Deno cannot give. */
async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return await reading(path, Deno.readLink(path));
  } catch (error) {
    if (error instanceof Deno.errors.InvalidData || error instanceof TypeError) return undefined;
    throw error;
  }
}

/** A name that is not UTF-8 is listed with replacement characters, and nothing is found under that name. */
function whyGone(path: string): string {
  return path.includes("\ufffd") ? "has a name that is not UTF-8: left out" : "went away while it was copied";
}

function nameInArchive(path: string): string {
  const name = path.replace(/^\/+/, "").replace(/\/+$/, "");
  if (name === "" || name.includes("\0") || name.split("/").includes("..")) {
    throw new Error(`not a path for an archive: ${escapeUntrusted(path)}`);
  }
  return name;
}
