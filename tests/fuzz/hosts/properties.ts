/** What must hold for every host text: all who read it mean the same host, and that one is dialled. */

import { isIP } from "node:net";
import fc from "fast-check";
import { authority, canonicalHost } from "../../../lib/net/host_name.ts";
import { parseAuthority } from "../../../lib/net/authority.ts";
import { assertQuick, type Target } from "../check.ts";
import { inetAton, v6Bytes } from "../oracles/numeric_host.ts";
import { hostOfUrl } from "../oracles/whatwg_url.ts";
import { anyAuthority, anyHost, plainHost } from "./arbitrary.ts";

/** The targets for host names. */
export const HOST_TARGETS: readonly Target[] = [
  {
    name: "hosts",
    claim:
      "an accepted host is the URL standard's, is dialled as it stands, and is numeric for nobody but as IPv4",
    leastAccepted: 0.2,
    property: (tally) =>
      fc.property(anyHost, (text) => {
        const start = performance.now();
        const host = canonicalHost(text);
        assertQuick(start);
        tally.count(host !== undefined);
        if (host === undefined) return;
        assertCanonical(host);
        assertLiteral(text, host);
        assertSameUrlHost(text, host);
        assertDialled(host);
        assertNumericAlike(host);
      }),
  },
  {
    name: "authorities",
    claim: "an accepted authority is the URL standard's: host, port and nothing else",
    leastAccepted: 0.05,
    property: (tally) =>
      fc.property(anyAuthority, (text) => {
        const named = parseAuthority(text);
        tally.count(named !== undefined);
        if (named === undefined) return;
        const url = URL.parse(`http://${text}/`);
        if (url === null) throw new Error(`${JSON.stringify(text)} is in no URL`);
        equal("the whole", url.href, `http://${url.host}/`);
        equal("the host", reached(url.hostname), named.host);
        equal("the port", Number(url.port || 80), named.port ?? 80);
      }),
  },
  {
    name: "sound-hosts",
    claim: "a plain name or address is accepted, in lower case",
    leastAccepted: 1,
    property: (tally) =>
      fc.property(plainHost, ({ text, canonical }) => {
        tally.count(canonicalHost(text) === canonical);
        equal("the canonical form", canonicalHost(text), canonical);
      }),
  },
];

function assertCanonical(host: string): void {
  if (!/^[0-9a-z._:-]+$/.test(host)) throw new Error(`${JSON.stringify(host)} is not plain`);
  equal("the canonical form of the canonical form", canonicalHost(host), host);
  equal("in upper case", canonicalHost(host.toUpperCase()), host);
  if (!host.includes(":")) equal("with a trailing dot", canonicalHost(`${host}.`), host);
}

/** Those who decode nothing and drop nothing (resolvers, most clients) read plain text as it stands. */
function assertLiteral(text: string, host: string): void {
  if (!text.includes(":") && /^[\0-\x7f]*$/.test(text)) {
    equal("the text in lower case", text.toLowerCase().replace(/\.$/, ""), host);
  }
}

/** A client that is given the text in a URL goes to that host, by Deno's parser and by the reference one. */
function assertSameUrlHost(text: string, host: string): void {
  const written = text.includes(":") && !text.startsWith("[") ? `[${text}]` : text;
  for (const scheme of ["http", "https", "wss"]) {
    const url = `${scheme}://${written}/`;
    for (const found of [URL.parse(url)?.hostname, hostOfUrl(url)]) {
      if (found === undefined) throw new Error(`${JSON.stringify(url)} is no URL, ${host} was accepted`);
      equal(`host of ${JSON.stringify(url)}`, reached(found), host);
    }
  }
}

/** The host that a URL's leads to: without the root's dot, and an IPv4-mapped address is the IPv4 one. */
function reached(hostname: string): string {
  if (!hostname.startsWith("[")) return hostname.replace(/\.$/, "");
  const inner = hostname.slice(1, -1);
  const bytes = v6Bytes(inner);
  if (!bytes.startsWith(`${"0".repeat(20)}ffff`)) return inner;
  return bytes.slice(24).match(/../g)!.map((byte) => Number.parseInt(byte, 16)).join(".");
}

function assertDialled(host: string): void {
  const url = `https://${authority(host)}/`;
  equal("dialled by Deno's parser", URL.parse(url)?.hostname, authority(host));
  equal("dialled by the reference parser", hostOfUrl(url), authority(host));
}

/** Nobody takes a name for a number, or one number for another. */
function assertNumericAlike(host: string): void {
  const version = host.includes(":") ? 6 : /^[0-9.]+$/.test(host) ? 4 : 0;
  equal("the version by node's isIP", isIP(host), version);
  equal("the address by inet_aton", inetAton(host), version === 4 ? host : undefined);
}

function equal<T>(what: string, actual: T, expected: T): void {
  if (actual !== expected) {
    throw new Error(`${what} is ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`);
  }
}
