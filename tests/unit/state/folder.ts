/** A home folder for one test. */

/** Runs a test in a fresh home folder, which is removed after it. */
export async function withHome(test: (home: string) => Promise<void>): Promise<void> {
  const home = await Deno.makeTempDir({ prefix: "bottle-test-" });
  try {
    await test(home);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

/** Every path below a folder with mode, size, change time and content, for a comparison of before and after. */
export async function snapshot(folder: string): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    const info = await Deno.lstat(path);
    const content = entry.isFile ? await Deno.readTextFile(path) : "";
    lines.push(`${path} ${info.mode} ${info.size} ${info.mtime?.getTime()} ${content}`);
    if (entry.isDirectory) lines.push(...await snapshot(path));
  }
  return lines.sort();
}
