import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { workload as workloadDecider, type WorkloadState } from '#domain/workload';
import { currentRoute, routeDirectory } from '#runtime/route-files';
import { requestStart, requestStop } from '#store/run-state';
import { prepareFaults, type FaultGround } from '../support/faults.js';
import { brokenInvariants } from '../support/invariants.js';
import { until } from '../support/until.js';
import { startApp, type AppProcess } from '../support/worker-process.js';
import { finished, requestRelease, type TestWorkload } from '../support/workloads.js';

const CAUSE = { actor: 'system:test', correlationId: 'test' };

let faults: FaultGround;
beforeAll(async () => {
  faults = await prepareFaults();
});
afterAll(() => faults?.clear());

const worker = (more: Readonly<Record<string, string>> = {}): AppProcess =>
  startApp('deploy-worker', { ...faults.ground.env, ...more });

async function ended(app: AppProcess): Promise<void> {
  app.kill('SIGTERM');
  expect(await app.ended, app.output()).toBe(0);
}

async function serving(): Promise<TestWorkload> {
  const { parts, artifacts } = faults;
  const app = worker();
  const workload = await faults.createWorkload();
  expect(await finished(parts.store, await requestRelease(parts.store, workload, artifacts[0]!))).toMatchObject({
    status: 'succeeded',
  });
  await ended(app);
  return workload;
}

const reached = (workloadId: string): Promise<WorkloadState> =>
  until(async () => {
    const { state } = await faults.parts.store.load(workloadDecider, workloadId);
    return state.isRunStateReached ? state : null;
  }, 'the run state to be reached');
async function routed(workloadId: string): Promise<number> {
  const route = await currentRoute(routeDirectory(join(faults.parts.config.dataDir, 'routes'), workloadId));
  return route?.ports.length ?? 0;
}

test.each(['unroute', 'drain', 'stop'].flatMap((step) => [`${step}:before`, `${step}:after`]))(
  'a worker killed at %s of a stop leaves it to the next one',
  async (point) => {
    const { parts } = faults;
    const { id: workloadId } = await serving();
    const killed = worker({ FP: `${point}:kill` });
    await requestStop(parts.store, { workloadId, reason: null }, CAUSE);
    expect(await killed.ended, killed.output()).toBe('SIGKILL');
    const second = worker();
    expect(await reached(workloadId)).toMatchObject({ runState: 'stopped' });
    expect(await routed(workloadId)).toBe(0);
    await ended(second);
    expect(await brokenInvariants(parts)).toEqual([]);
  },
);

test.each(['start:before', 'start:after', 'wait-healthy:after', 'route:before', 'route:after'])(
  'a worker killed at %s of a start leaves it to the next one',
  async (point) => {
    const { parts } = faults;
    const { id: workloadId } = await serving();
    const first = worker();
    await requestStop(parts.store, { workloadId, reason: null }, CAUSE);
    await reached(workloadId);
    await ended(first);
    const killed = worker({ FP: `${point}:kill` });
    await requestStart(parts.store, { workloadId, reason: null }, CAUSE);
    expect(await killed.ended, killed.output()).toBe('SIGKILL');
    const second = worker();
    expect(await reached(workloadId)).toMatchObject({ runState: 'running' });
    expect(await routed(workloadId)).toBe(1);
    await ended(second);
    expect(await brokenInvariants(parts)).toEqual([]);
  },
);
