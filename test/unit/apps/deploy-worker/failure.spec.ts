import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rejection, RetryableError, TerminalError } from '#domain/errors';
import { failureOf, redacted } from '../../../../apps/deploy-worker/src/failure.js';

const most = () => 1;
const least = () => 0;

describe('a failure of a known class', () => {
  it.each(['permanent', 'operator'] as const)('that is %s is final at the first attempt', (failureClass) => {
    expect(failureOf(new TerminalError('no-such-image', 'It is gone.', failureClass), 1)).toEqual({
      code: 'no-such-image',
      class: failureClass,
      message: 'It is gone.',
      retryInSeconds: null,
    });
  });

  it.each([1, 2, 3, 4, 5, 6, 7])('that may pass is tried again after attempt %i, later each time', (attempt) => {
    const error = new RetryableError('registry-unreachable', 'No answer.');
    expect(failureOf(error, attempt, most)).toEqual({
      code: 'registry-unreachable',
      class: 'retryable',
      message: 'No answer.',
      retryInSeconds: 2 ** attempt,
    });
    expect(failureOf(error, attempt, least).retryInSeconds).toBe(0.5);
  });

  it('that may pass is final at the eighth attempt, and says so', () => {
    expect(failureOf(new RetryableError('registry-unreachable', 'No answer.'), 8)).toEqual({
      code: 'registry-unreachable',
      class: 'permanent',
      message: 'No answer. (given up after 8 attempts)',
      retryInSeconds: null,
    });
  });

  it('waits as long as the other side asks for, at most a quarter of an hour', () => {
    const asked = (seconds: number) =>
      failureOf(new RetryableError('limited', 'Slow down.', seconds), 1, least).retryInSeconds;
    expect([asked(0), asked(17), asked(900), asked(86_400)]).toEqual([0, 17, 900, 900]);
  });

  it('never waits longer than five minutes on its own account', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 7 }), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
        const wait = failureOf(new RetryableError('x', 'x'), attempt, () => random).retryInSeconds!;
        expect(wait).toBeGreaterThanOrEqual(0.5);
        expect(wait).toBeLessThanOrEqual(Math.min(300, 2 ** attempt));
      }),
    );
  });
});

describe('a failure that nobody gave a class to', () => {
  it.each([new TypeError('x is undefined'), new Rejection('already-running', 'One is running.')])(
    'is tried thrice: %s',
    (error) => {
      expect(failureOf(error, 1).class).toBe('retryable');
      expect(failureOf(error, 2).retryInSeconds).toBeGreaterThan(0);
      expect(failureOf(error, 3)).toEqual({
        code: 'unexpected',
        class: 'permanent',
        message: `${error.message} (given up after 3 attempts)`,
        retryInSeconds: null,
      });
    },
  );

  it('may be no error at all', () => {
    expect(failureOf('just text', 1)).toMatchObject({ code: 'unexpected', message: 'just text' });
    expect(failureOf(undefined, 1)).toMatchObject({ code: 'unexpected', message: 'undefined' });
  });
});

describe('the message that is kept', () => {
  const bytes = (text: string) => Buffer.byteLength(text, 'utf8');

  it('stays within its bytes when the attempts are added', () => {
    expect(bytes(failureOf(new RetryableError('x', '€'.repeat(100)), 8).message)).toBeLessThanOrEqual(240);
    expect(bytes(failureOf(new TerminalError('x', '€'.repeat(100)), 1).message)).toBeLessThanOrEqual(240);
  });

  it('keeps class and code when it is redacted', () => {
    const error = new RetryableError('provider-busy', 'token hunter2 is over its limit', 30);
    const kept = redacted(error, (text) => text.replaceAll('hunter2', '•••'));
    expect(failureOf(kept, 1)).toEqual({
      code: 'provider-busy',
      class: 'retryable',
      message: 'token ••• is over its limit',
      retryInSeconds: 30,
    });
    expect(error.message).toContain('hunter2');
    expect(redacted('hunter2', () => '•••')).toBe('•••');
  });
});
