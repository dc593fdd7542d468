/** Deadlines without a timer each: many connections, one tick. */

/** One deadline that can be moved cheaply, on each byte if need be. */
export class Watch implements Disposable {
  readonly #watches: Watches;
  readonly #onDue: () => void;
  #due = Number.POSITIVE_INFINITY;

  /** Use {@linkcode Watches.start}. */
  constructor(watches: Watches, onDue: () => void) {
    this.#watches = watches;
    this.#onDue = onDue;
  }

  /** Sets the deadline to so many milliseconds from now, and up to one tick more. */
  within(milliseconds: number): void {
    this.#due = this.#watches.nextTick + milliseconds;
  }

  /** Calls back, once, if the deadline has passed. */
  check(now: number): void {
    if (now < this.#due) return;
    this[Symbol.dispose]();
    this.#onDue();
  }

  /** Drops the deadline. */
  [Symbol.dispose](): void {
    this.#watches.drop(this);
  }
}

/** All deadlines of one egress. */
export class Watches implements Disposable {
  readonly #watches = new Set<Watch>();
  readonly #timer: ReturnType<typeof setInterval>;
  #nextTick: number;

  /** Starts ticking; deadlines are kept to within two ticks. */
  constructor(tick = 250) {
    this.#nextTick = performance.now() + tick;
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.#nextTick = now + tick;
      for (const watch of [...this.#watches]) watch.check(now);
    }, tick);
  }

  /** When the next tick is due: now, to within a tick, without asking the clock. */
  get nextTick(): number {
    return this.#nextTick;
  }

  /** A new deadline, unset until `within` is called. */
  start(onDue: () => void): Watch {
    const watch = new Watch(this, onDue);
    this.#watches.add(watch);
    return watch;
  }

  /** Forgets a deadline. */
  drop(watch: Watch): void {
    this.#watches.delete(watch);
  }

  /** Stops ticking. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
