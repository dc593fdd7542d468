import { createHash } from "node:crypto";
import { assertEquals, assertThrows } from "@std/assert";
import { findSocket, type SocketSearch } from "../../../backends/docker/engine/socket.ts";
import { OperatorError } from "../../../lib/errors.ts";

interface Host {
  readonly env?: Record<string, string>;
  /** Text by path; a path with any text exists. */
  readonly files?: Record<string, string>;
}

function search({ env = {}, files = {} }: Host): SocketSearch {
  return { env, home: "/home/op", readText: (path) => files[path], exists: (path) => path in files };
}

function meta(name: string, host: unknown, config = "/home/op/.docker"): Record<string, string> {
  const id = createHash("sha256").update(name).digest("hex");
  return {
    [`${config}/contexts/meta/${id}/meta.json`]: JSON.stringify({
      Name: name,
      Endpoints: { docker: { Host: host } },
    }),
  };
}

const CONFIG = "/home/op/.docker/config.json";
const colima = meta("colima", "unix:///home/op/.colima/docker.sock");

const found: readonly (readonly [string, Host, string, string])[] = [
  ["nothing anywhere", {}, "/var/run/docker.sock", "default"],
  ["the system's", { files: { "/var/run/docker.sock": "" } }, "/var/run/docker.sock", "default"],
  [
    "Docker Desktop's",
    { files: { "/home/op/.docker/run/docker.sock": "" } },
    "/home/op/.docker/run/docker.sock",
    "default",
  ],
  [
    "a rootless one",
    { env: { XDG_RUNTIME_DIR: "/run/user/7" }, files: { "/run/user/7/docker.sock": "" } },
    "/run/user/7/docker.sock",
    "default",
  ],
  [
    "the system's before a rootless one",
    { env: { XDG_RUNTIME_DIR: "/r" }, files: { "/r/docker.sock": "", "/var/run/docker.sock": "" } },
    "/var/run/docker.sock",
    "default",
  ],
  ["DOCKER_HOST", { env: { DOCKER_HOST: "unix:///x/y.sock" } }, "/x/y.sock", "DOCKER_HOST"],
  ["an empty DOCKER_HOST is none", { env: { DOCKER_HOST: "" } }, "/var/run/docker.sock", "default"],
  [
    "DOCKER_HOST over a context",
    { env: { DOCKER_HOST: "unix:///x.sock", DOCKER_CONTEXT: "colima" }, files: colima },
    "/x.sock",
    "DOCKER_HOST",
  ],
  [
    "the configured context",
    { files: { ...colima, [CONFIG]: '{"currentContext":"colima"}' } },
    "/home/op/.colima/docker.sock",
    "docker context colima",
  ],
  [
    "DOCKER_CONTEXT over the configured one",
    {
      env: { DOCKER_CONTEXT: "b" },
      files: { ...meta("b", "unix:///b"), [CONFIG]: '{"currentContext":"colima"}' },
    },
    "/b",
    "docker context b",
  ],
  ["the context named default", { env: { DOCKER_CONTEXT: "default" } }, "/var/run/docker.sock", "default"],
  [
    "a configuration without a context",
    { files: { [CONFIG]: '{"auths":{}}' } },
    "/var/run/docker.sock",
    "default",
  ],
  [
    "DOCKER_CONFIG moves the configuration",
    {
      env: { DOCKER_CONFIG: "/cfg" },
      files: { ...meta("c", "unix:///c", "/cfg"), "/cfg/config.json": '{"currentContext":"c"}' },
    },
    "/c",
    "docker context c",
  ],
];

for (const [name, host, path, from] of found) {
  Deno.test(`socket: ${name}`, () => assertEquals(findSocket(search(host)), { path, from }));
}

const refused: readonly (readonly [string, Host, string])[] = [
  [
    "tcp",
    { env: { DOCKER_HOST: "tcp://10.0.0.1:2375" } },
    "DOCKER_HOST is tcp://10.0.0.1:2375: an engine on another host is refused, because the proposal queue is a bind mount",
  ],
  ["ssh", { env: { DOCKER_HOST: "ssh://me@far" } }, "an engine on another host is refused"],
  ["a bare path", { env: { DOCKER_HOST: "/var/run/docker.sock" } }, "DOCKER_HOST is /var/run/docker.sock"],
  ["an empty path", { env: { DOCKER_HOST: "unix://" } }, "not an absolute path"],
  ["a relative path", { env: { DOCKER_HOST: "unix://run/docker.sock" } }, "not an absolute path"],
  ["control characters are shown", { env: { DOCKER_HOST: "tcp://\x1b[2J" } }, "tcp://\\u{1b}[2J"],
  [
    "a context on another host",
    { env: { DOCKER_CONTEXT: "far" }, files: meta("far", "ssh://far") },
    "docker context far is ssh://far: an engine on another host is refused",
  ],
  [
    "an unknown context",
    { files: { [CONFIG]: '{"currentContext":"gone"}' } },
    `docker context gone, chosen by ${CONFIG}, does not exist`,
  ],
  [
    "a context without an engine",
    { env: { DOCKER_CONTEXT: "k8s" }, files: meta("k8s", undefined) },
    "names no engine",
  ],
  ["a broken configuration", { files: { [CONFIG]: "{" } }, `${CONFIG} is not JSON`],
];

for (const [name, host, message] of refused) {
  Deno.test(`socket refused: ${name}`, () => {
    assertThrows(() => findSocket(search(host)), OperatorError, message);
  });
}
