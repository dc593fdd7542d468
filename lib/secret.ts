/** A secret has a type, so that it cannot be printed by accident and its readers can be listed with one grep. */

const MASK = "[secret]";

/** A value that prints as `[secret]` in logs, JSON and template strings. */
export class Secret {
  readonly #value: string;

  /** Wraps a value. */
  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Call it only where the value leaves for its one destination. */
  reveal(): string {
    return this.#value;
  }

  /** Whether the value is the empty string. */
  get isEmpty(): boolean {
    return this.#value === "";
  }

  /** `[secret]` */
  toString(): string {
    return MASK;
  }

  /** `[secret]` */
  toJSON(): string {
    return MASK;
  }

  /** `[secret]` */
  [Symbol.for("Deno.customInspect")](): string {
    return MASK;
  }

  /** `[secret]` */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return MASK;
  }
}
