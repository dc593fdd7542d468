/** The errors that an operator can mend. A bug is any other error: it keeps its stack. */

/** What {@linkcode OperatorError} is made of. */
export interface OperatorErrorFacts {
  /** What to do about it, one sentence. */
  readonly mend?: string;
  /** Exit status of the program: 1 for what the operator can mend, 2 for a usage error. @default 1 */
  readonly status?: 1 | 2;
  /** The error underneath, for debugging; never shown whole. */
  readonly cause?: unknown;
}

/**
 * An error with a face: what went wrong and where (one line), and what to do.
 *
 * Shown as one line on standard error, without a stack. The message must hold no secret, and untrusted text in
 * it must have gone through `escapeUntrusted`.
 */
export class OperatorError extends Error {
  /** `OperatorError` */
  override readonly name = "OperatorError";
  /** What to do about it, or undefined when the message says it all. */
  readonly mend: string | undefined;
  /** Exit status of the program. */
  readonly status: 1 | 2;

  /** Makes an error from what happened (and where) and its facts. */
  constructor(what: string, facts: OperatorErrorFacts = {}) {
    super(what, { cause: facts.cause });
    this.mend = facts.mend;
    this.status = facts.status ?? 1;
  }

  /** The one line that the operator reads. */
  get line(): string {
    return this.mend === undefined ? this.message : `${this.message}; ${this.mend}`;
  }
}

/** The message of anything thrown, for use inside another error's text. */
export function messageOf(error: unknown): string {
  if (error instanceof OperatorError) return error.line;
  return error instanceof Error ? error.message : String(error);
}
