/** Whether a program can run in an image that holds nothing but it. */

const MAGIC = [0x7f, 0x45, 0x4c, 0x46, 2, 1] as const; // ELF, 64 bit, little-endian
const MACHINE = { x64: 62, arm64: 183 } as const;
const PT_INTERP = 3;

/** Whether a file is a 64-bit Linux program for this processor that needs no dynamic loader. */
export async function isStaticProgram(path: string, arch: "x64" | "arm64"): Promise<boolean> {
  using file = await Deno.open(path);
  const head = new Uint8Array(4096);
  const count = await file.read(head) ?? 0;
  const view = new DataView(head.buffer, 0, count);
  if (count < 64 || MAGIC.some((byte, at) => head[at] !== byte)) return false;
  if (view.getUint16(18, true) !== MACHINE[arch]) return false;
  const table = Number(view.getBigUint64(32, true));
  const size = view.getUint16(54, true);
  const entries = view.getUint16(56, true);
  if (size < 4 || table + size * entries > count) return false;
  return !Array.from({ length: entries }, (_, at) => view.getUint32(table + at * size, true)).includes(
    PT_INTERP,
  );
}
