import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AGGREGATES, parseStream, streamOf } from '#domain/decider';
import { EVENT_TYPES } from '#domain/event-types';
import { fold } from '../../support/spec.js';
import { SAMPLES, STREAMS } from './samples.js';

describe('every aggregate', () => {
  it('owns its event types alone, and none is forgotten', () => {
    const owned = Object.values(STREAMS).flatMap(({ types }) => types);
    expect([...owned].sort()).toEqual(Object.keys(EVENT_TYPES).sort());
  });

  it.each(AGGREGATES)('%s is stored under its own name', (name) => {
    expect(STREAMS[name].decider.name).toBe(name);
  });

  it.each(AGGREGATES)('%s folds any sequence of its events, in any order, and keeps the shape of its state', (name) => {
    const { decider, types } = STREAMS[name];
    const keys = Object.keys(decider.initial).sort();
    const events = fc.array(
      fc.constantFrom(...types).map((type) => SAMPLES[type]),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(events, (sequence) => {
        const state = fold(decider, sequence);
        expect(Object.keys(state)).toEqual(expect.arrayContaining(keys));
      }),
    );
  });
});

describe('events', () => {
  it.each(Object.values(SAMPLES))('$type is plain JSON', (event) => {
    expect(JSON.parse(JSON.stringify(event))).toStrictEqual(event);
  });

  it.each(Object.keys(SAMPLES))('%s is in the past tense', (type) => {
    expect(type).toMatch(/^[A-Z][A-Za-z]+(ed|Set|Unset|Down|Back|Silent|Forgotten)$/);
  });
});

describe('stream names', () => {
  it('name the aggregate and the id, and give both back', () => {
    fc.assert(
      fc.property(fc.constantFrom(...AGGREGATES), fc.uuid({ version: 7 }), (aggregate, id) => {
        expect(parseStream(streamOf(aggregate, id))).toEqual({
          aggregate,
          id,
        });
      }),
    );
  });
});
