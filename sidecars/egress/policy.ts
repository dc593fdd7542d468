/** The route table in force and the token slots: what the decisions of one egress are made from. */

import { OperatorError } from "../../lib/errors.ts";
import { parseRoutes, type RouteTable, tokenEnvsOf } from "../../lib/egress/wire.ts";
import { MAX_SLOTS, slotName } from "../../lib/egress/slots.ts";
import { Secret } from "../../lib/secret.ts";
import { type Mask, maskFor } from "./http/mask.ts";

/** A credential to inject. */
export interface Credential {
  /** What the host expects. */
  readonly secret: Secret;
  /** Keeps it out of what comes back; undefined: it is too short for that. */
  readonly mask: Mask | undefined;
}

/** Token slots by name; what is set in the environment at start, and nothing later. */
export type TokenSlots = ReadonlyMap<string, Credential>;

// A credential that could end the header line, or that no header can carry.
const NOT_A_TOKEN = /[^\x21-\x7e]/;

/** Reads the token slots from the environment. */
export function readTokenSlots(env: { get(name: string): string | undefined }): TokenSlots {
  const slots = new Map<string, Credential>();
  for (let index = 0; index < MAX_SLOTS; index++) {
    const name = slotName(index);
    const value = env.get(name);
    if (value === undefined) continue;
    const secret = new Secret(value);
    slots.set(name, { secret, mask: maskFor(secret) });
  }
  return slots;
}

/** The live policy; the table is swapped whole, so a request sees one table from its decision to its end. */
export class Policy {
  readonly #slots: TokenSlots;
  readonly #slotNames: ReadonlySet<string>;
  #table: RouteTable;

  /** Starts with a table; slots that it names but the environment lacks stay empty for good. */
  constructor(table: RouteTable, slots: TokenSlots) {
    this.#table = table;
    this.#slots = slots;
    this.#slotNames = new Set([...slots.keys(), ...tokenEnvsOf(table)]);
  }

  /** The table in force. */
  get table(): RouteTable {
    return this.#table;
  }

  /** Swaps the table. @throws {OperatorError} the text is invalid or names a new token slot; the old table stays */
  reload(text: string): void {
    const table = parseRoutes(text);
    const unknown = tokenEnvsOf(table).find((name) => !this.#slotNames.has(name));
    if (unknown !== undefined) {
      throw new OperatorError(
        `routes: ${unknown} was not there at the start; a reload cannot add a token slot`,
      );
    }
    this.#table = table;
  }

  /** The credential of a slot; undefined when it is empty or no header can carry it. */
  credential(name: string): Credential | undefined {
    const credential = this.#slots.get(name);
    const unusable = credential === undefined || credential.secret.isEmpty ||
      NOT_A_TOKEN.test(credential.secret.reveal());
    return unusable ? undefined : credential;
  }
}
