/** What a hostile agent would tell its proxy: raw requests to egress, each with the statuses that refuse it. */

import type { Wall } from "./walls.ts";
import { API_HOST, UNLISTED_HOST, UPLOAD_HOST } from "./lab_manifests.ts";

/** Sends bytes to egress and prints the status line, or how the connection ended. */
function raw(attempt: string, request: string, refusals: readonly number[] = [400, 403, 421]): Wall {
  const script = `python3 - <<'CODE' 2>&1
import socket
s = socket.create_connection(("egress", 9099), timeout=10)
s.sendall(${JSON.stringify(request)}.encode("latin-1"))
print("STATUS", s.recv(4096).split(b"\\r\\n")[0].decode("latin-1"))
CODE`;
  const held = (output: string) => refusals.includes(Number(/STATUS HTTP\/1\.1 (\d{3})/.exec(output)?.[1]));
  return { attempt, script, stoppedBy: `egress: ${refusals.join(" or ")}`, held };
}

const connect = (authority: string, host = authority): string =>
  `CONNECT ${authority} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

/** Speaks TLS to a listed host through egress, then says something that does not fit it. */
function inTunnel(attempt: string, serverName: string, request: string): Wall {
  const script = `python3 - <<'CODE' 2>&1
import socket, ssl
s = socket.create_connection(("egress", 9099), timeout=10)
s.sendall(b"CONNECT ${API_HOST}:443 HTTP/1.1\\r\\nHost: ${API_HOST}:443\\r\\n\\r\\n")
assert s.recv(4096).startswith(b"HTTP/1.1 200")
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
try:
    t = context.wrap_socket(s, server_hostname="${serverName}")
    t.sendall(${JSON.stringify(request)}.encode())
    answer = t.recv(4096)
    print("STATUS", answer.split(b"\\r\\n")[0].decode("latin-1") if answer else "HTTP/1.1 400 broken off")
except (ssl.SSLError, ConnectionError, OSError) as error:
    print("STATUS HTTP/1.1 400 broken off", error)
CODE`;
  const held = (output: string) =>
    /STATUS HTTP\/1\.1 (?:400|403|421)/.test(output) && !output.includes("echo");
  return { attempt, script, stoppedBy: "egress: one host, or none", held };
}

/** Addresses that the attempts need. */
export interface ProxyReach {
  readonly address: string;
  readonly gateway: string;
  /** Addresses of the bundle, on both networks. */
  readonly bundle: readonly string[];
}

/** Everything that egress must refuse to carry. */
export function throughProxy({ address, gateway, bundle }: ProxyReach): readonly Wall[] {
  const targets = [
    ...["169.254.169.254:80", "169.254.169.254:443", "127.0.0.1:8888", "127.0.0.1:9099", "localhost:8888"],
    ...[
      "[::1]:8888",
      "[::ffff:127.0.0.1]:8888",
      "0.0.0.0:8888",
      "0:8888",
      "2130706433:8888",
      "0x7f000001:8888",
    ],
    ...["017700000001:8888", "127.1:8888", `${gateway}:22`, `${gateway}:443`, `${address}:443`],
    ...bundle.flatMap((ip) => [`${ip}:8888`, `${ip}:443`]),
    ...["host.docker.internal:443", `${UNLISTED_HOST}:443`, `${API_HOST}.${UNLISTED_HOST}:443`],
    ...[22, 80, 8080, 8443, 0, 65536].map((port) => `${API_HOST}:${port}`),
    ...[`x.${API_HOST}:443`, `${API_HOST}%00.${UNLISTED_HOST}:443`, `user@${API_HOST}:443`, `${API_HOST}`],
  ];
  const get = (target: string, ...fields: string[]) =>
    `GET ${target} HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n`;
  const hello = get("/v1/hello", `Host: ${UNLISTED_HOST}`);
  return [
    ...targets.map((target) => raw(`CONNECT ${target}`, connect(target))),
    raw("CONNECT with another Host", connect(`${API_HOST}:443`, `${UNLISTED_HOST}:443`)),
    ...["169.254.169.254", "127.0.0.1:8888", gateway, "[::1]:8888", "2130706433:8888", UNLISTED_HOST].map((
      host,
    ) => raw(`GET http://${host}/`, get(`http://${host}/`, `Host: ${host}`))),
    raw("absolute form, another Host", get(`http://${UPLOAD_HOST}/`, `Host: ${UNLISTED_HOST}`)),
    raw(
      "absolute form, two Hosts",
      get(`http://${UPLOAD_HOST}/`, `Host: ${UPLOAD_HOST}`, `Host: ${UNLISTED_HOST}`),
    ),
    raw(
      "absolute form, a user in it",
      get(`http://${UPLOAD_HOST}@${UNLISTED_HOST}/`, `Host: ${UNLISTED_HOST}`),
    ),
    raw("https in absolute form", get(`https://${API_HOST}/v1/x`, `Host: ${API_HOST}`)),
    raw("a credential's host over plain http", get(`http://${API_HOST}/v1/x`, `Host: ${API_HOST}`)),
    raw("a path to egress itself", get("/routes", `Host: ${UPLOAD_HOST}`)),
    raw(
      "two lengths",
      `POST http://${UPLOAD_HOST}/ HTTP/1.1\r\nHost: ${UPLOAD_HOST}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ),
    raw("a bare line feed", `GET http://${UPLOAD_HOST}/ HTTP/1.1\nHost: ${UNLISTED_HOST}\n\n`),
    inTunnel("in a tunnel, another server name", UNLISTED_HOST, get("/v1/hello", `Host: ${API_HOST}`)),
    inTunnel("in a tunnel, another Host", API_HOST, hello),
    inTunnel(
      "in a tunnel, an absolute target",
      API_HOST,
      get(`https://${UNLISTED_HOST}/`, `Host: ${API_HOST}`),
    ),
    inTunnel(
      "in a tunnel, a listed host's other name",
      UPLOAD_HOST,
      get("/v1/hello", `Host: ${UPLOAD_HOST}`),
    ),
    {
      attempt: "git push over https",
      script:
        `cd /tmp && rm -rf push && git init -q push && cd push && git -c user.name=x -c user.email=x@x commit -q --allow-empty -m x && git push https://${UPLOAD_HOST}/repo.git HEAD:main 2>&1; echo status $?`,
      stoppedBy: "egress: 403, git-gate",
      held: (output) => output.includes("403") && /status [1-9]/.test(output),
    },
  ];
}
