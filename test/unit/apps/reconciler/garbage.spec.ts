import { describe, expect, it } from 'vitest';
import type { ContainerSummary } from '#docker/docker';
import { DEFAULT_POLICY } from '#domain/workload';
import { leftovers, needsConfirmation } from '../../../../apps/reconciler/src/drift/collect-garbage.js';
import type { Desired, KnownDeployment } from '../../../../apps/reconciler/src/drift/desired.js';
import { container, desired, known, minutesAgo, NOW, OLD } from './drift-cases.js';

interface Case {
  readonly left: boolean;
  readonly container?: Partial<ContainerSummary> & { deploymentId?: string };
  readonly deployment?: Partial<KnownDeployment>;
  readonly workload?: Partial<Desired>;
  readonly noWorkload?: true;
}

const CASES: Readonly<Record<string, Case>> = {
  'of a failed deployment': { left: true },
  'of a superseded release': { deployment: { status: 'succeeded' }, left: true },
  'of a deployment under way': { deployment: { isUnfinished: true }, left: false },
  'of a deployment that ended a moment ago': { deployment: { endedAt: minutesAgo(1) }, left: false },
  'made a moment ago': { container: { createdAt: minutesAgo(1) }, left: false },
  'of a deployment that the log does not know': {
    container: { deploymentId: '0198c0de-0000-7000-8000-000000000eff' },
    left: false,
  },
  'while somebody is at the workload': { workload: { isBusy: true }, left: false },
  'with the policy to alert': { workload: { policy: { ...DEFAULT_POLICY, drift: 'alert' } }, left: false },
  'of a workload that is being deleted': {
    workload: { lifecycle: 'deleting' },
    deployment: { lifecycle: 'deleting' },
    left: false,
  },
  'of a workload that was torn down': { deployment: { lifecycle: 'gone' }, noWorkload: true, left: true },
  'of a workload that the view has lost': { deployment: { lifecycle: null }, noWorkload: true, left: false },
  'that served last, says a view that lost its memory': {
    deployment: { status: 'succeeded' },
    workload: { current: null },
    left: false,
  },
  'of a first deployment that failed': { workload: { current: null }, left: true },
};

describe('what is left over', () => {
  it.each(Object.entries(CASES))('%s', (_name, each) => {
    const one = container({ id: 'c0', deploymentId: OLD, ...each.container });
    const found = leftovers({
      desired: each.noWorkload ? [] : [desired(each.workload)],
      containers: [container(), one],
      known: known(each.deployment ?? {}),
      now: NOW,
      graceMs: 10 * 60_000,
    });
    expect(found.map(({ id }) => id)).toEqual(each.left ? ['c0'] : []);
  });

  it('is never anything when the views are empty', () => {
    const containers = Array.from({ length: 20 }, (_, n) => container({ id: `c${n}`, deploymentId: OLD }));
    expect(leftovers({ desired: [], containers, known: new Map(), now: NOW, graceMs: 0 })).toEqual([]);
  });
});

describe('a removal waits for a person', () => {
  it.each([
    [1, 1, false],
    [2, 4, false],
    [2, 3, true],
    [5, 10, false],
    [6, 100, true],
  ])('%i of %i: %s', (removed, total, expected) => expect(needsConfirmation(removed, total)).toBe(expected));
});
