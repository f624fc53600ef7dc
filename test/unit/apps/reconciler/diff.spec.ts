import { describe, expect, it } from 'vitest';
import type { ContainerSummary } from '#docker/docker';
import { diff } from '../../../../apps/reconciler/src/drift/diff.js';
import type { Desired, KnownDeployment } from '../../../../apps/reconciler/src/drift/desired.js';
import { ownContainers } from '../../../../apps/reconciler/src/drift/own-containers.js';
import { observeAll } from '../../../../apps/reconciler/src/drift/observe.js';
import { image } from '#plugins/sources/image/image';
import { LABELS } from '#domain/naming';
import { WORKLOAD } from '../../domain/samples.js';
import { container, desired, HERE, known, minutesAgo, NOW, OLD } from './drift-cases.js';

interface Case {
  readonly own: readonly ContainerSummary[];
  readonly finds: readonly string[];
  readonly desired?: Partial<Desired>;
  readonly known?: Partial<KnownDeployment>;
}

const CASES: Readonly<Record<string, Case>> = {
  'all as it should be': { own: [container()], finds: [] },
  'between two restarts': { own: [container({ state: 'restarting', exitCode: 1 })], finds: [] },
  'removed by hand': { own: [], finds: ['missing tf-shop-1'] },
  'ended by itself': {
    own: [container({ state: 'exited', running: false, exitCode: 137 })],
    finds: ['crashed tf-shop-1'],
  },
  'stopped by hand': {
    own: [container({ state: 'exited', running: false, exitCode: 0 })],
    finds: ['stopped tf-shop-1'],
  },
  'paused by hand': { own: [container({ state: 'paused' })], finds: ['stopped tf-shop-1'] },
  'of another image': { own: [container({ imageId: 'sha256:2' })], finds: ['changed tf-shop-1'] },
  'made anew under its name': { own: [container({ id: 'c2', name: 'tf-shop-1' })], finds: ['changed tf-shop-1'] },
  'a copy beside it': { own: [container(), container({ id: 'c2' })], finds: ['extra tf-c2'] },
  'an ended hook of the same deployment': {
    own: [container(), container({ id: 'c2', state: 'exited', running: false, exitCode: 0 })],
    finds: [],
  },
  'left over of a failed deployment': {
    own: [container(), container({ id: 'c0', deploymentId: OLD })],
    finds: ['extra tf-c0'],
  },
  'of a deployment under way': {
    own: [container(), container({ id: 'c0', deploymentId: OLD })],
    known: { isUnfinished: true },
    finds: [],
  },
  'newer than a restored backup': {
    own: [container({ id: 'c7', deploymentId: '0198c0de-0000-7000-8000-000000000eff' })],
    finds: ['missing tf-shop-1', 'unknown tf-c7'],
  },
  'a stopped workload': { own: [], desired: { runState: 'stopped' }, finds: [] },
  'never deployed': { own: [], desired: { current: null }, finds: [] },
};

describe('what differs from the release', () => {
  it.each(Object.entries(CASES))('%s', (_name, { own, finds, desired: more, known: deployment }) => {
    const found = diff({
      desired: desired(more),
      own,
      known: known(...(deployment ? [deployment] : [])),
      observation: null,
    });
    expect(found.map(({ kind, container: name }) => `${kind} ${name}`)).toEqual(finds);
    for (const { detail } of found) expect(detail).toMatch(/^tf-\S+ \S+/);
  });

  it('is the word of a source that records no containers', () => {
    const current = { ...desired().current!, facts: {} };
    const observation = { state: 'missing', detail: 'no service runs' } as const;
    expect(diff({ desired: desired({ current }), own: [], known: known(), observation })).toEqual([
      { kind: 'missing', container: null, detail: 'no service runs' },
    ]);
  });
});

describe('whose a container is', () => {
  const of = (labels: Readonly<Record<string, string>>) =>
    ownContainers([container({ labels })], { installation: HERE, workloadIds: new Set([WORKLOAD]) }).length;
  const mine = container().labels;
  const { [LABELS.installation]: _, ...unmarked } = mine;

  it.each([
    ['ours by its label', mine, 1],
    ['of a workload that is gone from the log, but labelled as ours', { ...mine, [LABELS.workloadId]: OLD }, 1],
    ['of another installation', { ...mine, [LABELS.installation]: 'there' }, 0],
    ['older than the label, of a workload of ours', unmarked, 1],
    ['older than the label, of an unknown workload', { ...unmarked, [LABELS.workloadId]: OLD }, 0],
    ['without a deployment', { [LABELS.workloadId]: WORKLOAD }, 0],
    ['with a forged id', { ...mine, [LABELS.deploymentId]: "'; drop" }, 0],
  ])('%s', (_name, labels, count) => expect(of(labels)).toBe(count));
});

describe('how a workload is', () => {
  const state = (own: readonly ContainerSummary[], more: Partial<Desired> = {}) =>
    observeAll({ desired: [desired(more)], containers: own, known: known(), sources: [image], now: NOW })[0]?.observed
      .state;
  const crash = (at: string, crashes = 1) => ({ at, crashes, deploymentId: desired().current!.deploymentId });
  const recorded = { deploymentId: null, state: null, containers: [], findings: [], watchFailed: null };

  it('runs, is missing, or degraded', () => {
    expect(state([container()])).toBe('running');
    expect(state([])).toBe('missing');
    expect(state([container({ health: 'unhealthy' })])).toBe('missing');
    expect(state([container(), container({ id: 'c0', deploymentId: OLD })])).toBe('degraded');
  });

  it('is degraded in a crash loop, up or down, until ten minutes have passed', () => {
    const loop = { recorded: { ...recorded, crashes: [crash(minutesAgo(9), 2), crash(minutesAgo(1))] } };
    expect(state([container()], loop)).toBe('degraded');
    expect(state([container({ state: 'restarting' })], loop)).toBe('degraded');
    const past = { recorded: { ...recorded, crashes: [crash(minutesAgo(11), 9), crash(minutesAgo(1))] } };
    expect(state([container()], past)).toBe('running');
  });

  it('is not looked at while somebody is at it, or when it goes', () => {
    expect(state([], { isBusy: true })).toBeUndefined();
    expect(state([], { lifecycle: 'deleting' })).toBeUndefined();
  });
});
