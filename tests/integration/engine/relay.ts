/** A socket in front of the engine's that can be cut at any moment: an engine that dies, without killing the real one. */

/** A relay. */
export interface Relay extends AsyncDisposable {
  readonly path: string;
  /** Cuts every connection and stops listening; the socket file is removed. */
  cut(): Promise<void>;
}

/** Starts a relay to a socket. */
export async function startRelay(target: string): Promise<Relay> {
  const folder = await Deno.makeTempDir({ prefix: "bottle-relay-" });
  const path = `${folder}/relay.sock`;
  const { createServer, connect } = await import("node:net");
  const open = new Set<{ destroy(): unknown }>();
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ path: target, allowHalfOpen: true });
    for (const end of [near, far]) {
      open.add(end);
      end.on("error", () => undefined);
      end.on("close", () => open.delete(end));
    }
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(path, () => resolve()));
  let closed = false;
  const cut = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    const ended = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const end of open) end.destroy();
    await ended;
    await Deno.remove(folder, { recursive: true });
  };
  return { path, cut, [Symbol.asyncDispose]: cut };
}
