import { afterAll, beforeAll, expect, test } from 'vitest';
import { deployment } from '#domain/deployment';
import { prepareFaults, type FaultGround } from '../support/faults.js';
import { brokenInvariants } from '../support/invariants.js';
import { until } from '../support/until.js';
import { startApp } from '../support/worker-process.js';
import { finished, requestRelease } from '../support/workloads.js';

let faults: FaultGround;
beforeAll(async () => {
  faults = await prepareFaults();
});
afterAll(() => faults?.clear());

async function currentStep(deploymentId: string, step: string): Promise<void> {
  await until(
    async () => (await faults.parts.store.load(deployment, deploymentId)).state.current === step,
    `step ${step}`,
  );
}

test('a worker asked to end stops at the next step boundary, lets go, and another one goes on', async () => {
  const { parts, ground, artifacts } = faults;
  const workload = await faults.createWorkload();
  const first = startApp('deploy-worker', { ...ground.env, FP: 'start:before:delay' });
  const id = await requestRelease(parts.store, workload, artifacts[0]!);
  await currentStep(id, 'start');
  first.kill('SIGTERM');
  expect(await first.ended, first.output()).toBe(0);
  const { state } = await parts.store.load(deployment, id);
  expect(state).toMatchObject({ status: 'running', current: 'wait-healthy', failure: null });
  expect(await parts.store.leases.peek(`workload-${workload.id}`)).toMatchObject({ isHeld: false });

  const second = startApp('deploy-worker', ground.env);
  expect(await finished(parts.store, id)).toMatchObject({ status: 'succeeded' });
  second.kill('SIGTERM');
  expect(await second.ended, second.output()).toBe(0);
  expect(await brokenInvariants(parts)).toEqual([]);
});

test.each(['create:after', 'route:before', 'route:after', 'drain:before'])(
  'a worker paused at %s past its lease does nothing more when it wakes',
  { timeout: 90_000 },
  async (point) => {
    const { parts, ground, artifacts } = faults;
    const workload = await faults.createWorkload();
    const first = startApp('deploy-worker', ground.env);
    expect(await finished(parts.store, await requestRelease(parts.store, workload, artifacts[0]!))).toMatchObject({
      status: 'succeeded',
    });
    first.kill('SIGTERM');
    await first.ended;

    const paused = startApp('deploy-worker', { ...ground.env, FP: `${point}:stop` });
    const id = await requestRelease(parts.store, workload, artifacts[1]!);
    await currentStep(id, point.split(':')[0]!);
    const epochBefore = await epochOf(workload.id);
    const second = startApp('deploy-worker', ground.env);
    await until(async () => (await epochOf(workload.id)) > epochBefore, 'the second worker to take over');
    paused.kill('SIGCONT');
    expect(await finished(parts.store, id)).toMatchObject({ status: 'succeeded' });
    for (const worker of [paused, second]) {
      worker.kill('SIGTERM');
      expect(await worker.ended, worker.output()).toBe(0);
    }
    expect(await brokenInvariants(parts)).toEqual([]);
  },
);

async function epochOf(workloadId: string): Promise<number> {
  return (await faults.parts.store.leases.peek(`workload-${workloadId}`)).epoch;
}
