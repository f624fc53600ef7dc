import { RetryableError, TerminalError, type FailureClass } from '#domain/errors';
import { oneLine } from '#domain/one-line';

/** Attempts after which a failure that might pass is final. */
const MOST_ATTEMPTS = 8;
/** Attempts for an error that nobody gave a class to. */
const MOST_UNKNOWN_ATTEMPTS = 3;
const BASE_SECONDS = 2;
const CAP_SECONDS = 300;
const RETRY_AFTER_CAP_SECONDS = 900;

export interface Failure {
  readonly code: string;
  readonly class: FailureClass;
  readonly message: string;
  /** Seconds until the next attempt; null = final. */
  readonly retryInSeconds: number | null;
}

/** What an error means for the record: full jitter, the other side's `Retry-After` honoured, at most 8 attempts. */
export function failureOf(error: unknown, attempt: number, random: () => number = Math.random): Failure {
  if (error instanceof TerminalError) {
    return { code: error.code, class: error.failureClass, message: oneLine(error.message), retryInSeconds: null };
  }
  const isKnown = error instanceof RetryableError;
  const message = oneLine(error instanceof Error ? error.message : String(error));
  const code = isKnown ? error.code : 'unexpected';
  if (attempt >= (isKnown ? MOST_ATTEMPTS : MOST_UNKNOWN_ATTEMPTS)) {
    return {
      code,
      class: 'permanent',
      message: oneLine(`${message} (given up after ${attempt} attempts)`),
      retryInSeconds: null,
    };
  }
  return {
    code,
    class: 'retryable',
    message,
    retryInSeconds: backoff(attempt, isKnown ? error.retryAfterSeconds : null, random),
  };
}

function backoff(attempt: number, retryAfterSeconds: number | null, random: () => number): number {
  if (retryAfterSeconds !== null) return Math.min(retryAfterSeconds, RETRY_AFTER_CAP_SECONDS);
  return Math.max(0.5, random() * Math.min(CAP_SECONDS, BASE_SECONDS * 2 ** (attempt - 1)));
}

/** The same error without what nobody may read. */
export function redacted(error: unknown, redact: (text: string) => string): unknown {
  if (!(error instanceof Error)) return redact(String(error));
  const copy = Object.create(Object.getPrototypeOf(error) as object) as Error;
  return Object.assign(copy, error, { message: redact(error.message), stack: undefined });
}
