/** Reading the claims of a JSON Web Token (RFC 7519) without verifying it, and writing an unsigned one. Pure. */

/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

const PART = /^[A-Za-z0-9_-]+$/;

/** Whether a parsed JSON value is an object and no array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * The claims of a compact token (`header.claims.signature`).
 *
 * @returns undefined when it is no string of three base64url parts whose claims are a JSON object
 */
export function jwtClaims(token: unknown): JsonObject | undefined {
  if (typeof token !== "string") return undefined;
  const parts = token.split(".");
  if (parts.length !== 3 || !parts.every((part) => PART.test(part))) return undefined;
  try {
    const bytes = Uint8Array.fromBase64(parts[1]!, { alphabet: "base64url" });
    const claims: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return isJsonObject(claims) ? claims : undefined;
  } catch {
    return undefined;
  }
}

/** The `exp` claim: seconds since the epoch, or undefined when it is no finite number. */
export function jwtExpiry(token: unknown): number | undefined {
  const exp = jwtClaims(token)?.exp;
  return typeof exp === "number" && Number.isFinite(exp) ? exp : undefined;
}

/**
 * A token that nothing has signed: header `alg: none` and a third part that says so.
 *
 * @param claims plain JSON
 */
export function unsignedJwt(claims: JsonObject): string {
  return `${encode({ alg: "none", typ: "JWT" })}.${encode(claims)}.placeholder`;
}

function encode(value: JsonObject): string {
  return new TextEncoder().encode(JSON.stringify(value)).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  });
}
