/** The hello of TLS, as real clients send it and as hostile ones do. */

import { assertEquals, assertRejects } from "@std/assert";
import { readClientHello } from "../../../sidecars/egress/client_hello.ts";
import { BadMessage } from "../../../sidecars/egress/http/head.ts";
import { Truncated, WireReader } from "../../../sidecars/egress/http/wire_reader.ts";

function reader(bytes: Uint8Array, size = bytes.length): WireReader {
  let at = 0;
  return new WireReader({
    read: () => Promise.resolve(at >= bytes.length ? null : bytes.slice(at, at += size)),
    write: () => Promise.reject(new Error("read only")),
    endWrite: () => Promise.resolve(),
    destroy: () => {},
  });
}

/** What Deno's own client says first to a server of that name. */
async function realHello(hostname: string): Promise<Uint8Array> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [client, server] = await Promise.all([
    Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
    listener.accept(),
  ]);
  const tls = await Deno.startTls(client, { hostname });
  const handshake = tls.handshake().catch(() => {});
  const part = new Uint8Array(16 * 1024);
  const hello = part.slice(0, await server.read(part) ?? 0);
  server.close();
  await handshake;
  tls.close();
  listener.close();
  return hello;
}

const u16 = (value: number) => [value >> 8, value & 0xff];
const prefixed = (data: number[]) => [...u16(data.length), ...data];
const ascii = (text: string) => [...text].map((char) => char.charCodeAt(0));
const record = (data: number[], type = 22) => [type, 3, 1, ...prefixed(data)];
const serverName = (entries: number[]) => [...u16(0), ...prefixed(prefixed(entries))];
const name = (text: string, type = 0) => [type, ...prefixed(ascii(text))];

function hello(extensions: number[] | undefined): number[] {
  const body = [3, 3, ...Array(32).fill(7), 0, ...prefixed([0x13, 1]), 1, 0];
  if (extensions !== undefined) body.push(...prefixed(extensions));
  return [1, 0, ...u16(body.length), ...body];
}

Deno.test("a real client's hello, in one piece and byte by byte", async () => {
  const bytes = await realHello("api.example.com");
  for (const size of [bytes.length, 1]) {
    const { serverName, bytes: all } = await readClientHello(reader(bytes, size));
    assertEquals([serverName, new Uint8Array(all)], ["api.example.com", bytes]);
  }
});

Deno.test("a hello without a name, without extensions, and one in many records", async () => {
  const read = async (bytes: number[]) => (await readClientHello(reader(Uint8Array.from(bytes)))).serverName;
  assertEquals(await read(record(hello([]))), undefined);
  assertEquals(await read(record(hello(undefined))), undefined);
  const whole = hello([...u16(43), ...prefixed([2, 3, 4]), ...serverName(name("a.test"))]);
  assertEquals(await read(record(whole)), "a.test");
  assertEquals(await read(whole.flatMap((byte) => record([byte]))), "a.test");
});

Deno.test("what is no plain hello is refused", async (t) => {
  const cases: Record<string, number[]> = {
    "plain HTTP": ascii("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    "an alert": record([2, 40], 21),
    "an empty record": record([]),
    "a record that is too long": [22, 3, 1, ...u16(16 * 1024 + 1)],
    "another handshake message": record([2, ...hello([]).slice(1)]),
    "a hello of a megabyte": record([1, 16, 0, 0]),
    "two names": record(hello(serverName([...name("a.test"), ...name("b.test")]))),
    "the extension twice": record(hello([...serverName(name("a.test")), ...serverName(name("b.test"))])),
    "a name of another type": record(hello(serverName(name("a.test", 1)))),
    "an empty name": record(hello(serverName(name("")))),
    "an empty list": record(hello(serverName([]))),
    "a length past the end": record(hello([...u16(0), ...u16(500), 0])),
    "a session id past the end": record([1, 0, 0, 36, 3, 3, ...Array(32).fill(7), 200, 0]),
  };
  for (const [what, bytes] of Object.entries(cases)) {
    await t.step(what, async () => {
      await assertRejects(() => readClientHello(reader(Uint8Array.from(bytes))), BadMessage);
    });
  }
  await t.step("an end within it", async () => {
    const part = Uint8Array.from(record(hello([])).slice(0, -3));
    await assertRejects(() => readClientHello(reader(part)), Truncated);
  });
});
