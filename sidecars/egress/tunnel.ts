/** Bytes both ways after a switch of protocols, each direction ended on its own. */

import type { Outbox } from "./http/body.ts";
import type { WireReader } from "./http/wire_reader.ts";
import type { ByteStream } from "./streams.ts";

/** One side of a tunnel. */
export interface TunnelEnd {
  readonly stream: ByteStream;
  readonly reader: WireReader;
  readonly out: Outbox;
}

/** Moves bytes until both directions have ended or one has broken. */
export async function relay(left: TunnelEnd, right: TunnelEnd, onProgress: () => void): Promise<void> {
  try {
    await Promise.all([oneWay(left, right, onProgress), oneWay(right, left, onProgress)]);
  } catch {
    // A tunnel that breaks on one side ends on both; there is nobody to tell.
    left.stream.destroy();
    right.stream.destroy();
  }
}

async function oneWay(from: TunnelEnd, to: TunnelEnd, onProgress: () => void): Promise<void> {
  while (from.reader.buffered > 0 || await from.reader.fill()) {
    onProgress();
    to.out.push(from.reader.take(Number.POSITIVE_INFINITY));
    await to.out.flush();
  }
  await to.stream.endWrite();
}
