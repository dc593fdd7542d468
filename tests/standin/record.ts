/** What a stand-in saw of a request: enough to prove which credential arrived where, without the body itself. */

/** One request, one line of JSON. */
export interface RequestRecord {
  readonly method: string;
  /** `Host` header, or `:authority` where the client speaks HTTP/2. */
  readonly host: string;
  /** Path with its query. */
  readonly path: string;
  /** `Authorization` header. The lab's tokens are made up, so they may be written down. */
  readonly authorization: string | null;
  readonly apiKey: string | null;
  readonly userAgent: string | null;
  readonly upgrade: string | null;
  readonly contentEncoding: string | null;
  /** Length of the body in bytes, as it came over the wire. */
  readonly bodyBytes: number;
  /** SHA-256 of those bytes, hex. */
  readonly bodySha256: string;
  /** Status of the answer. */
  readonly status: number;
}

/** Describes a request and its answer. */
export async function recordOf(
  request: Request,
  body: Uint8Array<ArrayBuffer>,
  status: number,
): Promise<RequestRecord> {
  const url = new URL(request.url);
  const header = (name: string) => request.headers.get(name);
  return {
    method: request.method,
    host: url.host,
    path: url.pathname + url.search,
    authorization: header("authorization"),
    apiKey: header("x-api-key"),
    userAgent: header("user-agent"),
    upgrade: header("upgrade"),
    contentEncoding: header("content-encoding"),
    bodyBytes: body.length,
    bodySha256: new Uint8Array(await crypto.subtle.digest("SHA-256", body)).toHex(),
    status,
  };
}

/** Reads a file of records. */
export async function readRecords(file: string): Promise<readonly RequestRecord[]> {
  const text = await Deno.readTextFile(file);
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as RequestRecord);
}
