import { assertEquals, assertNotEquals } from "@std/assert";
import { cidrContains, isIp, isPrivateIp, parseCidr, parseIp } from "../../../lib/net/ip.ts";

const ADDRESSES: readonly [written: string, canonical: string | undefined][] = [
  ["127.0.0.1", "127.0.0.1"],
  ["255.255.255.255", "255.255.255.255"],
  ["256.0.0.1", undefined],
  ["127.1", undefined],
  ["2130706433", undefined],
  ["0177.0.0.1", undefined],
  ["0x7f.0.0.1", undefined],
  ["1.2.3.4.", undefined],
  ["1.2.3.4.5", undefined],
  ["+1.2.3.4", undefined],
  [" 1.2.3.4", undefined],
  ["[1.2.3.4]", undefined],
  ["", undefined],
  ["::", "::"],
  ["::1", "::1"],
  ["[::1]", "::1"],
  ["[::1", undefined],
  ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
  ["1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0"],
  ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ["::1:2:3:4:5:6:7:8", undefined],
  ["1::2::3", undefined],
  ["1:2:3", undefined],
  [":1", undefined],
  ["12345::", undefined],
  ["fe80::1%eth0", undefined],
  ["::ffff:1.2.3.4", "1.2.3.4"],
  ["::ffff:102:304", "1.2.3.4"],
  ["[::FFFF:7f00:1]", "127.0.0.1"],
  ["::1.2.3.4", "::102:304"],
  ["1.2.3.4::", undefined],
  ["::1.2.3", undefined],
];

Deno.test("parseIp gives one canonical text or nothing", () => {
  for (const [written, canonical] of ADDRESSES) {
    assertEquals(parseIp(written)?.text, canonical, written);
    assertEquals(isIp(written), canonical !== undefined, written);
  }
});

Deno.test("parseIp agrees with the URL parser on every canonical IPv6 text", () => {
  let seed = 12345;
  const next = () => (seed = (seed * 1103515245 + 12345) % 0x80000000) % 0x10000;
  for (let round = 0; round < 500; round++) {
    const words = Array.from({ length: 8 }, () => next() % 3 === 0 ? next() : 0);
    words[0] = 0x2000 + words[0]! % 0x100;
    const text = words.map((word) => word.toString(16)).join(":");
    assertEquals(`[${parseIp(text)?.text}]`, new URL(`http://[${text}]/`).hostname, text);
  }
});

Deno.test("isPrivateIp: what is not the public internet", () => {
  const privates = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "2002:a00:1::",
    "2001:db8::1",
  ];
  const publics = [
    "1.1.1.1",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700::1111",
    "64:ff9b::101:101",
    "2002:101:101::",
  ];
  for (const text of privates) assertEquals(isPrivateIp(text), true, text);
  for (const text of [...publics, "localhost", "10.1", ""]) assertEquals(isPrivateIp(text), false, text);
});

const RANGES: readonly [written: string, canonical: string | undefined][] = [
  ["10.0.0.0/8", "10.0.0.0/8"],
  ["10.1.2.3/8", "10.0.0.0/8"],
  ["10.1.2.3/32", "10.1.2.3/32"],
  ["0.0.0.0/0", "0.0.0.0/0"],
  ["10.1.2.3/20", "10.1.0.0/20"],
  ["fd00::1/7", "fc00::/7"],
  ["::1/128", "::1/128"],
  ["::ffff:10.0.0.1/104", "10.0.0.0/8"],
  ["::ffff:10.0.0.1/64", undefined],
  ["10.0.0.0/33", undefined],
  ["::/129", undefined],
  ["10.0.0.0", undefined],
  ["10.0.0.0/", undefined],
  ["10.0.0.0/08", undefined],
  ["10.0.0.0/-1", undefined],
  ["10.0.0.0/8/8", undefined],
  ["[::1]/128", undefined],
  ["host/8", undefined],
];

Deno.test("parseCidr gives one canonical range or nothing", () => {
  for (const [written, canonical] of RANGES) assertEquals(parseCidr(written)?.text, canonical, written);
});

Deno.test("cidrContains compares within one IP version", () => {
  const range = parseCidr("10.1.0.0/20")!;
  assertNotEquals(range, undefined);
  assertEquals(cidrContains(range, parseIp("10.1.15.255")!), true);
  assertEquals(cidrContains(range, parseIp("10.1.16.0")!), false);
  assertEquals(cidrContains(parseCidr("::/0")!, parseIp("10.0.0.1")!), false);
});
