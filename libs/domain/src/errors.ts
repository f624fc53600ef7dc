/** One bad field: a JSON Pointer (RFC 6901) and what is wrong with it. */
export interface FieldError {
  readonly pointer: string;
  readonly detail: string;
}

/** "Not allowed": the caller's to mend. Nothing was written. `code` is stable, kebab-case. */
export class Rejection extends Error {
  override readonly name = 'Rejection';
  constructor(
    readonly code: string,
    message: string,
    readonly errors: readonly FieldError[] = [],
  ) {
    super(message);
  }
}

/** Who has to act after a failure that no retry will mend. */
export type FailureClass = 'permanent' | 'operator' | 'retryable';

/** "Retrying will not help": permanent (the input is wrong) or operator (the host needs a hand). */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
  constructor(
    readonly code: string,
    message: string,
    readonly failureClass: Exclude<FailureClass, 'retryable'> = 'permanent',
  ) {
    super(message);
  }
}

/** "Try again": a code for the record and, where the other side named one, the earliest instant. */
export class RetryableError extends Error {
  override readonly name = 'RetryableError';
  constructor(
    readonly code: string,
    message: string,
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(message);
  }
}
