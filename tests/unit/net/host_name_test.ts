import { assertEquals } from "@std/assert";
import { authority, canonicalHost } from "../../../lib/net/host_name.ts";

const HOSTS: readonly [written: string, canonical: string | undefined, why: string][] = [
  ["github.com", "github.com", "plain"],
  ["GitHub.COM", "github.com", "case"],
  ["github.com.", "github.com", "trailing dot"],
  ["github.com..", undefined, "empty label"],
  ["a..b", undefined, "empty label"],
  [".a", undefined, "empty label"],
  [".", undefined, "no label"],
  ["", undefined, "nothing"],
  ["localhost", "localhost", "one label"],
  ["_egress.local", "_egress.local", "underscore"],
  ["a_b.example", "a_b.example", "underscore"],
  ["-a.example", undefined, "would be read as an option"],
  ["a-.example", undefined, "trailing hyphen"],
  ["*.example.com", undefined, "wildcard"],
  ["https://example.com", undefined, "scheme"],
  ["example.com:443", undefined, "port"],
  ["example.com/path", undefined, "path"],
  ["user@example.com", undefined, "user"],
  ["example.com?x", undefined, "query"],
  ["example.com#x", undefined, "fragment"],
  ["example.com\\x", undefined, "backslash"],
  ["exa mple.com", undefined, "space"],
  [" example.com", undefined, "leading space, which the URL parser would drop"],
  ["exam\tple.com", undefined, "tab, which the URL parser would drop"],
  ["exam\nple.com", undefined, "line break, which the URL parser would drop"],
  ["example.com\0.evil.com", undefined, "NUL"],
  ["ex%61mple.com", undefined, "percent-encoding, which the URL parser would decode"],
  ["bücher.example", "xn--bcher-kva.example", "IDNA"],
  ["BÜCHER.example", "xn--bcher-kva.example", "IDNA and case"],
  ["xn--bcher-kva.example", "xn--bcher-kva.example", "IDNA, already ASCII"],
  ["xn--zzzzzz.example", undefined, "invalid punycode"],
  ["xn--xn---epa.example", undefined, "punycode in punycode, which URL parsers disagree about"],
  ["ｇithub.com", "github.com", "full-width letter"],
  ["github。com", "github.com", "ideographic full stop"],
  ["\u212aernel.org", "kernel.org", "Kelvin sign"],
  [`${"a".repeat(63)}.example`, `${"a".repeat(63)}.example`, "longest label"],
  [`${"a".repeat(64)}.example`, undefined, "label too long"],
  [Array(127).fill("a").join("."), Array(127).fill("a").join("."), "longest name"],
  [Array(128).fill("a").join("."), undefined, "name too long"],
  ["é".repeat(100_000), undefined, "hostile length"],
  ["127.0.0.1", "127.0.0.1", "IPv4"],
  ["127.0.0.1.", "127.0.0.1", "IPv4 with a trailing dot"],
  ["127.1", undefined, "short IPv4"],
  ["2130706433", undefined, "decimal IPv4"],
  ["0x7f000001", undefined, "hexadecimal IPv4"],
  ["0x7f.0.0.1", undefined, "hexadecimal part"],
  ["0177.0.0.1", undefined, "octal part"],
  ["01.2.3.4", undefined, "leading zero"],
  ["１２７.0.0.1", undefined, "full-width digits"],
  ["1.2.3.4.5", undefined, "five numbers"],
  ["example.1", undefined, "numeric last label"],
  ["[::1]", "::1", "IPv6 in brackets"],
  ["::1", "::1", "bare IPv6"],
  ["[2001:DB8::0:1]", "2001:db8::1", "IPv6 in another spelling"],
  ["[::ffff:10.0.0.1]", "10.0.0.1", "mapped IPv6 reaches the IPv4 address"],
  ["[::ffff:a00:1]", "10.0.0.1", "mapped IPv6 in hexadecimal"],
  ["[fe80::1%25eth0]", undefined, "zone"],
  ["[::1]:443", undefined, "IPv6 with a port"],
  ["[::1", undefined, "open bracket"],
  ["[example.com]", undefined, "name in brackets"],
];

Deno.test("canonicalHost: one form for one host, nothing for what is not exactly one", async (t) => {
  for (const [written, canonical, why] of HOSTS) {
    await t.step(`${why}: ${JSON.stringify(written.slice(0, 40))}`, () => {
      assertEquals(canonicalHost(written), canonical);
    });
  }
});

Deno.test("canonicalHost is idempotent, and its result is what the URL parser dials", () => {
  for (const [written] of HOSTS) {
    const canonical = canonicalHost(written);
    if (canonical === undefined) continue;
    assertEquals(canonicalHost(canonical), canonical);
    assertEquals(new URL(`http://${authority(canonical)}/`).hostname, authority(canonical));
  }
});

Deno.test("authority brackets IPv6 and adds the port", () => {
  assertEquals(authority("github.com", 443), "github.com:443");
  assertEquals(authority("::1", 443), "[::1]:443");
  assertEquals(authority("::1"), "[::1]");
});
