/** A plain HTTP/1.1 client for the contract test: it sends what it is told and nothing else. */

/** A response, read to its end. */
export interface RawResponse {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** A request as text; `Host` and `Connection: close` are added. */
export interface RawRequest {
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

/** Sends one request on the connection and reads until it closes. */
export async function send(conn: Deno.Conn, host: string, request: RawRequest): Promise<RawResponse> {
  const encoder = new TextEncoder();
  const body = typeof request.body === "string"
    ? encoder.encode(request.body)
    : request.body ?? new Uint8Array();
  const headers: Record<string, string> = {
    Host: request.host ?? host,
    Connection: "close",
    ...request.headers,
  };
  if (request.body !== undefined) headers["Content-Length"] = String(body.length);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const head = encoder.encode(`${request.method ?? "GET"} ${request.path ?? "/"} HTTP/1.1\r\n${lines}\r\n`);
  const writer = conn.writable.getWriter();
  // The other side may answer and close before it has read the whole body.
  void writer.write(new Uint8Array([...head, ...body])).catch(() => {});
  const text = await readAll(conn);
  const split = text.indexOf("\r\n\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? NaN);
  if (split < 0 || Number.isNaN(status)) {
    throw new Error(`no response: ${JSON.stringify(text.slice(0, 200))}`);
  }
  return { status, head: text.slice(0, split), body: unchunked(text.slice(0, split), text.slice(split + 4)) };
}

/** Asks a proxy for a tunnel; gives the connection when it is granted, else the refusal. */
export async function connectTunnel(
  port: number,
  target: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly conn?: Deno.TcpConn; readonly refusal?: RawResponse }> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  await conn.write(new TextEncoder().encode(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${lines}\r\n`));
  const head = await readHead(conn);
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? NaN);
  if (status === 200) return { conn };
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
  const body = new Uint8Array(length);
  for (let at = 0; at < length;) at += await conn.read(body.subarray(at)) ?? length;
  conn.close();
  return { refusal: { status, head, body: new TextDecoder().decode(body) } };
}

async function readHead(conn: Deno.Conn): Promise<string> {
  const byte = new Uint8Array(1);
  let head = "";
  while (!head.endsWith("\r\n\r\n") && await conn.read(byte) !== null) head += String.fromCharCode(byte[0]!);
  return head;
}

async function readAll(conn: Deno.Conn): Promise<string> {
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(16_384);
  let text = "";
  try {
    for (let count; (count = await conn.read(chunk)) !== null;) {
      text += decoder.decode(chunk.subarray(0, count), { stream: true });
    }
  } catch (error) {
    // A TLS peer may leave without saying goodbye; what was read stands.
    if (text === "") throw error;
  }
  return text;
}

function unchunked(head: string, body: string): string {
  if (!/transfer-encoding: chunked/i.test(head)) return body;
  let text = "";
  for (let at = 0;;) {
    const end = body.indexOf("\r\n", at);
    const size = parseInt(body.slice(at, end), 16);
    if (!(size > 0)) return text;
    text += body.slice(end + 2, end + 2 + size);
    at = end + 2 + size + 2;
  }
}
