/** Request methods: which never pass, which a route may list, and which a query asks for in the place of the sent one. */

import { decodeFully } from "./path.ts";

// TRACE has the server repeat the request, credential included; CONNECT would open a tunnel that nobody judges.
const NEVER_FORWARDED: ReadonlySet<string> = new Set(["TRACE", "TRACK", "CONNECT"]);

// Frameworks take the method from these instead of the request line; as headers they are `METHOD_OVERRIDES` of egress.
const OVERRIDE_PARAMETERS: ReadonlySet<string> = new Set([
  "_method",
  "$httpmethod",
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
]);

/** Whether a method passes on no route, in any case of its letters. */
export function isNeverForwarded(method: string): boolean {
  return NEVER_FORWARDED.has(method.toUpperCase());
}

/** Why a text cannot stand in a route's `methods`; undefined when it can. */
export function methodFault(method: string): string | undefined {
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(method)) return "must be a request method such as GET";
  if (method !== method.toUpperCase()) {
    return "must be in upper case: methods are compared as they stand, and HTTP's own are upper case";
  }
  if (method === "CONNECT") return "is never forwarded: it would open a tunnel that nobody judges";
  if (NEVER_FORWARDED.has(method)) return "is never forwarded: it has the server repeat the credential";
  return undefined;
}

/**
 * Whether a request keeps to a list of methods: the one that it is sent with, compared as HTTP does (case and all),
 * and any other that its query asks for (`_method=DELETE`). GET does not stand for HEAD.
 */
export function keepsToMethods(
  methods: readonly string[],
  method: string,
  query: string | undefined,
): boolean {
  return methods.includes(method) && overridesOf(query).every((override) => methods.includes(override));
}

/** Methods in upper case, as the frameworks that read them do. */
function overridesOf(query: string | undefined): readonly string[] {
  return (query ?? "").split(/[&;?]/).flatMap((pair) => {
    const [name = "", ...value] = decodeFully(pair).split("=");
    return OVERRIDE_PARAMETERS.has(name.trim().toLowerCase()) ? [value.join("=").trim().toUpperCase()] : [];
  });
}
