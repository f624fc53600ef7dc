import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDocker } from '#docker/connect';
import { LABELS } from '#domain/naming';
import { readLog } from '#store/deployment-log';
import { prepareFaults, type FaultGround } from '../support/faults.js';
import { brokenInvariants } from '../support/invariants.js';
import { runQuery } from '../support/query.js';
import { startApp } from '../support/worker-process.js';
import { finished, requestRelease, type TestWorkload } from '../support/workloads.js';

let faults: FaultGround;
beforeAll(async () => {
  faults = await prepareFaults();
});
afterAll(() => faults?.clear());

/** Workers one after the other, each killed where `FP` says, and the last one, which ends by itself. */
async function killWorkers(FP: string, times: number): Promise<void> {
  for (let death = 1; death <= times; death += 1) {
    const worker = startApp('deploy-worker', { ...faults.ground.env, FP });
    expect(await worker.ended, worker.output()).toBe('SIGKILL');
  }
}
async function whileWorking<T>(FP: string, work: () => Promise<T>): Promise<T> {
  const worker = startApp('deploy-worker', { ...faults.ground.env, ...(FP !== '' && { FP }) });
  try {
    return await work();
  } finally {
    worker.kill('SIGTERM');
    expect(await worker.ended, worker.output()).toBe(0);
  }
}

const release = (workload: TestWorkload, version: 0 | 1) =>
  requestRelease(faults.parts.store, workload, faults.artifacts[version]!);
const end = (id: string) => finished(faults.parts.store, id);
async function serving(): Promise<TestWorkload> {
  const workload = await faults.createWorkload();
  const id = await release(workload, 0);
  expect(await whileWorking('', () => end(id))).toMatchObject({ status: 'succeeded' });
  return workload;
}
const containersOf = ({ id }: TestWorkload) =>
  createDocker({ host: faults.ground.env['DOCKER_HOST']! }).listContainers([`${LABELS.workloadId}=${id}`]);
const errorOf = async (id: string) =>
  (
    await runQuery<{ error: object }>(
      faults.ground.env['DATABASE_URL']!,
      `select error from view.deployment where id = '${id}'`,
    )
  )[0]!.error;

test.each([
  ['claim:before', 'claim', 'claim'],
  ['claim:after', 'pull', 'pull'],
  ['create:after', 'create', 'create'],
])('a deployment that kills its worker at %s is given up after five', { timeout: 180_000 }, async (point, step) => {
  const workload = await serving();
  const [old] = await containersOf(workload);
  const id = await release(workload, 1);
  await killWorkers(`${point}:kill`, 5);
  await whileWorking(`${point}:kill`, () => end(id));
  expect(await errorOf(id)).toMatchObject({
    step,
    code: 'worker-crashed',
    class: 'operator',
    message: expect.stringMatching(/^5 workers ended at step .* deploy again\.$/),
  });
  const lines = (await readLog(faults.parts.store.pool, id, { after: 0, limit: 500 })).map(({ line }) => line);
  expect(lines).toContainEqual(expect.stringMatching(/^given up: worker-crashed/));
  expect(await containersOf(workload)).toMatchObject([{ id: old!.id, state: 'running' }]);
  const good = await release(workload, 1);
  expect(await whileWorking('', () => end(good))).toMatchObject({ status: 'succeeded' });
  expect(await brokenInvariants(faults.parts)).toEqual([]);
});

test(
  'one whose undo kills as well ends without it; what it left goes with the next',
  { timeout: 180_000 },
  async () => {
    const workload = await serving();
    const id = await release(workload, 1);
    const FP = 'start:after:kill,undo:before:kill';
    await killWorkers(FP, 6);
    await whileWorking(FP, () => end(id));
    expect(await errorOf(id)).toMatchObject({ step: 'start', code: 'worker-crashed' });
    expect(await containersOf(workload)).toHaveLength(2);
    const good = await release(workload, 1);
    expect(await whileWorking('', () => end(good))).toMatchObject({ status: 'succeeded' });
    expect(await containersOf(workload)).toHaveLength(1);
    expect(await brokenInvariants(faults.parts)).toEqual([]);
  },
);

test('after the switch it has succeeded, and the clean-up is given up', { timeout: 180_000 }, async () => {
  const workload = await serving();
  const id = await release(workload, 1);
  await killWorkers('retire:before:kill', 5);
  expect(await whileWorking('retire:before:kill', () => end(id))).toMatchObject({
    status: 'succeeded',
    failure: { step: 'retire', code: 'worker-crashed' },
  });
  const good = await release(workload, 0);
  expect(await whileWorking('', () => end(good))).toMatchObject({ status: 'succeeded' });
  expect(await brokenInvariants(faults.parts)).toEqual([]);
});
