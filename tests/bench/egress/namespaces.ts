/** Runs the benchmark where it can have any name, address and port, without a trace on the machine. */

import { HOST } from "./world.ts";

/** From the wish to end to the end of everything. */
const GRACE_MS = 8_000;

// As in a bottle's bundle, connections acknowledge promptly where the kernel can be told to.
// The new mounts and the loopback are gone with the last process, and with the first one all others are.
const SCRIPT = `set -e
ip link set lo up
threshold=/proc/sys/net/ipv4/tcp_pingpong_thresh
echo "16384 65535" > /proc/sys/net/ipv4/ip_local_port_range
[ ! -e "$threshold" ] || echo 255 > "$threshold"
mount --bind "$0" /etc/hosts
exec "$@"`;

/**
 * Runs a module in network, mount and process namespaces of its own.
 *
 * @param temp folder for all files of the run
 * @param plan the module's one argument, as JSON
 * @returns its exit status
 */
export async function inNamespaces(module: string, temp: string, plan: unknown): Promise<number> {
  const hosts = `${temp}/hosts`;
  await Deno.writeTextFile(hosts, `127.0.0.1 localhost ${HOST}\n`);
  const child = new Deno.Command("unshare", {
    args: [
      ...Deno.uid() === 0 ? [] : ["--map-root-user"],
      ...["--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"],
      ...["/bin/sh", "-c", SCRIPT, hosts],
      ...[Deno.execPath(), "run", "--quiet", "--allow-all", "--cached-only", module, JSON.stringify(plan)],
    ],
    // What is left of a run that is killed lies in the one folder that its starter removes.
    env: { TMPDIR: temp },
    // The module ends when this pipe does, be it because this process has ended.
    stdin: "piped",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  const end = () => {
    child.stdin.close().catch(() => {});
    setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
  };
  for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, end);
  return (await child.status).code;
}
