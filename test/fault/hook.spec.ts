import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { SETTINGS_ID, settings } from '#domain/settings';
import { readLog } from '#store/deployment-log';
import { on } from '#store/operation';
import { requestDeployment } from '#store/request-deployment';
import { prepareFaults, type FaultGround } from '../support/faults.js';
import { brokenInvariants } from '../support/invariants.js';
import { until } from '../support/until.js';
import { startApp, type AppProcess } from '../support/worker-process.js';
import { finished, type TestWorkload } from '../support/workloads.js';

const CAUSE = { actor: 'system:test', correlationId: 'test' };
let faults: FaultGround;
let base: string;
beforeAll(async () => {
  faults = await prepareFaults();
  base = await realpath(await mkdtemp(join(tmpdir(), 'tf-hook-')));
  const changes = { volumeBase: base };
  await faults.parts.store.commit([on(settings, SETTINGS_ID, { type: 'ChangeSettings', changes })], CAUSE);
});
afterAll(async () => {
  await faults?.clear();
  await rm(base, { recursive: true, force: true });
});

const workers: AppProcess[] = [];
/** One that a failed test left would do the work of the next one's. */
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

/** Its hook writes one line into a volume each time that it runs: what ran twice shows. */
async function request(workload: TestWorkload, script: string): Promise<string> {
  const { store } = faults.parts;
  const id = uuidv7();
  const hooks = { preDeploy: ['sh', '-c', `echo ran >> /data/ran; ${script}`] };
  const volumes = [{ scope: 'project' as const, source: 'data', target: '/data', readOnly: false }];
  const artifact = { kind: 'image', ...faults.artifacts[0]! };
  const release = { artifact, config: { ...workload.config, hooks }, faces: workload.faces, env: {}, volumes };
  const ids = { id, workloadId: workload.id, workloadName: workload.name, sourceKind: 'image', node: 'default' };
  const cause = { reason: 'manual', note: null, bindingId: null, deliveryId: null } as const;
  await requestDeployment(store, { ...ids, ...cause, release }, CAUSE);
  return id;
}
const runsOf = ({ id, name }: TestWorkload) => readFile(join(base, `${name}-${id.slice(-8)}`, 'data/ran'), 'utf8');
const linesOf = async (id: string) =>
  (await readLog(faults.parts.store.pool, id, { after: 0, limit: 500 }))
    .filter(({ step, stream }) => step === 'pre-deploy' && stream === 'stdout')
    .map(({ line }) => line);
async function endWith(second: AppProcess): Promise<void> {
  second.kill('SIGTERM');
  expect(await second.ended, second.output()).toBe(0);
  expect(await brokenInvariants(faults.parts)).toEqual([]);
}

test.each(['volumes:after', 'pre-deploy:before', 'pre-deploy:after', 'remove-hook:before', 'remove-hook:after'])(
  'a worker killed at %s leaves a hook that has run once in the end',
  { timeout: 90_000 },
  async (point) => {
    const { parts } = faults;
    const workload = await faults.createWorkload();
    const killed = startWorker({ FP: `${point}:kill` });
    const id = await request(workload, 'echo one');
    expect(await killed.ended, killed.output()).toBe('SIGKILL');
    const second = startWorker();
    expect(await finished(parts.store, id)).toMatchObject({ status: 'succeeded', failure: null });
    expect(await runsOf(workload)).toBe('ran\n');
    expect(await linesOf(id)).toEqual(['one']);
    await endWith(second);
  },
);

test(
  'a worker killed while a hook runs leaves it running; the next one waits for it',
  { timeout: 90_000 },
  async () => {
    const { parts } = faults;
    const workload = await faults.createWorkload();
    const killed = startWorker();
    const id = await request(
      workload,
      'echo first; n=0; while [ $n -lt 60 ]; do usleep 100000; n=$((n+1)); done; echo last',
    );
    await until(async () => (await linesOf(id)).includes('first'), 'the first line of the hook');
    killed.kill('SIGKILL');
    await killed.ended;
    const second = startWorker();
    expect(await finished(parts.store, id)).toMatchObject({ status: 'succeeded', failure: null });
    expect(await runsOf(workload)).toBe('ran\n');
    expect(await linesOf(id)).toEqual(['first', 'last']);
    await endWith(second);
  },
);
