/** The mask finds a credential however its bytes are cut, changes no length, and holds back no more than it must. */

import { assert, assertEquals } from "@std/assert";
import { type BodyMask, maskFor } from "../../../sidecars/egress/http/mask.ts";
import { latin1, toBytes } from "../../../sidecars/egress/http/wire_reader.ts";
import { Secret } from "../../../lib/secret.ts";

function maskOf(credential: string): BodyMask {
  return maskFor(new Secret(credential))!.body();
}

function passAll(mask: BodyMask, pieces: readonly string[]): string {
  return pieces.map((piece) => latin1(mask.pass(toBytes(piece)))).join("") + latin1(mask.release());
}

/** Each way to cut a text into pieces of one size. */
function cuts(text: string): string[][] {
  return Array.from({ length: text.length }, (_, index) => {
    const size = index + 1;
    return Array.from(
      { length: Math.ceil(text.length / size) },
      (_, at) => text.slice(at * size, (at + 1) * size),
    );
  });
}

Deno.test("a credential is overwritten at any cut, and nothing else is", () => {
  const credential = "abcabcabd";
  const bodies = [
    credential,
    `x${credential}y`,
    `${credential}${credential}`,
    // Beginnings of it right before it: a search that starts over too late would miss these.
    `abc${credential}`,
    `abcabc${credential}abcabcab`,
    `${credential.slice(0, -1)}x`,
    "abcabcab",
    "nothing here",
  ];
  for (const body of bodies) {
    const expected = body.replaceAll(credential, "*********");
    for (const pieces of cuts(body)) {
      assertEquals(passAll(maskOf(credential), pieces), expected, String(pieces));
    }
  }
});

Deno.test("only a possible beginning is held back", () => {
  const mask = maskOf("sk-0123456789");
  assertEquals(latin1(mask.pass(toBytes("data: done\n\n"))), "data: done\n\n");
  assert(!mask.holds);
  assertEquals(latin1(mask.pass(toBytes("words sk-01"))), "words ");
  assert(mask.holds);
  assertEquals(latin1(mask.pass(toBytes("x"))), "sk-01x");
  assert(!mask.holds);
});

Deno.test("what was given out because nothing came is not given out twice, and the rest is still overwritten", () => {
  const mask = maskOf("sk-0123456789");
  mask.pass(toBytes("sk-0"));
  assertEquals(latin1(mask.release()), "sk-0");
  assertEquals(latin1(mask.release()), "");
  assertEquals(latin1(mask.pass(toBytes("123"))), "");
  assertEquals(latin1(mask.pass(toBytes("456789 and on"))), "********* and on");

  const other = maskOf("abababcd");
  other.pass(toBytes("abab"));
  assertEquals(latin1(other.release()), "abab");
  assertEquals(latin1(other.pass(toBytes("ab"))) + latin1(other.pass(toBytes("x"))), "abx");
});

Deno.test("heads: every place is overwritten", () => {
  const mask = maskFor(new Secret("sk-0123456789"))!;
  assertEquals(mask.text("a: sk-0123456789\r\nb: sk-0123456789,x"), "a: *************\r\nb: *************,x");
});

Deno.test("a credential shorter than eight characters is not looked for: it would be found in innocent text", () => {
  assertEquals(maskFor(new Secret("1234567")), undefined);
  assert(maskFor(new Secret("12345678")) !== undefined);
});
