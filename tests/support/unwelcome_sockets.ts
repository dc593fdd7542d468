/** Engine sockets that cannot be used, and a user who may not use one. */

/** A socket that nobody but its owner's privileges could open. */
export async function forbiddenSocket(): Promise<{ path: string } & AsyncDisposable> {
  const folder = await Deno.makeTempDir({ prefix: "bottle-socket-" });
  await Deno.chmod(folder, 0o755);
  const path = `${folder}/engine.sock`;
  const listener = Deno.listen({ transport: "unix", path });
  await Deno.chmod(path, 0);
  return {
    path,
    async [Symbol.asyncDispose]() {
      listener.close();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** An engine that only knows an old API. */
export async function oldEngine(version: string): Promise<{ path: string } & AsyncDisposable> {
  const folder = await Deno.makeTempDir({ prefix: "bottle-socket-" });
  const path = `${folder}/engine.sock`;
  const server = Deno.serve(
    { path, onListen: () => {} },
    () => new Response("OK", { headers: { "api-version": version, "ostype": "linux" } }),
  );
  return {
    path,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** Words that run a program without the superuser's rights; none where there are none to begin with. */
export function withoutPrivileges(): readonly string[] {
  if (Deno.uid() !== 0) return [];
  return ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--"];
}
