import { assertEquals, assertThrows } from "@std/assert";
import { FrameDecoder, type FrameStream } from "../../../backends/docker/engine/frames.ts";

function frame(kind: number, text: string): Uint8Array<ArrayBuffer> {
  const payload = new TextEncoder().encode(text);
  const bytes = new Uint8Array(8 + payload.length);
  bytes[0] = kind;
  new DataView(bytes.buffer).setUint32(4, payload.length);
  bytes.set(payload, 8);
  return bytes;
}

const STREAM = Uint8Array.from([
  ...frame(1, "hello "),
  ...frame(2, "oops"),
  ...frame(1, ""),
  ...frame(1, "wörld"),
  ...frame(3, "engine"),
]);

Deno.test("frames come apart the same however the bytes are cut", () => {
  for (let size = 1; size <= STREAM.length; size++) {
    const decoder = new FrameDecoder();
    const out: Record<FrameStream, number[]> = { stdout: [], stderr: [] };
    for (let at = 0; at < STREAM.length; at += size) {
      for (const { stream, bytes } of decoder.push(STREAM.slice(at, at + size))) out[stream].push(...bytes);
    }
    const text = (bytes: number[]) => new TextDecoder().decode(Uint8Array.from(bytes));
    assertEquals([text(out.stdout), text(out.stderr)], ["hello wörld", "oopsengine"], `cut by ${size}`);
    assertEquals(decoder.isComplete, true);
  }
});

Deno.test("a cut stream is not complete, in the header or in the payload", () => {
  for (const length of [3, 8, 10]) {
    const decoder = new FrameDecoder();
    [...decoder.push(frame(1, "hello").slice(0, length))];
    assertEquals(decoder.isComplete, false, `${length} bytes`);
  }
});

Deno.test("what is no multiplexed stream is an error", () => {
  for (
    const text of ["plain text", "\x01\x00\x01\x00\x00\x00\x00\x01x", "\x04\x00\x00\x00\x00\x00\x00\x01x"]
  ) {
    const bytes = new Uint8Array(new TextEncoder().encode(text));
    assertThrows(() => [...new FrameDecoder().push(bytes)], Error, "not a multiplexed stream");
  }
});
