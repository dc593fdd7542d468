/** A CONNECT proxy for tests: listed hosts go to one loopback port, all others are refused and noted. */

/** A running proxy. */
export interface ConnectProxy extends AsyncDisposable {
  readonly port: number;
  /** `host:port` of every CONNECT that was refused. */
  readonly refused: readonly string[];
}

/** Starts the proxy on 127.0.0.1. */
export function startConnectProxy(hosts: readonly string[], port: number): ConnectProxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const refused: string[] = [];
  const serving = (async () => {
    for await (const client of listener) {
      open.add(client);
      void serve(client).catch(() => {}).finally(() => close(client));
    }
  })();

  async function serve(client: Deno.Conn): Promise<void> {
    const target = /^CONNECT (\S+) HTTP\/1\.1\r\n/.exec(await readHead(client))?.[1] ?? "?";
    if (!hosts.some((host) => target === `${host}:443`)) {
      refused.push(target);
      await write(client, "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
      return;
    }
    const upstream = await Deno.connect({ hostname: "127.0.0.1", port });
    open.add(upstream);
    await write(client, "HTTP/1.1 200 OK\r\n\r\n");
    await Promise.all([
      client.readable.pipeTo(upstream.writable).catch(() => {}),
      upstream.readable.pipeTo(client.writable).catch(() => {}),
    ]);
  }

  function close(conn: Deno.Conn): void {
    open.delete(conn);
    try {
      conn.close();
    } catch {
      // The pipes have closed it.
    }
  }

  return {
    port: listener.addr.port,
    refused,
    [Symbol.asyncDispose]: async () => {
      listener.close();
      await serving;
      for (const conn of open) close(conn);
    },
  };
}

async function readHead(conn: Deno.Conn): Promise<string> {
  const byte = new Uint8Array(1);
  let head = "";
  // One byte at a time: what follows the head belongs to the tunnel.
  while (!head.endsWith("\r\n\r\n") && head.length < 16_384) {
    if (await conn.read(byte) === null) break;
    head += String.fromCharCode(byte[0]!);
  }
  return head;
}

async function write(conn: Deno.Conn, text: string): Promise<void> {
  const writer = conn.writable.getWriter();
  await writer.write(new TextEncoder().encode(text));
  writer.releaseLock();
}
