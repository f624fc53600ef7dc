import { describe, expect, it } from 'vitest';
import type { InboundEvent } from '#plugins/inbound';
import type { BoundWorkload, TriggerRow } from '#domain/bound-workload';
import { judge } from '#plugins/judge';
import { PLUGINS, bound, crate } from '../apps/deploy-worker/plugins.js';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const push = (tag: string, repository = 'crate'): InboundEvent => ({
  kind: 'image-push',
  registry: 'depot.test',
  repository,
  tag,
  digest: DIGEST,
});
const TRIGGER: TriggerRow = { kind: 'registry', config: { select: { policy: 'exact', tag: 'main' } } };

const verdictOf = (
  changes: Partial<BoundWorkload>,
  { trigger = TRIGGER, events = [push('main')] as InboundEvent[] } = {},
) => judge(bound(changes), trigger, { events }, { ...PLUGINS });

describe('a binding is filtered', () => {
  it.each<[string, Partial<BoundWorkload>, string]>([
    ['held', { hold: { reason: 'release freeze', since: '2026-01-02T03:04:05.000Z' } }, 'release freeze'],
    ['stopped', { runState: 'stopped' }, 'never starts it'],
    ['deleting', { lifecycle: 'deleting' }, 'being deleted'],
    ['deleting', { lifecycle: 'gone' }, 'being deleted'],
    ['other-image', { override: { image: 'depot.test/other' } }, 'depot.test/other'],
  ])('as %s', (code, changes, said) => {
    const verdict = verdictOf(changes);
    expect(verdict).toMatchObject({ verdict: 'filtered', code });
    expect(verdict.reason).toContain(said);
  });

  it('as deleting before stopped before held: the strongest reason is the one that is told', () => {
    const all = { hold: { reason: 'x', since: 'then' }, runState: 'stopped', lifecycle: 'deleting' } as const;
    expect(verdictOf(all).code).toBe('deleting');
    expect(verdictOf({ ...all, lifecycle: 'present' }).code).toBe('stopped');
  });

  it('as other-event, naming what came', () => {
    const gitPush = { kind: 'schedule', scheduledFor: '2026-01-02T03:04:05.000Z' } as const;
    expect(verdictOf({}, { events: [gitPush] })).toMatchObject({
      verdict: 'filtered',
      code: 'other-event',
      reason: 'A registry trigger does not react to schedule.',
    });
    expect(verdictOf({}, { events: [] }).reason).toContain('nothing');
  });

  it('by what the trigger says', () => {
    expect(verdictOf({}, { events: [push('develop')] })).toMatchObject({ verdict: 'filtered', code: 'other-tag' });
  });

  it('by what the source says', () => {
    // The trigger follows another image on purpose; the source knows that it is not its own.
    const verdict = verdictOf({ override: { image: 'depot.test/other' } }, { events: [push('main', 'other')] });
    expect(verdict).toMatchObject({ verdict: 'filtered', code: 'other-repository' });
  });
});

describe('a binding is errored', () => {
  it('when its merged config is invalid, with the field', () => {
    const verdict = verdictOf({ override: { downgrade: 'sometimes' } });
    expect(verdict).toMatchObject({ verdict: 'errored', code: 'invalid-config' });
    expect(verdict.reason).toMatch(/^\/downgrade /);
  });

  it('when the source config is invalid, with the field', () => {
    const verdict = verdictOf({ sourceConfig: { image: 7 } });
    expect(verdict).toMatchObject({ verdict: 'errored', code: 'invalid-config' });
    expect(verdict.reason).toMatch(/^\/image /);
  });

  it.each<[string, Partial<BoundWorkload>, TriggerRow]>([
    ['source kind quantum', { sourceKind: 'quantum' }, TRIGGER],
    ['trigger kind telepathy', {}, { ...TRIGGER, kind: 'telepathy' }],
  ])('when this release has no %s', (named, changes, trigger) => {
    const verdict = verdictOf(changes, { trigger });
    expect(verdict).toMatchObject({
      verdict: 'errored',
      code: 'unknown-kind',
      reason: `This release has no ${named}.`,
    });
  });

  it('when its trigger throws: the reason is one line, and nothing is thrown', () => {
    const verdict = verdictOf({}, { trigger: { kind: 'broken', config: {} } });
    expect(verdict).toMatchObject({ verdict: 'errored', code: 'judge-failed' });
    expect(verdict.reason).toBe('The binding could not be judged: cannot read 1 candidates');
  });

  it('when its source throws at length: at most 240 bytes are told', () => {
    const thrower = {
      ...crate,
      reference() {
        throw new Error('€'.repeat(1000));
      },
    };
    const verdict = judge(bound(), TRIGGER, { events: [push('main')] }, { ...PLUGINS, sources: [thrower] });
    expect(verdict).toMatchObject({ verdict: 'errored', code: 'judge-failed' });
    expect(Buffer.byteLength(verdict.reason)).toBeLessThanOrEqual(240);
  });
});

describe('a binding matches', () => {
  it('with the reference to resolve and what was accepted', () => {
    expect(verdictOf({})).toMatchObject({
      verdict: 'matched',
      code: 'first',
      ref: { key: 'depot.test/crate:main', tag: 'main', digest: DIGEST },
      accepted: { tag: 'main', digest: DIGEST },
    });
  });

  it('by its override: the binding wins over the trigger, nested objects are replaced whole', () => {
    const select = { policy: 'exact', tag: 'develop' };
    expect(verdictOf({ override: { select } }, { events: [push('develop')] })).toMatchObject({ verdict: 'matched' });
    expect(verdictOf({ override: { select } })).toMatchObject({ verdict: 'filtered' });
  });

  it('against what it accepted last', () => {
    const last = { tag: 'main', digest: DIGEST, ref: null, sha: null, createdAt: null };
    expect(verdictOf({ last })).toMatchObject({ verdict: 'filtered', code: 'duplicate' });
    expect(verdictOf({ last: { ...last, digest: `sha256:${'b'.repeat(64)}` } })).toMatchObject({ verdict: 'matched' });
  });

  it('by any one of the events', () => {
    expect(verdictOf({}, { events: [push('develop'), push('main')] })).toMatchObject({
      verdict: 'matched',
      ref: { tag: 'main' },
    });
  });
});

it('tells with every verdict what was judged', () => {
  const last = { tag: 'main', digest: null, ref: null, sha: null, createdAt: null };
  expect(verdictOf({ last, override: { downgrade: 'allow' } }).inputs).toMatchObject({
    last,
    effectiveConfig: { downgrade: 'allow', image: 'depot.test/crate' },
  });
  expect(verdictOf({ last, runState: 'stopped' }).inputs).toMatchObject({ last });
  expect(verdictOf({ override: { downgrade: 'sometimes' } }).inputs).toMatchObject({
    override: { downgrade: 'sometimes' },
  });
});

it('changes nothing that it was given', () => {
  const frozen = deepFreeze(bound({ override: { downgrade: 'allow' } }));
  const events = deepFreeze([push('main')]);
  expect(judge(frozen, deepFreeze(structuredClone(TRIGGER)), { events }, { ...PLUGINS }).verdict).toBe('matched');
});

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
