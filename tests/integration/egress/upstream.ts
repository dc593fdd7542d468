/** Real servers behind egress: certificates, scripted upstreams, and a CONNECT proxy in pipelock's place. */

import { LeafMinter } from "../../../lib/tls/leaf.ts";
import { loadCa, mintCa } from "../../../lib/tls/ca.ts";
import { text, Wire } from "./wire.ts";

const encoder = new TextEncoder();

/** Something that a test has started and must stop. */
export interface Running {
  close(): Promise<void>;
}

/** CAs of one test run, in files. */
export interface Pki {
  readonly dir: string;
  /** CA of egress: what the agent trusts. */
  readonly egressCa: string;
  /** CA of the upstream servers: what egress trusts. */
  readonly upstreamCa: string;
  leaf(host: string): Promise<{ cert: string; key: string }>;
}

/** Makes both CAs. */
export async function makePki(): Promise<Pki> {
  const dir = await Deno.makeTempDir({ prefix: "egress-test-" });
  const egress = await mintCa("egress test CA");
  const upstream = await mintCa("upstream test CA");
  await Deno.writeTextFile(`${dir}/egress-ca.pem`, egress.certPem);
  await Deno.writeTextFile(`${dir}/egress-ca-key.pem`, egress.keyPem);
  await Deno.writeTextFile(`${dir}/upstream-ca.pem`, upstream.certPem);
  const minter = await LeafMinter.create(await loadCa(upstream.certPem, upstream.keyPem));
  return {
    dir,
    egressCa: egress.certPem,
    upstreamCa: upstream.certPem,
    leaf: async (host) => {
      const { certPem, keyPem } = await minter.leafFor(host);
      return { cert: certPem, key: keyPem };
    },
  };
}

/** What a scripted upstream does with one connection. */
export type Script = (wire: Wire, connection: number) => Promise<void>;

/** A real TLS (or plain) server whose connections run a script. */
export async function startUpstream(
  pki: Pki,
  host: string,
  script: Script,
  tls = true,
  address = { hostname: "127.0.0.1", port: 0 },
): Promise<Running & { port: number; connections: () => number }> {
  const listener = tls
    ? Deno.listenTls({ ...address, ...await pki.leaf(host), alpnProtocols: ["http/1.1"] })
    : Deno.listen(address);
  let count = 0;
  const open = new Set<Wire>();
  const serving = (async () => {
    for await (const conn of listener) {
      const wire = new Wire(conn);
      open.add(wire);
      script(wire, count++).catch(() => {}).finally(() => {
        wire.close();
        open.delete(wire);
      });
    }
  })();
  return {
    port: listener.addr.port,
    connections: () => count,
    close: async () => {
      listener.close();
      for (const wire of open) wire.close();
      await serving.catch(() => {});
    },
  };
}

/** Stands where pipelock stands: a CONNECT proxy that maps hosts to local ports, and forwards absolute-form requests. */
export function startConnectProxy(
  ports: Record<string, number>,
  listenPort = 0,
): Running & { port: number; seen: string[] } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: listenPort });
  const seen: string[] = [];
  const open = new Set<Deno.Conn>();
  const serve = async (conn: Deno.Conn) => {
    const wire = new Wire(conn);
    const head = await wire.head();
    const [, method = "", target = ""] = /^(\S+) (\S+)/.exec(head) ?? [];
    seen.push(head);
    const name = method === "CONNECT" ? target : new URL(target).host;
    const port = ports[name];
    if (port === undefined) {
      const body = `blocked: ${name} is not on the list\n`;
      await wire.send(`HTTP/1.1 403 Forbidden\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      return wire.close();
    }
    let up: Deno.TcpConn;
    try {
      up = await Deno.connect({ hostname: "127.0.0.1", port });
    } catch {
      await wire.send("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
      return wire.close();
    }
    open.add(up);
    if (method === "CONNECT") await wire.send("HTTP/1.1 200 OK\r\n\r\n");
    else await new Wire(up).send(head);
    // An end is passed on; a break on one side is a break on both.
    await Promise.all([copy(conn, up), copy(up, conn)]).catch(() => {});
    wire.close();
    new Wire(up).close();
  };
  const serving = (async () => {
    for await (const conn of listener) {
      open.add(conn);
      serve(conn).catch(() => {});
    }
  })();
  return {
    port: listener.addr.port,
    seen,
    close: async () => {
      listener.close();
      for (const conn of open) {
        try {
          conn.close();
        } catch {
          // Closed already.
        }
      }
      await serving.catch(() => {});
    },
  };
}

/** Moves bytes one way and passes the end on, as a tunnel does. */
async function copy(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const part = new Uint8Array(64 * 1024);
  for (let size = await from.read(part); size !== null; size = await from.read(part)) {
    for (let rest = part.subarray(0, size); rest.length > 0;) rest = rest.subarray(await to.write(rest));
  }
  await to.closeWrite();
}

/** An upstream that answers each request with what it received, as plain text, and keeps the connection. */
export function echoHeads(wire: Wire): Promise<void> {
  return echo(wire, []);
}

/** The same, and keeps the heads as they came. */
export function echoAndKeep(heads: string[]): Script {
  return (wire) => echo(wire, heads);
}

async function echo(wire: Wire, heads: string[]): Promise<void> {
  for (;;) {
    const head = await wire.head();
    if (head === "") return;
    heads.push(head);
    const length = /\r\nContent-Length: *([0-9]+)/i.exec(head)?.[1];
    const body = length === undefined ? "" : text(await wire.take(Number(length)));
    const answer = head + body;
    await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${encoder.encode(answer).length}\r\n\r\n${answer}`);
  }
}
