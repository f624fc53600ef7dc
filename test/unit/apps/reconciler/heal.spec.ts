import { describe, expect, it } from 'vitest';
import type { FindingKind } from '#domain/observation';
import { DEFAULT_POLICY, type Policy } from '#domain/workload';
import { crashesOf, mayRollBack, watchBreach } from '../../../../apps/reconciler/src/drift/crash-loop.js';
import type { Desired } from '../../../../apps/reconciler/src/drift/desired.js';
import { nextAttemptAt, wantsHealing, type Attempt } from '../../../../apps/reconciler/src/drift/heal.js';
import { DEPLOYMENT } from '../../domain/samples.js';
import { desired, minutesAgo, NOW } from './drift-cases.js';

const seen = (kinds: readonly FindingKind[], more: Partial<Desired> = {}) => ({
  desired: desired(more),
  own: [],
  observed: null as never,
  findings: kinds.map((kind) => ({ kind, container: 'c', detail: 'c' })),
});
const policy = (drift: Policy['drift']) => ({ policy: { ...DEFAULT_POLICY, drift } });

describe('healing', () => {
  it.each<[FindingKind[], Partial<Desired>, boolean]>([
    [['missing'], {}, true],
    [['crashed'], {}, true],
    [['stopped'], {}, true],
    [['changed'], {}, true],
    [['extra'], {}, false],
    [['missing', 'extra'], {}, true],
    [['missing', 'unknown'], {}, false],
    [[], {}, false],
    [['missing'], policy('alert'), false],
    [['missing'], policy('ignore'), false],
    [['missing'], { runState: 'stopped' }, false],
    [['missing'], { current: null }, false],
  ])('of %j with %j: %s', (kinds, more, expected) => {
    expect(wantsHealing(seen(kinds, more))).toBe(expected);
  });

  const attempt = (secondsAgo: number, status: Attempt['status'], wanted = 'h'): Attempt => ({
    lost: DEPLOYMENT,
    desired: wanted,
    attempt: 1,
    at: NOW - secondsAgo * 1000,
    status,
  });
  const waitSeconds = (...attempts: Attempt[]) => Math.max(0, (nextAttemptAt(attempts, 'h') - NOW) / 1000);

  it('is tried at once, and after a failure ever later, per release', () => {
    expect(waitSeconds()).toBe(0);
    expect(waitSeconds(attempt(0, 'failed'))).toBe(30);
    expect(waitSeconds(attempt(30, 'failed'), attempt(0, 'failed'))).toBe(60);
    expect(waitSeconds(...Array.from({ length: 12 }, (_, n) => attempt(n, 'failed')))).toBe(3600);
    expect(waitSeconds(attempt(0, 'failed', 'another release'))).toBe(0);
  });

  it('lets somebody break it by hand twice, and slows down for what never lasts', () => {
    expect(waitSeconds(attempt(5, 'succeeded'), attempt(0, 'succeeded'))).toBe(0);
    expect(waitSeconds(attempt(9, 'succeeded'), attempt(5, 'succeeded'), attempt(0, 'succeeded'))).toBe(30);
  });
});

describe('the watch window', () => {
  const recorded = { deploymentId: null, state: null, containers: [], findings: [], watchFailed: null };
  const crash = (at: string, crashes: number, deploymentId = DEPLOYMENT) => ({ at, crashes, deploymentId });
  const watched = (crashes: ReturnType<typeof crash>[], more: Partial<Desired> = {}, seconds = 3600) =>
    desired({
      policy: { ...DEFAULT_POLICY, watchWindow: { seconds, onFailure: 'rollback' } },
      recorded: { ...recorded, crashes },
      ...more,
    });

  it('fails with three restarts in ten minutes', () => {
    expect(watchBreach(watched([crash(minutesAgo(5), 2)]), NOW)).toBeNull();
    expect(watchBreach(watched([crash(minutesAgo(5), 2), crash(minutesAgo(1), 1)]), NOW)).toEqual({
      crashes: 3,
      seconds: 3600,
      onFailure: 'rollback',
    });
    expect(watchBreach(watched([crash(minutesAgo(12), 2), crash(minutesAgo(1), 1)]), NOW)).toBeNull();
  });

  it('looks at this deployment within its seconds, and is told once', () => {
    const three = [crash(minutesAgo(5), 3)];
    expect(watchBreach(watched([crash(minutesAgo(5), 3, 'before')]), NOW)).toBeNull();
    expect(watchBreach(watched(three, {}, 60), NOW)).toBeNull();
    expect(
      watchBreach(watched(three, { recorded: { ...recorded, crashes: three, watchFailed: DEPLOYMENT } }), NOW),
    ).toBeNull();
    expect(watchBreach(watched(three, { policy: DEFAULT_POLICY }), NOW)).toBeNull();
    expect(crashesOf(watched(three), { from: 0, to: NOW })).toBe(3);
  });

  it.each([
    ['manual', true],
    ['webhook', true],
    ['rollback', false],
    ['drift', false],
  ] as const)('rolls back after a deployment by %s: %s', (reason, expected) => {
    expect(mayRollBack(desired({ current: { ...desired().current!, reason } }))).toBe(expected);
  });
});
