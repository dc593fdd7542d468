/** The server name that a TLS client asks for, read from its first record (RFC 8446 4.1.2, RFC 6066 3). */

const RECORD_HEAD = 5;
const HANDSHAKE = 22;
const SERVER_NAME = 0;

/** Length of the first TLS record with its head, or undefined while that is not known yet. */
export function recordLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < RECORD_HEAD) return undefined;
  return RECORD_HEAD + (bytes[3]! << 8 | bytes[4]!);
}

/** The server name in a whole ClientHello record; undefined: it is none, or names none. */
export function serverName(record: Uint8Array): string | undefined {
  if (record[0] !== HANDSHAKE) return undefined;
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  try {
    // Handshake head, version and random come first; then three lists of known width.
    let at = RECORD_HEAD + 4 + 2 + 32;
    at += 1 + view.getUint8(at);
    at += 2 + view.getUint16(at);
    at += 1 + view.getUint8(at);
    const end = at + 2 + view.getUint16(at);
    for (at += 2; at < end;) {
      const type = view.getUint16(at);
      const length = view.getUint16(at + 2);
      if (type === SERVER_NAME) {
        const size = view.getUint16(at + 7);
        return new TextDecoder().decode(record.subarray(at + 9, at + 9 + size));
      }
      at += 4 + length;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return undefined;
}
