/** Egress with upstreams behind a CONNECT proxy: one call, one thing to dispose. */

import {
  type EgressProcess,
  makePki,
  openTunnel,
  type Pki,
  type Script,
  startConnectProxy,
  startEgress,
  startUpstream,
  Wire,
} from "./support.ts";

/** What a world is made of. */
export interface WorldOptions {
  /** What the upstream of each canonical host does, on port 443 with TLS. */
  readonly hosts: Readonly<Record<string, Script>>;
  /** Hosts that are served by Deno's own HTTP server, on port 443 with TLS. @default none */
  readonly servers?: Readonly<Record<string, Deno.ServeHandler>>;
  /** What the upstream of each host does on port 80, in plain. @default none */
  readonly plain?: Readonly<Record<string, Script>>;
  /** Text of routes.yaml. @default each host, without a credential */
  readonly routes?: string;
  /** Token slots. @default none */
  readonly env?: Record<string, string>;
  /** More arguments of egress. @default none */
  readonly args?: string[];
}

/** A running world. */
export interface World extends AsyncDisposable {
  readonly pki: Pki;
  readonly egress: EgressProcess;
  /** Heads that the CONNECT proxy was sent: empty as long as nothing has left egress. */
  readonly dialled: readonly string[];
  /** Connections that the upstream of a host has had so far. */
  connections(host: string): number;
  /** A tunnel with TLS inside; the server name is the host unless another is given. */
  tunnel(host: string, serverName?: string): Promise<Wire>;
  /** Sends raw bytes inside a tunnel and reads to the end. */
  inTunnel(host: string, data: string): Promise<string>;
  /** Sends raw bytes on a plain connection and reads to the end. */
  inPlain(data: string): Promise<string>;
}

/** Starts all parts. */
export async function startWorld(options: WorldOptions): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const pki = await makePki();
  stack.defer(() => Deno.remove(pki.dir, { recursive: true }));
  const counts = new Map<string, () => number>();
  const ports: Record<string, number> = {};
  for (const [host, script] of Object.entries(options.hosts)) {
    const upstream = await startUpstream(pki, host, script);
    stack.defer(() => upstream.close());
    counts.set(host, upstream.connections);
    ports[`${host.includes(":") ? `[${host}]` : host}:443`] = upstream.port;
  }
  for (const [host, handler] of Object.entries(options.servers ?? {})) {
    const tls = await pki.leaf(host);
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, ...tls, onListen: () => {} }, handler);
    stack.defer(() => server.shutdown());
    ports[`${host}:443`] = server.addr.port;
  }
  for (const [host, script] of Object.entries(options.plain ?? {})) {
    const upstream = await startUpstream(pki, host, script, false);
    stack.defer(() => upstream.close());
    ports[host] = upstream.port;
  }
  const proxy = startConnectProxy(ports);
  stack.defer(() => proxy.close());
  const listed = new Set(Object.keys(ports).map((name) => name.replace(/:443$/, "").replace(/^\[|\]$/g, "")));
  const routes = options.routes ?? JSON.stringify({ routes: [...listed].map((host) => ({ host })) });
  const egress = await startEgress(pki, {
    routes,
    proxyPort: proxy.port,
    env: options.env ?? {},
    args: options.args ?? [],
  });
  stack.defer(() => egress.close());
  const tunnel = (host: string, serverName?: string) => openTunnel(egress.port, host, pki, serverName);
  const all = stack.move();
  return {
    pki,
    egress,
    dialled: proxy.seen,
    connections: (host) => counts.get(host)?.() ?? 0,
    tunnel,
    inTunnel: async (host, data) => await sendAndRead(await tunnel(host), data),
    inPlain: async (data) =>
      await sendAndRead(new Wire(await Deno.connect({ hostname: "127.0.0.1", port: egress.port })), data),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function sendAndRead(wire: Wire, data: string): Promise<string> {
  try {
    await wire.send(data);
    return await wire.rest();
  } finally {
    wire.close();
  }
}
