/** What must hold for every path: it leaves no prefix that it is said to be inside of, at any server. */

import fc from "fast-check";
import { decide } from "../../../lib/egress/decide.ts";
import { isInside, readPath, splitTarget } from "../../../lib/egress/path.ts";
import { parseRoutes } from "../../../lib/egress/wire.ts";
import { assertQuick, type Target } from "../check.ts";
import { resolve, SERVERS, type StepName, STEPS } from "../oracles/servers.ts";
import { hostilePath, hostileQuery, plainPath, PREFIXES } from "./arbitrary.ts";

/** A chain of steps as servers behind servers make it; dot segments are resolved last. */
const chain = fc.array(fc.constantFrom(...Object.keys(STEPS) as StepName[]), { maxLength: 6 })
  .map((steps): readonly StepName[] => [...steps, "clean"]);

/** The targets for paths and for the policy that rests on them. */
export const PATH_TARGETS: readonly Target[] = [
  {
    name: "paths",
    claim: "a path inside a prefix is inside it at every server",
    leastAccepted: 0.1,
    property: (tally) =>
      fc.property(hostilePath, chain, (target, steps) => {
        const { path } = splitTarget(target);
        const start = performance.now();
        const readings = readPath(path);
        const prefixes = PREFIXES.filter((prefix) => isInside(readings, prefix));
        assertQuick(start);
        tally.count(prefixes.length > 0);
        if (prefixes.length > 0) {
          assertInside(path, (served) => prefixes.every((prefix) => contains(prefix, served)), steps);
        }
      }),
  },
  {
    name: "sound-paths",
    claim: "a path that means the same to every server is inside its prefix",
    leastAccepted: 1,
    property: (tally) =>
      fc.property(plainPath, ({ prefix, path }) => {
        const readings = readPath(path);
        tally.count(isInside(readings, prefix));
        if (!isInside(readings, prefix)) {
          throw new Error(`${path} is not inside ${prefix}: ${readings.ambiguity}`);
        }
      }),
  },
  {
    name: "decide",
    claim: "what is forwarded is inside an allowed prefix at every server, and is no git push there",
    leastAccepted: 0.1,
    property: (tally) =>
      fc.property(hostilePath, fc.subarray(PREFIXES), chain, (path, prefixes, steps) => {
        const target = path.startsWith("/") ? path : `/${path}`;
        const verdict = decide(tableOf(prefixes), request(target));
        tally.count(verdict.kind === "forward");
        if (verdict.kind === "deny") return;
        assertInside(
          splitTarget(target).path,
          (served) => isAllowed(prefixes, served) && !isPush(served),
          steps,
          prefixes.length > 0 ? [] : ODDITIES,
        );
      }),
  },
  {
    name: "pushes",
    claim: "a query that asks for git-receive-pack is refused, however it is written",
    leastAccepted: 0.1,
    property: (tally) =>
      fc.property(hostileQuery, (query) => {
        const verdict = decide(tableOf([]), request(`/o/r.git/info/refs?${query}`));
        tally.count(verdict.kind === "forward");
        if (verdict.kind === "deny") return;
        const asked = QUERY_READERS.find((read) => read(query).includes("git-receive-pack"));
        if (asked !== undefined) throw new Error(`${query} asks for a push: ${asked}`);
      }),
  },
];

/** How servers find the values of `service`. */
const QUERY_READERS: readonly ((query: string) => readonly string[])[] = [
  (query) => new URLSearchParams(query).getAll("service"),
  (query) => new URLSearchParams(STEPS.decode(query)).getAll("service"),
  (query) => new URLSearchParams(query.replaceAll(";", "&")).getAll("service"),
  (query) =>
    [...new URLSearchParams(query)].filter(([name]) => /^service$/i.test(name)).map(([, value]) => value),
  (query) => new URLSearchParams(query.replace(/^\?+/, "")).getAll("service"),
];

function request(target: string): Parameters<typeof decide>[1] {
  return { scheme: "https", host: HOST, port: 443, method: "GET", target };
}

const HOST = "a.test";

function tableOf(prefixes: readonly string[]): ReturnType<typeof parseRoutes> {
  return parseRoutes(JSON.stringify({ routes: [{ host: HOST, path_allowlist: prefixes }] }));
}

/** What makes a path inside no prefix, but is let through where every path is allowed: no forge decodes so. */
const ODDITIES: readonly StepName[] = ["decodeOverlong", "decodeU", "foldWidth"];

/** Has every server resolve the path, and a chain of them; but none that takes one of the odd steps. */
function assertInside(
  path: string,
  holds: (served: string) => boolean,
  steps: readonly StepName[],
  except: readonly StepName[] = [],
): void {
  for (const [server, chained] of [...Object.entries(SERVERS), [steps.join(" → "), steps] as const]) {
    if (chained.some((step) => except.includes(step))) continue;
    const served = resolve(path, chained);
    if (!holds(served)) {
      throw new Error(`${JSON.stringify(path)}: ${server} serves ${JSON.stringify(served)}`);
    }
  }
}

function isAllowed(prefixes: readonly string[], served: string): boolean {
  return prefixes.length === 0 || prefixes.some((prefix) => contains(prefix, served));
}

function isPush(served: string): boolean {
  return served.toLowerCase().split("/").includes("git-receive-pack");
}

function contains(prefix: string, path: string): boolean {
  return path === prefix || path.startsWith(prefix.endsWith("/") ? prefix : `${prefix}/`);
}
