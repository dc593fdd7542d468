/** Token slots: the environment variables of egress that hold real credentials. */

const PREFIX = "EGRESS_TOKEN_";

/** Most slots of a bottle. */
export const MAX_SLOTS = 256;

/** Longest token, in characters. */
export const MAX_TOKEN_CHARS = 16 * 1024;

/** Name of a slot. @param index from 0 to {@linkcode MAX_SLOTS} - 1 */
export function slotName(index: number): string {
  return `${PREFIX}${index}`;
}

/** Whether `name` is a slot's: `EGRESS_TOKEN_` and a number below {@linkcode MAX_SLOTS}, without leading zeros. */
export function isSlotName(name: string): boolean {
  const number = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : "";
  return /^(?:0|[1-9]\d{0,2})$/.test(number) && Number(number) < MAX_SLOTS;
}
