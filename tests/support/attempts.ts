/** More of what a hostile agent would try, beyond the demo's table: each is a Wall, run inside a bottle. */

import type { Wall } from "./walls.ts";

/** Addresses that the attempts need. */
export interface Reach {
  /** The stand-in's address on the engine's host. */
  readonly address: string;
  /** Gateway of the internal network. */
  readonly gateway: string;
  /** The bundle on the internal network. */
  readonly bundle: string;
}

/** Ends the output of a Python attempt that got through. */
const THROUGH = "GOT-THROUGH";

/**
 * Errors by which the sandbox itself says no; a refusal by the other side is not among them. EINVAL is what IPv6 gives
 * for an interface that has none.
 */
const CLOSED = /EACCES|EPERM|ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL|EAFNOSUPPORT|EPROTONOSUPPORT|EINVAL/;

/** A Python attempt: it got through when nothing is thrown, or when somebody else than the sandbox refuses. */
function python(attempt: string, code: string, stoppedBy = "sandbox"): Wall {
  const script = `python3 - <<'CODE' 2>&1
import errno, socket, struct, sys
socket.setdefaulttimeout(3)
def attempt():
${code.trim().split("\n").map((line) => `    ${line}`).join("\n")}
try:
    attempt()
    print("${THROUGH}")
except OSError as error:
    print(errno.errorcode.get(error.errno, repr(error)))
CODE`;
  return { attempt, script, stoppedBy, held: (output) => CLOSED.test(output) && !output.includes(THROUGH) };
}

const tcp = (address: string, port: number): string => `socket.create_connection(("${address}", ${port}))`;

/** A datagram, and a second one: what the first one's ICMP error says is told by the second. */
const udp = (family: string, to: string, before = ""): string =>
  `s = socket.socket(socket.${family}, socket.SOCK_DGRAM)
${before}
s.connect(${to})
import time
for n in range(3):
    s.send(b"x" * 12)
    time.sleep(0.1)`;

const BIND_TO_DEVICE = `s.setsockopt(socket.SOL_SOCKET, 25, b"eth0\\0")`;

/** Everything outside that an agent could try to reach without its proxy. */
export function reaching({ address, gateway, bundle }: Reach): readonly Wall[] {
  const network = gateway.split(".").slice(0, 2).join(".");
  return [
    ...[22, 53, 80, 443, 2375, 9099].map((port) =>
      python(`TCP to the gateway, port ${port}`, tcp(gateway, port))
    ),
    python("TCP to the stand-in's address", tcp(address, 443)),
    python("TCP to the metadata address", tcp("169.254.169.254", 80)),
    python("TCP to another host of the bridge", tcp(`${network}.255.254`, 80)),
    python("UDP to the gateway, port 53", udp("AF_INET", `("${gateway}", 53)`)),
    python("UDP to the gateway, port 123", udp("AF_INET", `("${gateway}", 123)`)),
    python("UDP to the internet", udp("AF_INET", `("192.0.2.1", 443)`)),
    python(
      "UDP to everybody on the bridge",
      udp("AF_INET", `("${network}.255.255", 67)`, "s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)"),
    ),
    python(
      "ICMP to the gateway",
      `s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
s.connect(("${gateway}", 0))
s.send(struct.pack("!BBHHH", 8, 0, 0, 1, 1) + b"x" * 8)
s.recv(100)`,
    ),
    // Since Linux 5.7 an unprivileged program may bind to a device, and the kernel then takes every address for a
    // neighbour when no route answers: routes alone do not stop this.
    python(
      "bound to the device, TCP to the gateway",
      `s = socket.socket()
${BIND_TO_DEVICE}
s.settimeout(3)
s.connect(("${gateway}", 22))`,
    ),
    python("bound to the device, UDP to the gateway", udp("AF_INET", `("${gateway}", 53)`, BIND_TO_DEVICE)),
    python(
      "a multicast group on the bridge",
      udp("AF_INET", `("224.0.0.251", 5353)`, BIND_TO_DEVICE),
    ),
    python("IPv6 to everybody on the link", udp("AF_INET6", `("ff02::1%eth0", 5353)`)),
    python("IPv6 to a neighbour", `socket.create_connection(("fe80::1%eth0", 22))`),
    python("IPv6 to the internet", tcp("2001:db8::1", 443)),
    ...[8888, 22, 80, 9100, 9418, 9420].map((port) =>
      python(`port ${port} of the bundle`, tcp(bundle, port), "sandbox: egress' port alone")
    ),
    python("UDP to the bundle", udp("AF_INET", `("${bundle}", 53)`)),
    python("TCP to the engine's resolver", tcp("127.0.0.11", 53)),
    python("UDP to the engine's resolver", udp("AF_INET", `("127.0.0.11", 53)`)),
  ];
}

