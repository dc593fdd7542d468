/** The identity of a bottle: `<agent>-<5 random [a-z0-9]>`. Every resource of the bottle is named after it. */

import { OperatorError } from "../errors.ts";
import { escapeUntrusted } from "../escape.ts";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";
const SUFFIX_LENGTH = 5;
const IDENTITY = /^[a-z][a-z0-9-]*-[a-z0-9]{5}$/;
// Container and network names grow out of it, file names too.
const MAX_LENGTH = 100;

/**
 * Mints a fresh identity for an agent.
 *
 * @param random gives that many random bytes; another one serves tests only
 * @throws {OperatorError} when the agent's name is too long to name resources after
 */
export function mintIdentity(agent: string, random: (count: number) => Uint8Array = cryptoBytes): string {
  const identity = `${agent}-${suffix(random)}`;
  if (identity.length > MAX_LENGTH) {
    throw new OperatorError(`the agent name ${escapeUntrusted(agent)} is too long`, {
      mend: `use at most ${MAX_LENGTH - SUFFIX_LENGTH - 1} characters`,
    });
  }
  return checkIdentity(identity);
}

/** Whether the text has the form of an identity. */
export function isIdentity(text: string): boolean {
  return text.length <= MAX_LENGTH && IDENTITY.test(text);
}

/** The same text. @throws {OperatorError} when it is not an identity */
export function checkIdentity(text: string): string {
  if (isIdentity(text)) return text;
  throw new OperatorError(`'${escapeUntrusted(text)}' is not a bottle's identity`, {
    mend: "identities look like implementer-x7k2q; `bottle list` shows the active ones",
  });
}

function suffix(random: (count: number) => Uint8Array): string {
  // Bytes from this on would make the first letters likelier than the others.
  const limit = 256 - (256 % ALPHABET.length);
  let text = "";
  while (text.length < SUFFIX_LENGTH) {
    for (const byte of random(SUFFIX_LENGTH)) {
      if (byte < limit && text.length < SUFFIX_LENGTH) text += ALPHABET[byte % ALPHABET.length];
    }
  }
  return text;
}

function cryptoBytes(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count));
}
