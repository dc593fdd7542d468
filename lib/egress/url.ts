/** The URL of a request as egress takes it apart, by its own rules: no parser repairs it on the way. */

/** Name of egress as the agent asks for it; never resolved, never on a route table. */
export const LOCAL_HOST = "_egress.local";

/** The parts of a URL as they stand in it. */
export interface SplitUrl {
  /** Scheme. */
  readonly scheme: "http" | "https";
  /** Host and port, not yet read. */
  readonly authority: string;
  /** Path and query; `/` when there is neither. */
  readonly target: string;
}

/** Splits `http://host[:port]/path?query`; undefined for another scheme, or with a user before the host. */
export function splitUrl(text: string): SplitUrl | undefined {
  const match = /^(https?):\/\/([^/?@]*)([/?].*)?$/i.exec(text);
  if (match === null) return undefined;
  const rest = match[3] ?? "/";
  return {
    scheme: match[1]!.toLowerCase() === "https" ? "https" : "http",
    authority: match[2]!,
    target: rest.startsWith("?") ? `/${rest}` : rest,
  };
}

/** What the request line is refused for when a target stands in it (RFC 9112, section 3.2); undefined for a good one. */
export function targetFault(target: string): string | undefined {
  if (!/^[\x21-\x7e]+$/.test(target)) return "the request line is malformed";
  return target.includes("#") ? "the request target has a fragment" : undefined;
}

/** Whether a text can be a request method (RFC 9110, section 9.1), of a length that egress takes. */
export function isMethod(text: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/.test(text);
}
