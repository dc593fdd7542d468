/** A lock between the processes of the gate: a hook, another hook, a sidecar; and between the requests of one. */

/** Ends of the queues of this process, by path. */
const queues = new Map<string, Promise<void>>();

/**
 * Waits for the exclusive lock of a file, which is made when it is missing. Disposing lets go; so does dying.
 *
 * Within one process the wait is a queue before the file: a wait for the file's lock takes one of Deno's 32 threads for
 * blocking calls, and when all of them wait, whoever has the lock cannot read a file any more, and so never lets go.
 */
export async function lockFile(path: string): Promise<Disposable> {
  const before = queues.get(path);
  const turn = Promise.withResolvers<void>();
  queues.set(path, turn.promise);
  const leave = () => {
    if (queues.get(path) === turn.promise) queues.delete(path);
    turn.resolve();
  };
  await before;
  try {
    const file = await Deno.open(path, { create: true, write: true, mode: 0o600 });
    try {
      await file.lock(true);
    } catch (error) {
      file.close();
      throw error;
    }
    return {
      [Symbol.dispose]: () => {
        file.close();
        leave();
      },
    };
  } catch (error) {
    leave();
    throw error;
  }
}
