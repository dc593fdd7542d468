/** What set-up says about itself: one line a step, with its time. */

/** Prints lines; holds no state but where it prints. */
export class Report {
  readonly #print: (line: string) => void;

  /** @param print takes a line without its line feed */
  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  /** A line of its own. */
  say(text: string): void {
    this.#print(`setup: ${text}`);
  }

  /** Something that the operator should know. */
  warn(text: string): void {
    this.#print(`setup: warning: ${text}`);
  }

  /** Does work, naming it before and its time after. */
  async step<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.say(`${name} …`);
    const began = performance.now();
    const result = await work();
    this.say(`${name}: done (${seconds(performance.now() - began)})`);
    return result;
  }
}

/** Milliseconds as `1.2 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
