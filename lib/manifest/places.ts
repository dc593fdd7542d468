/**
 * Where in which file a bottle's routes are declared, for whoever wants to change one. The line is `locateKey`'s.
 *
 * Rejected: a second YAML parser that knows positions; two parsers can disagree about what a file says.
 */

import type { OperatorError } from "../errors.ts";
import { canonicalHost } from "../net/host_name.ts";
import type { DeclaredBottle } from "./extends.ts";
import { showPath } from "./issues.ts";
import type { KeyPath } from "./locate.ts";

/** A place in a manifest. */
export interface Place {
  /** The file. */
  readonly file: string;
  /** Line, from 1, of the key or of the nearest one around it that stands on a line of its own; absent: not known. */
  readonly line?: number;
  /** Key path: `egress.routes[0].methods`. */
  readonly key: string;
}

/** Where the routes of a bottle are declared. */
export class RoutePlaces {
  readonly #declaring: DeclaredBottle | undefined;

  /**
   * Looks for the file: `extends` takes `egress` over whole, so it is the nearest ancestor's that declares one.
   *
   * @param bottles by name, `extends` resolved without error for the one that is named
   */
  constructor(bottles: ReadonlyMap<string, DeclaredBottle | OperatorError>, name: string) {
    let at = declaredIn(bottles, name);
    while (at !== undefined && at.declaration.egress === undefined) {
      at = declaredIn(bottles, at.declaration.extends);
    }
    this.#declaring = at;
  }

  /** The list of routes; undefined: neither the bottle nor one that it extends declares any. */
  list(): Place | undefined {
    return this.#place(["egress", "routes"]);
  }

  /**
   * The route of a host, or a key of it.
   *
   * @param host canonical
   * @param key such as `methods`
   * @returns undefined when no route has that host
   */
  route(host: string, key?: string): Place | undefined {
    const routes = this.#declaring?.declaration.egress?.routes ?? [];
    const index = routes.findIndex((route) => canonicalHost(route.host) === host);
    if (index < 0) return undefined;
    return this.#place(["egress", "routes", index, ...key === undefined ? [] : [key]]);
  }

  #place(path: KeyPath): Place | undefined {
    if (this.#declaring === undefined) return undefined;
    const { source } = this.#declaring;
    const line = source.lineOf(path);
    return {
      file: source.file,
      ...line !== undefined && { line },
      key: showPath([...source.prefix, ...path]),
    };
  }
}

function declaredIn(
  bottles: ReadonlyMap<string, DeclaredBottle | OperatorError>,
  name: string | undefined,
): DeclaredBottle | undefined {
  const found = name === undefined ? undefined : bottles.get(name);
  return found === undefined || !("declaration" in found) ? undefined : found;
}
