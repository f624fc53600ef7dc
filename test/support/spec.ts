import { expect } from 'vitest';
import type { Decider, DomainEvent, Reads } from '#domain/decider';
import { Rejection } from '#domain/errors';

export interface Outcome<S, E> {
  /** Exactly these events, in this order; `[]` = already so. */
  then(events: readonly E[]): { state(expected: Partial<S>): void };
  /** Refused with this code; `pointers` name the bad fields. */
  rejects(code: string, pointers?: readonly string[]): void;
  /** What the stream folds to afterwards. */
  state(expected: Partial<S>): void;
}

/**
 * One sentence of a specification: given what happened, when this is asked for, then that happens.
 * Everything that goes in is frozen, so a decider that writes to its input fails here.
 */
export function given<S, C, E extends DomainEvent>(decider: Decider<S, C, E>, events: readonly E[]) {
  const before = fold(decider, events);
  return {
    when: (command: C, reads: Reads = {}): Outcome<S, E> =>
      outcome(decider, before, () => decide(decider, { before, command, reads })),
    /** What the stream folds to, without a command. */
    state: (expected: Partial<S>): void => expect(before).toMatchObject(expected),
  };
}

/** The state after these events, from the start or from `from`. */
export function fold<S, C, E extends DomainEvent>(decider: Decider<S, C, E>, events: readonly E[], from?: S): S {
  const start = deepFreeze(from ?? decider.initial);
  return events.reduce((state, event) => deepFreeze(decider.evolve(state, deepFreeze(event))), start);
}

/** Runs commands one after the other, as a stream would see them; a rejected one writes nothing. */
export function play<S, C, E extends DomainEvent>(
  decider: Decider<S, C, E>,
  commands: readonly C[],
): { events: readonly E[]; state: S } {
  const events: E[] = [];
  let state = deepFreeze(decider.initial);
  for (const command of commands) {
    const fresh = decideOrNothing(decider, {
      before: state,
      command,
      reads: {},
    });
    state = fold(decider, fresh, state);
    events.push(...fresh);
  }
  return { events, state };
}

interface Asked<S, C> {
  readonly before: S;
  readonly command: C;
  readonly reads: Reads;
}

function outcome<S, C, E extends DomainEvent>(
  decider: Decider<S, C, E>,
  before: S,
  run: () => readonly E[],
): Outcome<S, E> {
  const state = (expected: Partial<S>): void => expect(fold(decider, run(), before)).toMatchObject(expected);
  return {
    then(expected) {
      const decided = run();
      expect(decided).toStrictEqual(expected);
      expect(JSON.parse(JSON.stringify(decided)), 'an event is plain JSON').toStrictEqual(decided);
      return { state };
    },
    rejects(code, pointers) {
      const rejection = refusal(run);
      expect(rejection.code).toBe(code);
      if (pointers) expect(rejection.errors.map((error) => error.pointer)).toEqual(pointers);
    },
    state,
  };
}

function decide<S, C, E extends DomainEvent>(
  decider: Decider<S, C, E>,
  { before, command, reads }: Asked<S, C>,
): readonly E[] {
  return decider.decide(deepFreeze(command), before, deepFreeze(reads));
}

function decideOrNothing<S, C, E extends DomainEvent>(decider: Decider<S, C, E>, asked: Asked<S, C>): readonly E[] {
  try {
    return decide(decider, asked);
  } catch (error) {
    if (error instanceof Rejection) return [];
    throw error;
  }
}

function refusal(run: () => readonly unknown[]): Rejection {
  let decided: readonly unknown[];
  try {
    decided = run();
  } catch (error) {
    if (error instanceof Rejection) return error;
    throw error;
  }
  return expect.fail(`expected a rejection, but got ${JSON.stringify(decided)}`);
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}
