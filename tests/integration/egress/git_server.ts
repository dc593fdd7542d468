/** git's own smart-HTTP server, `git http-backend`, as a CGI program behind a real TLS server. */

/** A request as git sent it. */
export interface GitRequest {
  readonly line: string;
  readonly contentEncoding: string | null;
  readonly transferEncoding: string | null;
}

/** Serves the repositories of a folder to whoever brings the credential; notes what it was asked. */
export function gitServer(folder: string, authorization: string, seen: GitRequest[]): Deno.ServeHandler {
  return async (request) => {
    const { pathname, search } = new URL(request.url);
    const header = (name: string) => request.headers.get(name);
    seen.push({
      line: `${request.method} ${pathname}${search}`,
      contentEncoding: header("content-encoding"),
      transferEncoding: header("transfer-encoding"),
    });
    if (header("authorization") !== authorization) {
      return new Response("who is asking?", { status: 401, headers: { "www-authenticate": "Basic" } });
    }
    const child = new Deno.Command("git", {
      args: ["http-backend"],
      clearEnv: true,
      env: {
        PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin",
        GIT_PROJECT_ROOT: folder,
        GIT_HTTP_EXPORT_ALL: "1",
        GIT_CONFIG_NOSYSTEM: "1",
        HOME: folder,
        REQUEST_METHOD: request.method,
        PATH_INFO: pathname,
        QUERY_STRING: search.slice(1),
        REMOTE_ADDR: "127.0.0.1",
        CONTENT_TYPE: header("content-type") ?? "",
        ...variable("CONTENT_LENGTH", header("content-length")),
        ...variable("HTTP_CONTENT_ENCODING", header("content-encoding")),
        ...variable("HTTP_GIT_PROTOCOL", header("git-protocol")),
      },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const feeding = (request.body ?? new Blob([]).stream()).pipeTo(child.stdin).catch(() => {});
    const { stdout } = await child.output();
    await feeding;
    return toResponse(stdout);
  };
}

function variable(name: string, value: string | null): Record<string, string> {
  return value === null ? {} : { [name]: value };
}

/** What a CGI program wrote: header lines, an empty line, a body. */
function toResponse(output: Uint8Array<ArrayBuffer>): Response {
  const text = new TextDecoder("latin1").decode(output.subarray(0, 4096));
  const end = text.indexOf("\r\n\r\n");
  const headers = new Headers();
  let status = 200;
  for (const line of text.slice(0, end).split("\r\n")) {
    const colon = line.indexOf(":");
    const [name, value] = [line.slice(0, colon), line.slice(colon + 1).trim()];
    if (name.toLowerCase() === "status") status = Number.parseInt(value);
    else headers.append(name, value);
  }
  return new Response(output.subarray(end + 4), { status, headers });
}
