import { RetryableError, TerminalError, type FailureClass } from '#domain/errors';

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
    return { code: error.code, class: error.failureClass, message: shorten(error.message), retryInSeconds: null };
  }
  const isKnown = error instanceof RetryableError;
  const message = shorten(error instanceof Error ? error.message : String(error));
  const code = isKnown ? error.code : 'unexpected';
  if (attempt >= (isKnown ? MOST_ATTEMPTS : MOST_UNKNOWN_ATTEMPTS)) {
    return {
      code,
      class: 'permanent',
      message: shorten(`${message} (given up after ${attempt} attempts)`),
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

const MOST_BYTES = 240;

/** One line, at most 240 bytes, cut at a code point. */
export function shorten(message: string): string {
  const line = message.replace(/[\u0000-\u001f\u007f\u2028\u2029]+/g, ' ').trim();
  const bytes = Buffer.from(line, 'utf8');
  if (bytes.length <= MOST_BYTES) return line;
  let end = MOST_BYTES - 3;
  while ((bytes[end]! & 0xc0) === 0x80) end -= 1;
  return `${bytes.subarray(0, end).toString('utf8')}…`;
}
