import { v7 as uuidv7 } from 'uuid';
import { deployment, type DeploymentState } from '#domain/deployment';
import type { Face } from '#domain/face';
import { DEFAULT_POLICY, workload } from '#domain/workload';
import { onNew } from '#store/operation';
import { requestDeployment } from '#store/request-deployment';
import type { Store } from '#store/store';
import { until } from './until.js';

const CAUSE = { actor: 'system:test', correlationId: 'test' };

export interface TestWorkload {
  readonly id: string;
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly faces: readonly Face[];
}

export async function createWorkload(
  store: Store,
  { name = `w-${uuidv7().slice(-8)}`, config, faces = [] }: Partial<TestWorkload> & Pick<TestWorkload, 'config'>,
): Promise<TestWorkload> {
  const id = uuidv7();
  const settings = { title: null, stage: null, sourceConfig: config, parentId: null, policy: DEFAULT_POLICY };
  const command = { type: 'CreateWorkload', id, name, sourceKind: 'image', node: 'default', faces, settings } as const;
  await store.commit([onNew(workload, id, command)], CAUSE);
  return { id, name, config, faces };
}

export async function requestRelease(
  store: Store,
  of: TestWorkload,
  artifact: { repository: string; tag: string; digest: string },
): Promise<string> {
  const id = uuidv7();
  const release = { artifact: { kind: 'image', ...artifact }, config: of.config, faces: of.faces, env: {} };
  const request = { id, workloadId: of.id, workloadName: of.name, sourceKind: 'image', node: 'default', release };
  await requestDeployment(
    store,
    { ...request, reason: 'manual', note: null, bindingId: null, deliveryId: null },
    CAUSE,
  );
  return id;
}

/** The deployment's state once nobody owes it anything any more. */
export function finished(store: Store, deploymentId: string, deadlineMs = 60_000): Promise<DeploymentState> {
  return until(
    async () => {
      const { rows } = await store.pool.query<{ open: boolean }>(
        'select is_unfinished as open from view.deployment where id = $1',
        [deploymentId],
      );
      return rows[0]?.open === false && (await store.load(deployment, deploymentId)).state;
    },
    `deployment ${deploymentId} to end`,
    deadlineMs,
  );
}
