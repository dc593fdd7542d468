/** The running deno where every user can start it: npx keeps its own below a home folder that is closed. */

/**
 * Puts the program into a folder, by a link where that can be.
 *
 * @param folder open to the user who will start it
 * @returns path of the program
 */
export async function openDeno(folder: string): Promise<string> {
  const path = `${folder}/deno`;
  try {
    await Deno.link(Deno.execPath(), path);
  } catch {
    // Another file system, or links are not allowed there.
    await Deno.copyFile(Deno.execPath(), path);
  }
  await Deno.chmod(path, 0o755);
  return path;
}
