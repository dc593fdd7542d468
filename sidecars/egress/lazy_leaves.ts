/** The leaf minter, loaded after the proxy listens: its certificate library takes longer than the rest of the start. */

import type { Leaf, LeafMinter } from "../../lib/tls/leaf.ts";
import type { SigningCa } from "../../lib/tls/load_ca.ts";

/** Where leaf certificates come from. */
export interface LeafSource {
  /** The leaf for a canonical host. */
  leafFor(host: string): Promise<Leaf>;
}

/** A leaf minter that is made when it is first asked for. */
export class LazyLeaves implements LeafSource {
  readonly #ca: SigningCa;
  readonly #capacity: number;
  #minter: Promise<LeafMinter> | undefined;

  /** Nothing is loaded yet. */
  constructor(ca: SigningCa, capacity: number) {
    this.#ca = ca;
    this.#capacity = capacity;
  }

  /** Makes the minter and the leaves for some hosts, so that their first clients need not wait. */
  async warm(hosts: Iterable<string>): Promise<void> {
    for (const host of [...hosts].slice(0, this.#capacity)) await this.leafFor(host);
  }

  async leafFor(host: string): Promise<Leaf> {
    this.#minter ??= this.#make();
    return await (await this.#minter).leafFor(host);
  }

  async #make(): Promise<LeafMinter> {
    const { LeafMinter } = await import("../../lib/tls/leaf.ts");
    return await LeafMinter.create(this.#ca, { capacity: this.#capacity });
  }
}
