import { DatabaseError } from 'pg';
import { Rejection, RetryableError } from '#domain/errors';
import { rejectionFor } from './constraints.js';
import { LeaseLost } from './errors.js';

/** `moved`: what was decided on has changed, decide again. `raced`: so it may have. `final`: another try ends the same. */
export type Refusal = 'moved' | 'raced' | 'final';

/** SQLSTATEs of our own; migrations/ raises them. */
const LEASE_LOST = 'TF001';
const READ_MOVED = 'TF002';

const SERIALIZATION_FAILURE = '40001';
const DEADLOCK = '40P01';
const UNIQUE_VIOLATION = '23505';
const LOCK_TIMEOUT = '55P03';
const STATEMENT_TIMEOUT = '57014';
/** What is left of them when the tries are used up, too. */
const BUSY = [LOCK_TIMEOUT, STATEMENT_TIMEOUT, DEADLOCK, SERIALIZATION_FAILURE];
const UNTRANSLATABLE = ['22P05', '22021'];

export function refusalOf(error: unknown): Refusal {
  if (!(error instanceof DatabaseError)) return 'final';
  if (error.code === UNIQUE_VIOLATION && error.constraint === 'event_stream_version') return 'moved';
  if (error.code === READ_MOVED) return 'moved';
  if (error.code === SERIALIZATION_FAILURE || error.code === DEADLOCK) return 'raced';
  // A key that is nobody's rule: two writers made the same row, and the slower one has not seen the other's event.
  if (error.code === UNIQUE_VIOLATION && !rejectionFor(error.constraint)) return 'raced';
  return 'final';
}

export function isDeadlock(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === DEADLOCK;
}

/** The error in our words; `subject` is that of the lease which the statement asked for. */
export function translated(error: unknown, subject = 'the subject'): unknown {
  if (!(error instanceof DatabaseError)) return isConnectionError(error) ? unreachable(error) : error;
  const rejection = rejectionFor(error.constraint);
  if (rejection) return rejection;
  if (error.code === LEASE_LOST) return new LeaseLost(subject);
  if (isUnstorable(error)) {
    return new Rejection(
      'unstorable-text',
      'A text holds a character that cannot be stored (NUL or half of a surrogate pair). Remove it.',
    );
  }
  if (BUSY.includes(error.code ?? '')) {
    return caused(
      new RetryableError('database-busy', 'The database did not answer in time. Try again in a moment.'),
      error,
    );
  }
  return error.severity === 'FATAL' || error.code?.startsWith('08') || error.code?.startsWith('53')
    ? unreachable(error)
    : error;
}

function isUnstorable({ code, detail }: DatabaseError): boolean {
  return UNTRANSLATABLE.includes(code ?? '') || (code === '22P02' && /surrogate/i.test(detail ?? ''));
}

function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return (
    /^(ECONN|EPIPE|ENOENT|ETIMEDOUT|EHOST|ENOTFOUND)/.test(code) ||
    /connection|not queryable|timeout expired/i.test(error.message)
  );
}

function unreachable(cause: unknown): RetryableError {
  return caused(
    new RetryableError(
      'database-unreachable',
      'The database cannot be reached. Check that it runs; try again in a moment.',
    ),
    cause,
  );
}

function caused(error: RetryableError, cause: unknown): RetryableError {
  return Object.assign(error, { cause });
}
