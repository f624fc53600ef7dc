import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { delivery, type DeliveryCommand, type DeliveryEvent, type UndispatchedStatus } from '#domain/delivery';
import { given, play } from '../../support/spec.js';
import { LATER, SAMPLES, received, verdictOf } from './samples.js';

const recorded = SAMPLES.DeliveryRecorded;
const judge = (bindings: readonly string[], remaining: number): DeliveryCommand => ({
  type: 'RecordVerdicts',
  verdicts: bindings.map((binding) => verdictOf(binding)),
  remaining,
});
const matched = (bindings: readonly string[], remaining: number): DeliveryEvent => ({
  type: 'DeliveryMatched',
  data: { verdicts: bindings.map((binding) => verdictOf(binding)), remaining },
});
const settle: DeliveryCommand = { type: 'SettleDelivery' };
const settled = (bindings: number): DeliveryEvent => ({ type: 'DeliverySettled', data: { bindings } });

describe('recording a delivery', () => {
  it('is the one thing that the ingress does', () => {
    given(delivery, [])
      .when({ type: 'RecordDelivery', received })
      .then([recorded])
      .state({ status: 'accepted', received });
  });

  it('twice is once', () => {
    given(delivery, [recorded]).when({ type: 'RecordDelivery', received }).then([]);
  });

  it.each<UndispatchedStatus>(['ignored', 'ping', 'disabled', 'no-binding', 'dead-letter'])(
    'as %s is its end',
    (status) => {
      const ended: DeliveryEvent = { type: 'DeliveryRecorded', data: { ...received, status, reason: 'because' } };
      given(delivery, [ended]).state({ status });
      given(delivery, [ended])
        .when(judge(['b1'], 0))
        .then([]);
      given(delivery, [ended]).when(settle).then([]);
    },
  );

  it('comes first', () => {
    given(delivery, []).when(settle).rejects('not-found');
  });
});

describe('judging the bindings', () => {
  it('goes chunk by chunk', () => {
    given(delivery, [recorded])
      .when(judge(['b1', 'b2'], 1))
      .then([matched(['b1', 'b2'], 1)])
      .state({ status: 'dispatching', isDispatched: false });
    given(delivery, [recorded, matched(['b1', 'b2'], 1)])
      .when(judge(['b3'], 0))
      .then([matched(['b3'], 0)])
      .state({ isDispatched: true });
  });

  it('judges no binding twice when a chunk is repeated', () => {
    given(delivery, [recorded, matched(['b1', 'b2'], 1)])
      .when(judge(['b1', 'b2', 'b3'], 0))
      .then([matched(['b3'], 0)]);
    given(delivery, [recorded, matched(['b1', 'b2'], 1)])
      .when(judge(['b1', 'b2'], 1))
      .then([]);
    given(delivery, [recorded])
      .when(judge(['b1', 'b1'], 0))
      .then([matched(['b1'], 0)]);
  });

  it('of a delivery whose bindings are gone meanwhile is judging none', () => {
    given(delivery, [recorded])
      .when(judge([], 0))
      .then([matched([], 0)])
      .state({ isDispatched: true });
  });

  it('is over once all are judged', () => {
    given(delivery, [recorded, matched(['b1'], 0)])
      .when(judge(['b2'], 0))
      .then([]);
  });
});

describe('deferring', () => {
  it('says why, and until when, and counts', () => {
    const deferred: DeliveryEvent = {
      type: 'DeliveryDeferred',
      data: {
        code: 'registry-busy',
        message: '429',
        retryAt: LATER,
        attempt: 1,
      },
    };
    const again: DeliveryCommand = { type: 'DeferDelivery', code: 'registry-busy', message: '429', retryAt: LATER };
    given(delivery, [recorded]).when(again).then([deferred]).state({ status: 'dispatching', attempt: 1 });
    given(delivery, [recorded, deferred]).when(again).state({ attempt: 2 });
  });
});

describe('settling', () => {
  it('waits for the last binding', () => {
    given(delivery, [recorded]).when(settle).then([]);
    given(delivery, [recorded, matched(['b1'], 1)])
      .when(settle)
      .then([]);
  });

  it('says how many bindings were judged', () => {
    given(delivery, [recorded, matched(['b1', 'b2'], 1), matched(['b3'], 0)])
      .when(settle)
      .then([settled(3)])
      .state({ status: 'settled' });
  });

  it('is done once', () => {
    given(delivery, [recorded, matched(['b1'], 0), settled(1)])
      .when(settle)
      .then([]);
  });
});

describe('whatever is repeated or interleaved', () => {
  const bindings = fc.uniqueArray(fc.constantFrom('b1', 'b2', 'b3', 'b4', 'b5'));
  const anyCommand: fc.Arbitrary<DeliveryCommand> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.tuple(bindings, fc.nat(2)).map(([chunk, remaining]) => judge(chunk, remaining)),
    },
    { weight: 1, arbitrary: fc.constant(settle) },
    {
      weight: 1,
      arbitrary: fc.constant<DeliveryCommand>({ type: 'DeferDelivery', code: 'c', message: 'm', retryAt: LATER }),
    },
  );

  it('each binding is judged at most once, the count is right, and settled is the end', () => {
    fc.assert(
      fc.property(fc.array(anyCommand, { maxLength: 15 }), (commands) => {
        const { events } = play(delivery, [{ type: 'RecordDelivery', received }, ...commands]);
        const judged = events.flatMap((event) =>
          event.type === 'DeliveryMatched' ? event.data.verdicts.map(({ bindingId }) => bindingId) : [],
        );
        expect(new Set(judged).size).toBe(judged.length);
        const at = events.findIndex(({ type }) => type === 'DeliverySettled');
        if (at >= 0) expect(events.slice(at)).toEqual([settled(judged.length)]);
      }),
      { numRuns: 500 },
    );
  });
});
