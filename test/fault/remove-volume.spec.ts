import { v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createDocker } from '#docker/connect';
import type { Docker } from '#docker/docker';
import { dockerVolumeName, LABELS } from '#domain/naming';
import { volumeId, volumeRemoval } from '#domain/volume-removal';
import { workload } from '#domain/workload';
import { on } from '#store/operation';
import { requestDeployment } from '#store/request-deployment';
import { findVolumes } from '#store/volumes';
import { prepareFaults, type FaultGround } from '../support/faults.js';
import { brokenInvariants } from '../support/invariants.js';
import { until } from '../support/until.js';
import { startApp, type AppProcess } from '../support/worker-process.js';
import { finished, type TestWorkload } from '../support/workloads.js';

const CAUSE = { actor: 'system:test', correlationId: 'test' };
let faults: FaultGround;
let docker: Docker;
beforeAll(async () => {
  faults = await prepareFaults();
  docker = createDocker({ host: faults.ground.env['DOCKER_HOST']! });
});
afterAll(() => faults?.clear());

const workers: AppProcess[] = [];
afterEach(async () => {
  for (const worker of workers.splice(0)) {
    worker.kill('SIGKILL');
    await worker.ended;
  }
});
function startWorker(more: Readonly<Record<string, string>> = {}): AppProcess {
  const worker = startApp('deploy-worker', { ...faults.ground.env, ...more });
  workers.push(worker);
  return worker;
}

/** Deployed with a volume of its own. */
async function deploy({ id: workloadId, name, config, faces }: TestWorkload): Promise<void> {
  const id = uuidv7();
  const volumes = [{ scope: 'project_named' as const, source: 'db', target: '/db', readOnly: false }];
  const release = { artifact: { kind: 'image', ...faults.artifacts[0]! }, config, faces, env: {}, volumes };
  const of = { id, workloadId, workloadName: name, sourceKind: 'image', node: 'default', release };
  const cause = { reason: 'manual', note: null, bindingId: null, deliveryId: null } as const;
  await requestDeployment(faults.parts.store, { ...of, ...cause }, CAUSE);
  expect(await finished(faults.parts.store, id)).toMatchObject({ status: 'succeeded' });
}

test.each(['before', 'after'])(
  'a worker killed %s it removes a volume leaves one that is gone in the end, and said so once',
  { timeout: 90_000 },
  async (moment) => {
    const { store } = faults.parts;
    const killed = startWorker({ FP: `remove-volume:${moment}:kill` });
    const made = await faults.createWorkload();
    await deploy(made);
    const name = dockerVolumeName(made.id, { scope: 'project_named', source: 'db' })!;
    expect((await docker.inspectVolume(name))?.labels[LABELS.workloadId]).toBe(made.id);
    await store.commit([on(workload, made.id, { type: 'DeleteWorkload', children: [] })], CAUSE);
    const isGone = async () => (await store.load(workload, made.id)).state.status === 'gone';
    await until(isGone, 'the workload to be torn down');
    expect(await findVolumes(store.pool, { name, limit: 2 })).toMatchObject([{ usedBy: [] }]);
    expect(await docker.inspectVolume(name)).not.toBeNull();

    const id = volumeId({ node: 'default', name });
    const command = { type: 'RequestVolumeRemoval', node: 'default', name, workloadId: made.id, usedBy: [] } as const;
    await store.commit([on(volumeRemoval, id, command)], CAUSE);
    expect(await killed.ended, killed.output()).toBe('SIGKILL');
    expect((await store.load(volumeRemoval, id)).state).toMatchObject({ status: 'asked' });
    const second = startWorker();
    await until(async () => (await store.load(volumeRemoval, id)).state.status === 'none', 'the volume to be removed');
    expect(await docker.inspectVolume(name)).toBeNull();
    expect(await findVolumes(store.pool, { name, limit: 2 })).toEqual([]);
    const { rows } = await store.pool.query('select type from log.event where stream = $1 order by version', [
      `volume-${id}`,
    ]);
    expect(rows).toEqual([{ type: 'VolumeRemovalRequested' }, { type: 'VolumeRemoved' }]);
    second.kill('SIGTERM');
    expect(await second.ended, second.output()).toBe(0);
    expect(await brokenInvariants(faults.parts)).toEqual([]);
  },
);
