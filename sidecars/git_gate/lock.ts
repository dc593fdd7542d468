/** A lock between the processes of the gate: a hook, another hook, the sidecar. */

/** Waits for the exclusive lock of a file, which is made when it is missing. Disposing lets go; so does dying. */
export async function lockFile(path: string): Promise<Disposable> {
  const file = await Deno.open(path, { create: true, write: true, mode: 0o600 });
  try {
    await file.lock(true);
  } catch (error) {
    file.close();
    throw error;
  }
  return { [Symbol.dispose]: () => file.close() };
}
