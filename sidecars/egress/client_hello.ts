/**
 * The first message of TLS, as far as egress looks into it (RFC 8446 4.1.2, RFC 6066 3).
 *
 * Threat: a hello that names another server than CONNECT did: what is judged and what is meant differ.
 *
 * Mechanism: the name is read from the client's own bytes before they reach the TLS engine, which does not tell it.
 * What cannot be read whole and plain is refused; all else about the hello is left to the engine.
 */

import { Buffer } from "node:buffer";
import { BadMessage } from "./http/head.ts";
import { latin1, Truncated, type WireReader } from "./http/wire_reader.ts";

const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const RECORD_HEAD = 5;
const MESSAGE_HEAD = 4;
const LONGEST_RECORD = 16 * 1024;
/** Longest hello taken; post-quantum key shares make two kilobytes of it. */
const LONGEST_HELLO = 32 * 1024;

/** A client hello, read and not answered yet. */
export interface ClientHello {
  /** All bytes read so far: whoever answers the hello needs them. */
  readonly bytes: Uint8Array;
  /** Server that it names; undefined: none, as for an IP address. */
  readonly serverName: string | undefined;
}

/**
 * Reads a client hello.
 *
 * @throws {BadMessage} these bytes are none
 * @throws {Truncated} the client ended within it
 */
export async function readClientHello(reader: WireReader): Promise<ClientHello> {
  let bytes: Uint8Array = new Uint8Array(0);
  for (;;) {
    if (reader.buffered === 0 && !await reader.fill()) {
      throw new Truncated("the client left before its hello");
    }
    // The reader may overwrite what it gave.
    bytes = Buffer.concat([bytes, reader.take(Number.POSITIVE_INFINITY)]);
    const message = helloIn(bytes);
    if (message !== undefined) return { bytes, serverName: serverNameIn(new Cursor(message)) };
  }
}

/** The message in the records so far; undefined: it is not complete. */
function helloIn(bytes: Uint8Array): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  let size = 0;
  for (let at = 0; bytes.length - at >= RECORD_HEAD;) {
    const length = (bytes[at + 3]! << 8) | bytes[at + 4]!;
    const isHandshake = bytes[at] === HANDSHAKE_RECORD && bytes[at + 1] === 3;
    if (!isHandshake || length === 0 || length > LONGEST_RECORD) throw new BadMessage("this is not TLS");
    const part = bytes.subarray(at + RECORD_HEAD, at + RECORD_HEAD + length);
    parts.push(part);
    size += part.length;
    at += RECORD_HEAD + length;
    if (size < MESSAGE_HEAD) continue;
    const message = parts.length === 1 ? part : Buffer.concat(parts);
    if (message[0] !== CLIENT_HELLO) throw new BadMessage("this is not a client hello");
    const whole = MESSAGE_HEAD + ((message[1]! << 16) | (message[2]! << 8) | message[3]!);
    if (whole > LONGEST_HELLO) throw new BadMessage("the client hello is too long");
    if (size >= whole) return message.subarray(MESSAGE_HEAD, whole);
  }
  return undefined;
}

function serverNameIn(hello: Cursor): string | undefined {
  hello.skip(2 + 32);
  hello.skip(hello.number(1));
  hello.skip(hello.number(2));
  hello.skip(hello.number(1));
  if (hello.left === 0) return undefined;
  const extensions = hello.part(2);
  let name: string | undefined;
  while (extensions.left > 0) {
    const type = extensions.number(2);
    const data = extensions.part(2);
    if (type !== SERVER_NAME) continue;
    const list = data.part(2);
    if (name !== undefined || list.number(1) !== HOST_NAME) throw malformed();
    name = latin1(list.part(2).rest());
    if (name === "" || list.left > 0) throw malformed();
  }
  return name;
}

/** Reads numbers and length-prefixed parts, never past the end. */
class Cursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  number(size: number): number {
    return this.#take(size).reduce((value, byte) => value * 256 + byte, 0);
  }

  skip(size: number): void {
    this.#take(size);
  }

  /** What a length of so many bytes announces. */
  part(lengthSize: number): Cursor {
    return new Cursor(this.#take(this.number(lengthSize)));
  }

  rest(): Uint8Array {
    return this.#take(this.left);
  }

  #take(size: number): Uint8Array {
    if (size > this.left) throw malformed();
    const taken = this.#bytes.subarray(this.#at, this.#at + size);
    this.#at += size;
    return taken;
  }
}

function malformed(): BadMessage {
  return new BadMessage("the client hello is malformed");
}
