/** Deadlines without a timer each: many connections, one tick. */

/** One deadline that can be moved cheaply, on each byte if need be. */
export class Watch implements Disposable {
  readonly #watches: Set<Watch>;
  readonly #onDue: () => void;
  #due = Number.POSITIVE_INFINITY;

  /** Use {@linkcode Watches.start}. */
  constructor(watches: Set<Watch>, onDue: () => void) {
    this.#watches = watches;
    this.#onDue = onDue;
    watches.add(this);
  }

  /** Sets the deadline to so many milliseconds from now. */
  within(milliseconds: number): void {
    this.#due = performance.now() + milliseconds;
  }

  /** Calls back, once, if the deadline has passed. */
  check(now: number): void {
    if (now < this.#due) return;
    this[Symbol.dispose]();
    this.#onDue();
  }

  /** Drops the deadline. */
  [Symbol.dispose](): void {
    this.#watches.delete(this);
  }
}

/** All deadlines of one egress. */
export class Watches implements Disposable {
  readonly #watches = new Set<Watch>();
  readonly #timer: ReturnType<typeof setInterval>;

  /** Starts ticking; deadlines are kept to within one tick. */
  constructor(tick = 250) {
    this.#timer = setInterval(() => {
      const now = performance.now();
      for (const watch of [...this.#watches]) watch.check(now);
    }, tick);
  }

  /** A new deadline, unset until `within` is called. */
  start(onDue: () => void): Watch {
    return new Watch(this.#watches, onDue);
  }

  /** Stops ticking. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