/** Calls of the kernel that an agent could try to make a way with. */
export function privileges(): readonly Wall[] {
  const ioctl = (name: string, code: string, bytes: string) =>
    python(name, `import fcntl\nfcntl.ioctl(socket.socket(), ${code}, ${bytes})`);
  const libc = (name: string, call: string) =>
    python(
      name,
      `import ctypes
libc = ctypes.CDLL(None, use_errno=True)
if ${call} < 0:
    raise OSError(ctypes.get_errno(), "")`,
    );
  // A system call's number on each processor.
  const number = (x86: number, arm: number) =>
    `{"x86_64": ${x86}, "aarch64": ${arm}}[__import__("platform").machine()]`;
  const netlink = (name: string, type: number, body: string) =>
    python(
      name,
      `s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
body = ${body}
s.send(struct.pack("=IHHII", 16 + len(body), ${type}, 0x405, 1, 0) + body)
answer = s.recv(4096)
code = struct.unpack("=i", answer[16:20])[0]
if code != 0:
    raise OSError(-code, "")`,
    );
  return [
    python("a raw socket", "socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)"),
    python("a raw IPv6 socket", "socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)"),
    python(
      "a packet socket, for ARP",
      "socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))",
    ),
    python("a mark on packets", "socket.socket().setsockopt(socket.SOL_SOCKET, 36, 1)"),
    ioctl("a neighbour entry, by ioctl", "0x8955", "bytes(68)"),
    ioctl(
      "an address, by ioctl",
      "0x8916",
      `b"eth0".ljust(16, b"\\0") + struct.pack("=HH4s8x", 2, 0, bytes([10, 9, 9, 9])) + bytes(8)`,
    ),
    ioctl(
      "the interface's flags",
      "0x8914",
      `b"eth0".ljust(16, b"\\0") + struct.pack("=H", 0x1043) + bytes(22)`,
    ),
    netlink(
      "a route, by netlink",
      24,
      `struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 254, 3, 253, 1, 0) + struct.pack("=HHI", 8, 4, 1)`,
    ),
    netlink(
      "a neighbour, by netlink",
      28,
      `struct.pack("=BBHiHBB", 2, 0, 0, 1, 0x80, 0, 0) + struct.pack("=HH4s", 8, 1, bytes([10, 9, 9, 9]))`,
    ),
    libc("a new network namespace", "libc.unshare(0x40000000)"),
    libc("a new user namespace", "libc.unshare(0x10000000)"),
    libc("a user namespace with a network of its own", "libc.unshare(0x50000000)"),
    libc("a new mount namespace", "libc.unshare(0x00020000)"),
    libc("another process' network namespace", `libc.setns(__import__("os").open("/proc/1/ns/net", 0), 0)`),
    libc("a mount", `libc.mount(b"none", b"/mnt", b"tmpfs", 0, None)`),
    libc("a device node", `libc.mknod(b"/tmp/disk", 0o60600, 0x800)`),
    libc(
      "a program of the kernel's (bpf)",
      `libc.syscall(${number(321, 280)}, 0, ctypes.create_string_buffer(128), 128)`,
    ),
    libc("a kernel key ring", `libc.syscall(${number(250, 219)}, 0, -3, 1)`),
    libc("a kernel module", `libc.syscall(${number(313, 273)}, 0, b'', 0)`),
    {
      attempt: "settings of the kernel",
      script:
        "for f in /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/core_pattern /proc/sysrq-trigger /proc/sys/net/ipv4/conf/all/route_localnet; do (: > $f) 2>&1 && echo GOT-THROUGH $f; done; echo tried",
      stoppedBy: "read-only",
      held: (output) => output.includes("tried") && !output.includes(THROUGH),
    },
    {
      attempt: "a way back to root",
      script:
        'su -c id 2>&1 </dev/null; sudo id 2>&1; find / -xdev -perm -4000 -type f 2>/dev/null | while read -r p; do timeout 2 "$p" -c id </dev/null 2>&1; done | grep uid=0 && echo GOT-THROUGH; echo tried',
      stoppedBy: "no-new-privileges",
      held: (output) => output.includes("tried") && !output.includes(THROUGH) && !/uid=0/.test(output),
    },
    {
      attempt: "the host's devices and sockets",
      script:
        "ls /dev/sd* /dev/vd* /dev/nvme* /dev/mem /dev/kmsg /dev/kvm /var/run/docker.sock /run/containerd 2>/dev/null && echo GOT-THROUGH; echo tried",
      stoppedBy: "they are not there",
      held: (output) => output.includes("tried") && !output.includes(THROUGH) && !output.includes("/"),
    },
  ];
}

/** Shell commands that would open a closed network again; none may succeed. They need no tool of the image's own. */
export const OPENING: readonly string[] = [
  ...privileges().filter((wall) => /netlink|ioctl|flags|packet/.test(wall.attempt)).map((wall) =>
    `{ out=$(${wall.script}
); case "$out" in *${THROUGH}*) true ;; *) echo "Operation not permitted: $out"; false ;; esac; }`
  ),
  "ip route add default dev eth0",
  "nft flush ruleset",
  "echo 1 > /proc/sys/net/ipv4/conf/all/forwarding",
];
