/**
 * One host has one name: every spelling that some parser reads as an allowed host is either dialled under its
 * canonical name or refused, whether it stands in CONNECT, in a URL or in Host.
 */

import { assertEquals, assertMatch } from "@std/assert";
import { echoHeads, text } from "./support.ts";
import { startWorld } from "./world.ts";

const HOSTS = ["a.test", "xn--bcher-kva.test", "192.0.2.1", "2001:db8::1"];

function world() {
  return startWorld({ hosts: Object.fromEntries(HOSTS.map((host) => [host, echoHeads])) });
}

const utf8 = (value: string) => text(new TextEncoder().encode(value));

/** Spelling and canonical host. */
const SPELLINGS: readonly (readonly [spelled: string, host: string])[] = [
  ["a.test", "a.test"],
  ["A.tEsT", "a.test"],
  ["a.test.", "a.test"],
  ["xn--bcher-kva.test", "xn--bcher-kva.test"],
  ["XN--BCHER-KVA.TEST.", "xn--bcher-kva.test"],
  ["192.0.2.1", "192.0.2.1"],
  ["[::ffff:192.0.2.1]", "192.0.2.1"],
  ["[::FFFF:C000:0201]", "192.0.2.1"],
  ["[0:0:0:0:0:ffff:192.0.2.1]", "192.0.2.1"],
  ["[2001:db8::1]", "2001:db8::1"],
  ["[2001:0DB8:0:0:0:0:0:1]", "2001:db8::1"],
];

/** What is no host at all, or not in a form that everyone reads alike: 400. */
const NO_HOST: readonly (readonly [name: string, spelled: string])[] = [
  ["IPv4 as one decimal number", "3221225985"],
  ["IPv4 as one hexadecimal number", "0xc0000201"],
  ["IPv4 as one octal number", "030000001001"],
  ["IPv4 with hexadecimal parts", "0xC0.0x0.0x2.0x1"],
  ["IPv4 with octal parts", "0300.0.02.01"],
  ["IPv4 with a zero before a part", "192.0.2.01"],
  ["IPv4 in three parts", "192.0.513"],
  ["IPv4 in two parts", "192.513"],
  ["IPv4 with five parts", "192.0.2.1.1"],
  ["IPv4 beyond a byte", "192.0.2.257"],
  ["IPv4 with a percent-encoded dot", "192.0.2%2e1"],
  ["IPv4 in brackets", "[192.0.2.1]"],
  ["IPv6 without brackets", "2001:db8::1"],
  ["IPv6 with a zone", "[fe80::1%25eth0]"],
  ["IPv6 with an open bracket", "[2001:db8::1"],
  ["IPv6 with text after the bracket", "[2001:db8::1]x"],
  ["IPv6 with octal in its IPv4 part", "[::ffff:0300.0.02.01]"],
  ["a percent-encoded dot", "a%2etest"],
  ["a percent-encoded NUL", "a.test%00.evil.test"],
  ["a NUL", "a.test\0.evil.test"],
  ["a user", "evil@a.test"],
  ["a user that looks like a host", "a.test@evil.test"],
  ["a backslash", "a.test\\evil.test"],
  ["a slash", "a.test/evil.test"],
  ["a wildcard", "*.test"],
  ["an empty label", "a..test"],
  ["a dot before", ".a.test"],
  ["two dots after", "a.test.."],
  ["a comma", "a.test,evil.test"],
  ["nothing", ""],
  ["a label of 64", `${"a".repeat(64)}.test`],
  ["a name of 254", `${"a.".repeat(126)}ab`],
  ["broken punycode", "xn--a.test"],
  ["Unicode", utf8("bücher.test")],
  ["full-width letters", utf8("ａ.test")],
  ["an ideographic full stop", utf8("a。test")],
  ["a soft hyphen", utf8("a\u00ad.test")],
];

/** Hosts, but not on the table: 403. */
const UNLISTED: readonly string[] = [
  "localhost",
  "127.0.0.1",
  "[::1]",
  "[::ffff:127.0.0.1]",
  "0.0.0.0",
  "169.254.169.254",
  // IPv4 inside IPv6 in forms that are not the mapped one.
  "[::192.0.2.1]",
  "[64:ff9b::192.0.2.1]",
  "[2002:c000:0201::]",
  "b.a.test",
  "a.test.evil.test",
  "test",
  "bcher.test",
];

Deno.test("hosts: each spelling of a listed host is dialled, and told upstream, under its canonical name", async (t) => {
  await using w = await world();
  for (const [spelled, host] of SPELLINGS) {
    await t.step(spelled, async () => {
      const canonical = host.includes(":") ? `[${host}]` : host;
      const wire = await w.tunnel(spelled, host);
      await wire.send(`GET / HTTP/1.1\r\nHost: ${spelled}\r\n\r\n`);
      const { head, body } = await wire.response();
      assertMatch(head, /^HTTP\/1.1 200 /);
      assertEquals(body.toLowerCase(), `get / http/1.1\r\nhost: ${canonical}\r\n\r\n`);
      wire.close();
      await w.egress.record((record) => record.host === host && record.status === 200);
    });
  }
  const targets = new Set(w.dialled.map((head) => head.split(" ")[1]));
  assertEquals(
    targets,
    new Set(["a.test:443", "xn--bcher-kva.test:443", "192.0.2.1:443", "[2001:db8::1]:443"]),
  );
});

Deno.test("hosts: what two parsers could take for different hosts is refused everywhere", async (t) => {
  await using w = await world();
  for (const [name, spelled] of NO_HOST) {
    await t.step(`${name} in CONNECT`, async () => {
      const answer = await w.inPlain(`CONNECT ${spelled}:443 HTTP/1.1\r\nHost: ${spelled}:443\r\n\r\n`);
      assertMatch(answer, /^HTTP\/1.1 400 /);
    });
    await t.step(`${name} in a URL`, async () => {
      const answer = await w.inPlain(`GET http://${spelled}/ HTTP/1.1\r\nHost: ${spelled}\r\n\r\n`);
      // Some of these end the host where a path begins: what is left is another host than Host names.
      assertMatch(answer, /^HTTP\/1.1 4(00|21) /);
    });
  }
  await t.step("in Host, inside a tunnel", async () => {
    for (const [name, spelled] of NO_HOST) {
      const answer = await w.inTunnel("192.0.2.1", `GET / HTTP/1.1\r\nHost: ${spelled}\r\n\r\n`);
      // A control byte makes the head malformed; anything else names another host.
      assertMatch(answer, name === "a NUL" ? /^HTTP\/1.1 400 / : /^HTTP\/1.1 421 /, name);
    }
  });
  assertEquals(w.dialled, []);
});

Deno.test("hosts: what is not on the table is refused, however near it looks", async (t) => {
  await using w = await world();
  for (const spelled of UNLISTED) {
    await t.step(spelled, async () => {
      for (
        const request of [
          `CONNECT ${spelled}:443 HTTP/1.1\r\nHost: ${spelled}:443\r\n\r\n`,
          `GET http://${spelled}/ HTTP/1.1\r\nHost: ${spelled}\r\nConnection: close\r\n\r\n`,
        ]
      ) assertMatch(await w.inPlain(request), /^HTTP\/1.1 403 [\s\S]*rule unknown-host/);
    });
  }
  assertEquals(w.dialled, []);
});
