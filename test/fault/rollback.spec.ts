import { afterAll, beforeAll, expect, test } from 'vitest';
import { v7 as uuid } from 'uuid';
import { requestRollback } from '#store/request-rollback';
import { prepareFaults, type FaultGround } from '../support/faults.js';
import { brokenInvariants } from '../support/invariants.js';
import { startApp } from '../support/worker-process.js';
import { finished, requestRelease } from '../support/workloads.js';

let faults: FaultGround;
beforeAll(async () => {
  faults = await prepareFaults();
});
afterAll(() => faults?.clear());

test.each(['route:before', 'route:after'])(
  'a rollback whose worker is killed at %s is finished by the next, and rolls back what served',
  { timeout: 90_000 },
  async (point) => {
    const { parts, ground, artifacts } = faults;
    const { store } = parts;
    const workload = await faults.createWorkload();
    const first = startApp('deploy-worker', ground.env);
    const good = await requestRelease(store, workload, artifacts[0]!);
    await finished(store, good);
    const bad = await requestRelease(store, workload, artifacts[1]!);
    await finished(store, bad);
    first.kill('SIGTERM');
    expect(await first.ended, first.output()).toBe(0);

    const killed = startApp('deploy-worker', { ...ground.env, FP: `${point}:kill` });
    const wanted = { id: uuid(), workloadId: workload.id, note: null, at: new Date().toISOString() };
    await requestRollback(store, wanted, { actor: 'system:test', correlationId: 'test' });
    expect(await killed.ended, killed.output()).toBe('SIGKILL');

    const second = startApp('deploy-worker', ground.env);
    expect(await finished(store, wanted.id)).toMatchObject({ status: 'succeeded', previousDeploymentId: bad });
    second.kill('SIGTERM');
    expect(await second.ended, second.output()).toBe(0);
    const { rows } = await store.pool.query(
      `select id, status, rolled_back_by as by from view.deployment where workload_id = $1 order by id`,
      [workload.id],
    );
    expect(rows).toEqual([
      { id: good, status: 'succeeded', by: null },
      { id: bad, status: 'rolled_back', by: wanted.id },
      { id: wanted.id, status: 'succeeded', by: null },
    ]);
    expect(await brokenInvariants(parts)).toEqual([]);
  },
);
