/** How the C library reads numeric hosts (inet_aton, which getaddrinfo uses): more forms than four decimal numbers. */

/** The address's four bytes with dots between; undefined: it is not numeric, so it would be looked up. */
export function inetAton(text: string): string | undefined {
  const parts = text.split(".");
  if (parts.length > 4) return undefined;
  const numbers = parts.map(cNumber);
  const last = numbers.pop();
  if (last === undefined || numbers.some((value) => value === undefined || value > 255)) return undefined;
  const room = 2 ** (8 * (4 - numbers.length));
  if (last >= room) return undefined;
  const value = numbers.reduce<number>((sum, part, index) => sum + part! * 2 ** (24 - 8 * index), last);
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}

/** strtoul with base 0. */
function cNumber(text: string): number | undefined {
  if (/^0x[0-9a-f]+$/i.test(text)) return Number.parseInt(text, 16);
  if (/^0[0-7]*$/.test(text)) return Number.parseInt(text, 8);
  return /^[1-9][0-9]*$/.test(text) ? Number(text) : undefined;
}

/** The sixteen bytes of an IPv6 address that the URL standard has serialised, as hexadecimal. */
export function v6Bytes(serialised: string): string {
  const [head = "", tail] = serialised.split("::");
  const groups = (text: string) => text === "" ? [] : text.split(":");
  const before = groups(head);
  const after = groups(tail ?? "");
  const zeros = Array<string>(8 - before.length - after.length).fill("0");
  return [...before, ...zeros, ...after].map((group) => group.padStart(4, "0")).join("");
}
