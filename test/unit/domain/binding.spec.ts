import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OVERRIDE_LIMIT, binding, mergeOverride, utf8Length, type BindingCommand } from '#domain/binding';
import { given } from '../../support/spec.js';
import { BINDING, DELIVERY, DIGEST, SAMPLES, TRIGGER, WORKLOAD } from './samples.js';

const create = (override: Record<string, unknown> = {}): BindingCommand => ({
  type: 'CreateBinding',
  id: BINDING,
  triggerId: TRIGGER,
  workloadId: WORKLOAD,
  override,
  enabled: true,
});
const created = SAMPLES.BindingCreated;
const removed = SAMPLES.BindingRemoved;
const accepted = { tag: 'v1', digest: DIGEST, ref: null, sha: null, createdAt: null };

/** An override whose compact JSON takes exactly this many bytes, in two-byte characters where it can. */
const overrideOf = (bytes: number): Record<string, unknown> => {
  const room = bytes - '{"note":""}'.length;
  return { note: 'é'.repeat(Math.floor(room / 2)) + 'x'.repeat(room % 2) };
};

describe('binding a trigger to a workload', () => {
  it('records both, and nothing was accepted yet', () => {
    given(binding, []).when(create()).then([created]).state({
      status: 'present',
      triggerId: TRIGGER,
      workloadId: WORKLOAD,
      last: null,
    });
  });

  it('twice is once', () => {
    given(binding, [created])
      .when(create({ other: 1 }))
      .then([]);
  });

  it('takes an override of 8 KiB and not one byte more', () => {
    given(binding, [])
      .when(create(overrideOf(OVERRIDE_LIMIT)))
      .state({ override: overrideOf(OVERRIDE_LIMIT) });
    given(binding, [])
      .when(create(overrideOf(OVERRIDE_LIMIT + 1)))
      .rejects('override-too-large', ['/override']);
  });
});

describe('changing a binding', () => {
  it('replaces the override whole', () => {
    given(binding, [{ ...created, data: { ...created.data, override: { a: 1, b: 2 } } }])
      .when({ type: 'ChangeBinding', override: { b: 3 } })
      .then([{ type: 'BindingChanged', data: { override: { b: 3 } } }])
      .state({ override: { b: 3 } });
  });

  it('switches it off and on', () => {
    given(binding, [created])
      .when({ type: 'ChangeBinding', enabled: false })
      .then([{ type: 'BindingChanged', data: { enabled: false } }]);
    given(binding, [created, SAMPLES.BindingChanged])
      .when({ type: 'ChangeBinding', enabled: true })
      .state({ enabled: true });
  });

  it('to what it is already records nothing', () => {
    given(binding, [created]).when({ type: 'ChangeBinding', override: {}, enabled: true }).then([]);
    given(binding, [created]).when({ type: 'ChangeBinding' }).then([]);
  });

  it('refuses an override that is too large', () => {
    given(binding, [created])
      .when({ type: 'ChangeBinding', override: overrideOf(OVERRIDE_LIMIT + 1) })
      .rejects('override-too-large');
  });

  it('needs a binding', () => {
    given(binding, []).when({ type: 'ChangeBinding' }).rejects('not-found');
    given(binding, [created, removed]).when({ type: 'ChangeBinding' }).rejects('not-found');
  });
});

describe('accepting a candidate', () => {
  it('is what the next one is compared with', () => {
    given(binding, [created])
      .when({ type: 'AcceptCandidate', accepted, deliveryId: DELIVERY })
      .then([{ type: 'CandidateAccepted', data: { accepted, deliveryId: DELIVERY } }])
      .state({ last: accepted });
  });

  it('is refused once unbound', () => {
    given(binding, [created, removed])
      .when({ type: 'AcceptCandidate', accepted, deliveryId: DELIVERY })
      .rejects('not-found');
  });
});

describe('unbinding', () => {
  it('is done once', () => {
    given(binding, [created]).when({ type: 'RemoveBinding' }).then([removed]).state({ status: 'gone' });
    given(binding, [created, removed]).when({ type: 'RemoveBinding' }).then([]);
  });
});

describe('the effective config', () => {
  const anyConfig = fc.dictionary(fc.string(), fc.jsonValue(), {
    maxKeys: 6,
    noNullPrototype: true,
  });

  it('has the binding win, key by key, at the top level only', () => {
    expect(
      mergeOverride(
        { image: 'a', select: { policy: 'exact', tag: 'x' }, poll: {} },
        { select: { policy: 'semver' }, poll: null },
      ),
    ).toEqual({ image: 'a', select: { policy: 'semver' }, poll: null });
  });

  it('holds for any config and override', () => {
    fc.assert(
      fc.property(anyConfig, anyConfig, (config, override) => {
        const merged = mergeOverride(config, override);
        expect(new Set(Object.keys(merged))).toEqual(new Set([...Object.keys(config), ...Object.keys(override)]));
        for (const key of Object.keys(merged)) {
          const winner = Object.hasOwn(override, key) ? override : config;
          expect(JSON.stringify(merged[key])).toBe(JSON.stringify(winner[key]));
        }
      }),
    );
  });

  it('is a fresh object, all the way down', () => {
    const config = { select: { include: ['v1'] } };
    const override = { poll: { jitter: 0 } };
    const merged = mergeOverride(config, override) as {
      select: { include: string[] };
      poll: { jitter: number };
    };
    merged.select.include.push('v2');
    merged.poll.jitter = 1;
    expect([config, override]).toEqual([{ select: { include: ['v1'] } }, { poll: { jitter: 0 } }]);
  });
});

describe('counting bytes', () => {
  it('gives what the wire takes, for any JSON text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' })), (text) => {
        const json = JSON.stringify(text);
        expect(utf8Length(json)).toBe(Buffer.byteLength(json, 'utf8'));
      }),
    );
  });
});
