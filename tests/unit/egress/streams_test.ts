/**
 * Deno 2.8 leaves a read of a plain connection pending when the connection is closed, and keeps the connection open
 * until that read ends: a deadline that only closed would free nothing.
 */

import { assertEquals, assertRejects } from "@std/assert";
import { DenoStream, StreamClosed } from "../../../sidecars/egress/streams.ts";

Deno.test("DenoStream: destroy ends a pending read, and the other side sees the end", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [near, far] = await Promise.all([
    Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
    listener.accept(),
  ]);
  const stream = new DenoStream(near);
  const reading = assertRejects(() => stream.read(), StreamClosed);
  // Lets the read reach the operating system.
  await new Promise((resolve) => setTimeout(resolve, 20));
  stream.destroy();
  await reading;
  const timer = setTimeout(() => far.close(), 5000);
  assertEquals(await far.read(new Uint8Array(1)), null);
  clearTimeout(timer);
  await assertRejects(() => stream.read(), StreamClosed);
  await assertRejects(() => stream.write(new Uint8Array(1)), StreamClosed);
  stream.destroy();
  far.close();
  listener.close();
});
