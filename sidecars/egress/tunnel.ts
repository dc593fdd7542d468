/** Bytes both ways after a switch of protocols, each direction ended on its own. */

import { type Outbox, pumpBody, type PumpOptions } from "./http/body.ts";
import type { Mask } from "./http/mask.ts";
import type { WireReader } from "./http/wire_reader.ts";
import type { ByteStream } from "./streams.ts";

/** One side of a tunnel. */
export interface TunnelEnd {
  readonly stream: ByteStream;
  readonly reader: WireReader;
  readonly out: Outbox;
}

/**
 * Moves bytes until both directions have ended or one has broken.
 *
 * @param mask what is overwritten in what the client gets
 */
export async function relay(
  client: TunnelEnd,
  upstream: TunnelEnd,
  options: PumpOptions,
  mask: Mask | undefined,
): Promise<void> {
  try {
    await Promise.all([
      passOn(client, upstream, options),
      passOn(upstream, client, { ...options, mask }),
    ]);
  } catch {
    // A tunnel that breaks on one side ends on both; there is nobody to tell.
    client.stream.destroy();
    upstream.stream.destroy();
  }
}

/** Copies a stream to its end, and passes the end on. */
export async function copy(from: ByteStream, to: ByteStream): Promise<void> {
  for (let bytes = await from.read(); bytes !== null; bytes = await from.read()) await to.write(bytes);
  await to.endWrite();
}

/** Moves bytes one way until they end, and passes the end on. */
async function passOn(from: TunnelEnd, to: TunnelEnd, options: PumpOptions): Promise<void> {
  await pumpBody(from.reader, to.out, { kind: "close" }, options);
  await to.stream.endWrite();
}
