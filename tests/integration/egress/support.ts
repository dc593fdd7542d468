/** Real parts around a real egress: its process, a TLS upstream, a CONNECT proxy in pipelock's place, raw clients. */

import { loadCa, mintCa } from "../../../lib/tls/ca.ts";
import { LeafMinter } from "../../../lib/tls/leaf.ts";

const MAIN = new URL("../../../sidecars/egress/main.ts", import.meta.url).pathname;
const encoder = new TextEncoder();

/** Bytes of Latin-1 text. */
export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** Latin-1 text of bytes. */
export function text(data: Uint8Array): string {
  let result = "";
  for (let at = 0; at < data.length; at += 8192) {
    result += String.fromCharCode(...data.subarray(at, at + 8192));
  }
  return result;
}

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

/** A running egress process. */
export interface EgressProcess extends Running {
  readonly port: number;
  readonly pid: number;
  /** Lines of standard output so far. */
  readonly stdout: string[];
  /** Lines of standard error so far. */
  readonly stderr: string[];
  /** Writes the routes file and has it reloaded; resolves with what egress says about it. */
  reload(routes: string): Promise<string>;
  /** Waits for an access record. */
  record(matches: (record: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>;
}

/** Starts egress as it runs in the bundle: with its least permissions. */
export async function startEgress(
  pki: Pki,
  options: { routes: string; proxyPort?: number; env?: Record<string, string>; extraCa?: string },
): Promise<EgressProcess> {
  const routes = `${pki.dir}/routes-${crypto.randomUUID()}.yaml`;
  const caFile = `${pki.dir}/trust-${crypto.randomUUID()}.pem`;
  await Deno.writeTextFile(routes, options.routes);
  await Deno.writeTextFile(caFile, pki.upstreamCa + (options.extraCa ?? ""));
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...[
        "run",
        "--quiet",
        "--no-prompt",
        "--allow-net=127.0.0.1",
        "--allow-read",
        "--allow-env=EGRESS_TOKEN_*",
        MAIN,
      ],
      ...["--routes", routes, "--listen", "127.0.0.1:0", "--upstream-ca", caFile],
      ...["--ca-cert", `${pki.dir}/egress-ca.pem`, "--ca-key", `${pki.dir}/egress-ca-key.pem`],
      ...options.proxyPort === undefined ? [] : ["--upstream-proxy", `http://127.0.0.1:${options.proxyPort}`],
    ],
    env: { ...options.env, NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stdout = collectLines(child.stdout);
  const stderr = collectLines(child.stderr);
  const ready = await until(
    () => stdout.lines.find((line) => line.startsWith("egress: listening on ")),
    () => `egress did not start: ${stderr.lines.join("\n")}`,
  );
  return {
    port: Number(ready.split(":").at(-1)),
    pid: child.pid,
    stdout: stdout.lines,
    stderr: stderr.lines,
    reload: async (content) => {
      const seen = stderr.lines.length;
      await Deno.writeTextFile(routes, content);
      child.kill("SIGHUP");
      return await until(
        () => stderr.lines.slice(seen).find((line) => line.startsWith("egress: ")),
        () => "no answer to SIGHUP",
      );
    },
    record: async (matches) =>
      await until(() =>
        stdout.lines.filter((line) => line.startsWith("{"))
          .map((line): Record<string, unknown> => JSON.parse(line)).find(matches), () =>
        `no such record in:\n${stdout.lines.join("\n")}`),
    close: async () => {
      child.kill("SIGTERM");
      const status = await child.status;
      await Promise.all([stdout.done, stderr.done]);
      if (status.code !== 0) throw new Error(`egress ended with ${status.code}: ${stderr.lines.join("\n")}`);
    },
  };
}

/** Polls for a value; fails with a message after 15 s. */
export async function until<T>(probe: () => T | undefined, message: () => string): Promise<T> {
  for (const end = Date.now() + 15_000; Date.now() < end;) {
    const value = probe();
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(message());
}

function collectLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): { lines: string[]; done: Promise<void> } {
  const lines: string[] = [];
  const done = (async () => {
    let rest = "";
    for await (const part of stream.pipeThrough(new TextDecoderStream())) {
      const split = (rest + part).split("\n");
      rest = split.pop() ?? "";
      lines.push(...split);
    }
    if (rest !== "") lines.push(rest);
  })();
  return { lines, done };
}

/** A connection with a buffer, for reading messages by hand. */
export class Wire {
  readonly conn: Deno.Conn;
  #buffer = new Uint8Array(0);

  constructor(conn: Deno.Conn) {
    this.conn = conn;
  }

  async send(data: string | Uint8Array<ArrayBuffer>): Promise<void> {
    let rest = typeof data === "string" ? bytes(data) : data;
    while (rest.length > 0) rest = rest.subarray(await this.conn.write(rest));
  }

  /** More bytes; false at the end. */
  async fill(): Promise<boolean> {
    const part = new Uint8Array(64 * 1024);
    const size = await this.conn.read(part);
    if (size === null) return false;
    const joined = new Uint8Array(this.#buffer.length + size);
    joined.set(this.#buffer);
    joined.set(part.subarray(0, size), this.#buffer.length);
    this.#buffer = joined;
    return true;
  }

  /** A head with its empty line, or what came before the end. */
  async head(): Promise<string> {
    for (;;) {
      const seen = text(this.#buffer);
      const end = seen.indexOf("\r\n\r\n");
      if (end >= 0) {
        this.#buffer = this.#buffer.slice(end + 4);
        return seen.slice(0, end + 4);
      }
      if (!await this.fill()) {
        this.#buffer = new Uint8Array(0);
        return seen;
      }
    }
  }

  /** Exactly so many bytes. */
  async take(size: number): Promise<Uint8Array<ArrayBuffer>> {
    while (this.#buffer.length < size) if (!await this.fill()) throw new Error("ended early");
    const taken = this.#buffer.slice(0, size);
    this.#buffer = this.#buffer.slice(size);
    return taken;
  }

  /** Whatever is at hand, or comes next; empty at the end. */
  async some(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#buffer.length === 0) await this.fill();
    const taken = this.#buffer;
    this.#buffer = new Uint8Array(0);
    return taken;
  }

  /** All until the end; a reset counts as the end. */
  async rest(): Promise<string> {
    try {
      while (await this.fill());
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.UnexpectedEof)) {
        throw error;
      }
    }
    return text(this.#buffer);
  }

  /** A response head and its counted body. */
  async response(): Promise<{ head: string; body: string }> {
    const head = await this.head();
    const length = /\r\nContent-Length: *([0-9]+)/i.exec(head)?.[1];
    return { head, body: length === undefined ? "" : text(await this.take(Number(length))) };
  }

  close(): void {
    try {
      this.conn.close();
    } catch {
      // Closed already.
    }
  }
}

/** What a scripted upstream does with one connection. */
export type Script = (wire: Wire, connection: number) => Promise<void>;

/** A real TLS (or plain) server whose connections run a script. */
export async function startUpstream(
  pki: Pki,
  host: string,
  script: Script,
  tls = true,
): Promise<Running & { port: number; connections: () => number }> {
  const address = { hostname: "127.0.0.1", port: 0 };
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
): Running & { port: number; seen: string[] } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
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
    await Promise.allSettled([copy(conn, up), copy(up, conn)]);
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

/** Opens a tunnel through egress and TLS inside it, as a well-behaved client does. */
export async function openTunnel(
  egressPort: number,
  host: string,
  pki: Pki,
  sni = host,
): Promise<Wire> {
  const tcp = await Deno.connect({ hostname: "127.0.0.1", port: egressPort });
  tcp.setNoDelay(true);
  const plain = new Wire(tcp);
  await plain.send(`CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}:443\r\n\r\n`);
  const head = await plain.head();
  if (!head.startsWith("HTTP/1.1 200 ")) {
    const body = await plain.rest();
    plain.close();
    throw new Error(`${head}${body}`);
  }
  const tls = await Deno.startTls(tcp, {
    hostname: sni,
    caCerts: [pki.egressCa],
    alpnProtocols: ["http/1.1"],
  });
  try {
    await tls.handshake();
  } catch (error) {
    tls.close();
    throw error;
  }
  return new Wire(tls);
}

/** Sends raw bytes to egress and reads to the end. */
export async function rawExchange(egressPort: number, data: string): Promise<string> {
  const wire = new Wire(await Deno.connect({ hostname: "127.0.0.1", port: egressPort }));
  try {
    await wire.send(data);
    return await wire.rest();
  } finally {
    wire.close();
  }
}

/** Runs a program and collects its output. */
export async function runProgram(
  name: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command(name, { args, env, stdin: "null" }).output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

/** An upstream that answers each request with what it received, as plain text, and keeps the connection. */
export async function echoHeads(wire: Wire): Promise<void> {
  for (;;) {
    const head = await wire.head();
    if (head === "") return;
    const length = /\r\nContent-Length: *([0-9]+)/i.exec(head)?.[1];
    const body = length === undefined ? "" : text(await wire.take(Number(length)));
    const answer = head + body;
    await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${encoder.encode(answer).length}\r\n\r\n${answer}`);
  }
}
