import type { ContainerSummary } from '#docker/docker';
import { LABELS } from '#domain/naming';
import { DEFAULT_POLICY } from '#domain/workload';
import type { Desired, KnownDeployment } from '../../../../apps/reconciler/src/drift/desired.js';
import { DEPLOYMENT, WORKLOAD } from '../../domain/samples.js';

export const OLD = '0198c0de-0000-7000-8000-000000000e00';
export const NOW = Date.parse('2026-03-01T13:00:00.000Z');
export const minutesAgo = (minutes: number): string => new Date(NOW - minutes * 60_000).toISOString();
export const HERE = 'here';

export function container(more: Partial<ContainerSummary> & { deploymentId?: string; workloadId?: string } = {}) {
  const { deploymentId = DEPLOYMENT, workloadId = WORKLOAD, ...rest } = more;
  const labels = {
    [LABELS.workloadId]: workloadId,
    [LABELS.deploymentId]: deploymentId,
    [LABELS.kind]: 'image',
    [LABELS.installation]: HERE,
  };
  const state = { state: 'running', running: true, exitCode: null, health: 'none' } as const;
  const name = rest.id === undefined ? 'tf-shop-1' : `tf-${rest.id}`;
  return { id: 'c1', name, image: 'i', imageId: 'sha256:1', labels, createdAt: minutesAgo(60), ...state, ...rest };
}

export function desired(more: Partial<Desired> = {}): Desired {
  return {
    workloadId: WORKLOAD,
    name: 'shop',
    sourceKind: 'image',
    node: 'default',
    policy: DEFAULT_POLICY,
    runState: 'running',
    lifecycle: 'present',
    isBusy: false,
    epoch: 3,
    current: {
      deploymentId: DEPLOYMENT,
      reason: 'manual',
      since: minutesAgo(30),
      releaseKey: 'h',
      release: {
        artifact: { kind: 'image', repository: 'r', tag: 'v1', digest: null },
        config: { image: 'r' },
        faces: [],
        env: {},
      },
      facts: { imageId: 'sha256:1', containers: [{ instance: 1, name: 'tf-shop-1', containerId: 'c1', ports: {} }] },
    },
    recorded: null,
    ...more,
  };
}

export function known(...more: readonly Partial<KnownDeployment>[]): ReadonlyMap<string, KnownDeployment> {
  const row = {
    isUnfinished: false,
    endedAt: minutesAgo(30),
    lifecycle: 'present',
    currentDeploymentId: DEPLOYMENT,
  } as const;
  const rows: KnownDeployment[] = [
    { ...row, id: DEPLOYMENT, status: 'succeeded' },
    { ...row, id: OLD, status: 'failed' },
    ...more.map((each) => ({ ...row, id: OLD, status: 'failed' as const, ...each })),
  ];
  return new Map(rows.map((each) => [each.id, each]));
}
