/** Reads the secrets line, and nothing behind it, from init's standard input. */

import { parseSecretsLine, SECRETS_LINE_MAX_BYTES } from "../../lib/bundle/secrets_line.ts";
import { OperatorError } from "../../lib/errors.ts";
import type { Secret } from "../../lib/secret.ts";

/**
 * Reads one line and parses it. A closed input holds no tokens.
 *
 * @param input standard input; it is cancelled once the line is read
 * @param timeoutMs how long the line may take, in milliseconds
 * @throws {OperatorError} the line is malformed, too long, cut off, or does not come in time
 */
export async function readSecrets(
  input: ReadableStream<Uint8Array>,
  timeoutMs: number,
): Promise<Record<string, Secret>> {
  const reader = input.getReader();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new OperatorError(`no secrets line on standard input within ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
  });
  try {
    return parseSecretsLine(await Promise.race([readLine(reader), late]));
  } finally {
    clearTimeout(timer);
    reader.cancel().catch(() => {});
  }
}

async function readLine(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const held = new Uint8Array(SECRETS_LINE_MAX_BYTES);
  let length = 0;
  while (true) {
    const { value, done } = await reader.read();
    if (done) {
      if (length > 0) throw new OperatorError("the secrets line is cut off");
      return "";
    }
    const end = value.indexOf(0x0a);
    const part = end < 0 ? value : value.subarray(0, end);
    if (length + part.length > held.length) {
      throw new OperatorError(`the secrets line is longer than ${SECRETS_LINE_MAX_BYTES} bytes`);
    }
    held.set(part, length);
    length += part.length;
    if (end >= 0) return decode(held.subarray(0, length));
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new OperatorError("the secrets line is not UTF-8");
  }
}
