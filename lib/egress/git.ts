/**
 * Git over HTTP as the policy sees it (gitprotocol-http(5)).
 *
 * Threat: a push that is written so that the policy reads it as something else; a request that looks like a fetch and
 * passes a method list, but means another thing to the server.
 *
 * Mechanism: two looks. What is to be refused is searched for in every reading of path and query; what is to be let
 * through beside `methods` must be exactly what git sends, in every reading.
 *
 * Rejected: one look for both. A wide one would let through too much, a narrow one refuse too little.
 */

import { decodeFully, type PathReadings } from "./path.ts";

/** What a route's `git` may say. */
export const GIT_MODES = ["none", "fetch"] as const;

/** Git over HTTPS on a route: nothing of it, or clone and fetch beside what `methods` lists. */
export type GitMode = typeof GIT_MODES[number];

// What ends a segment for some server: the rest is a parameter, a query that was encoded, or cut off at a NUL or dot.
const END = "(?=$|[/?#;\\u0000-\\u001f]|[. ]+(?:$|/))";
const PUSH_PATH = new RegExp(`(?:^|/)git-receive-pack${END}`);
// Both protocols begin at info/refs; the dumb one goes on with files below objects/.
const FETCH_PATH = new RegExp(
  `(?:^|/)(?:info/refs${END}|git-upload-(?:pack|archive)${END}|` +
    "objects/(?:info/(?:packs|alternates|http-alternates)|pack/pack-|[0-9a-f]{2}/[0-9a-f]{38}))",
);

/** Either half of a push: the ref advertisement, asked for by `service`, and the POST to the service. */
export function isGitPush({ texts }: PathReadings, query: string | undefined): boolean {
  return matches(texts, PUSH_PATH) || asksFor(query, "git-receive-pack");
}

/** Any request of a clone or fetch, `git archive` included, by the smart protocol or the dumb one. */
export function isGitFetch({ texts }: PathReadings, query: string | undefined): boolean {
  return matches(texts, FETCH_PATH) || asksFor(query, "git-upload-");
}

/** One of the two requests of a clone or fetch by the smart protocol, exactly as git sends them. */
export function isPlainGitFetch(method: string, path: PathReadings, query: string | undefined): boolean {
  if (path.ambiguity !== undefined) return false;
  // An empty segment or a mark that some server cuts the path at, encoded or not, is not of git's making.
  const endsIn = (suffix: string) =>
    path.texts.every((text) => text.endsWith(suffix) && !/\/\/|[;?#\\]/.test(text));
  if (method === "GET") return query === "service=git-upload-pack" && endsIn("/info/refs");
  return method === "POST" && query === undefined && endsIn("/git-upload-pack");
}

function matches(texts: readonly string[], pattern: RegExp): boolean {
  return texts.some((text) => pattern.test(text.toLowerCase()));
}

/** Whether a query, read once or over and over, has a `service` whose value holds a word. */
function asksFor(query: string | undefined, service: string): boolean {
  if (query === undefined) return false;
  // Decoded before it is split too: an encoded separator may be one to the server.
  return [query, decodeFully(query)].some((text) =>
    text.split(/[&;?]/).some((pair) => {
      const [name = "", ...value] = decodeFully(pair).toLowerCase().split("=");
      // git's own server ends a name at a NUL.
      const [plain = ""] = name.split("\0");
      return /^[\s+]*service[\s+]*$/.test(plain) && value.join("=").includes(service);
    })
  );
}
