import { v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createDocker } from '#docker/connect';
import { LABELS } from '#domain/naming';
import { DEFAULT_POLICY, workload } from '#domain/workload';
import { onNew } from '#store/operation';
import { requestDeployment } from '#store/request-deployment';
import { prepareFaults, type FaultGround } from '../support/faults.js';
import { brokenLog } from '../support/log-invariants.js';
import { startApp, type AppProcess } from '../support/worker-process.js';
import { finished } from '../support/workloads.js';

const CAUSE = { actor: 'system:test', correlationId: 'test' };
let faults: FaultGround;
beforeAll(async () => (faults = await prepareFaults()));
afterAll(() => faults?.clear());

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

interface Project {
  readonly id: string;
  readonly name: string;
}

async function createProject(): Promise<Project> {
  const id = uuidv7();
  const name = `p-${uuidv7().slice(-8)}`;
  const settings = { title: null, stage: null, sourceConfig: configOf(0), parentId: null, policy: DEFAULT_POLICY };
  const kinds = { sourceKind: 'compose', node: 'default' } as const;
  await faults.parts.store.commit(
    [onNew(workload, id, { type: 'CreateWorkload', id, name, ...kinds, faces: FACES(name), settings })],
    CAUSE,
  );
  return { id, name };
}
const FACES = (name: string) => [{ host: `${name}.test`, path: '/', port: null }];

function configOf(version: number) {
  const image = (at: number) => `${faults.artifacts[at]!.repository}:${faults.artifacts[at]!.tag}`;
  const idle = ['sh', '-c', 'trap "exit 0" TERM; sleep 1000 & wait'];
  const healthcheck = { test: ['CMD', 'true'], interval: '1s' };
  const web = { image: image(version), restart: 'always' };
  const db = { image: image(0), restart: 'always', command: idle, healthcheck };
  return {
    yaml: JSON.stringify({ services: { web, db } }),
    routedService: 'web',
    port: 8080,
    healthcheck: { path: '/' },
    drainSeconds: 0,
    stopTimeoutSeconds: 1,
  };
}

async function request({ id: workloadId, name: workloadName }: Project, version: number): Promise<string> {
  const id = uuidv7();
  const { repository } = faults.artifacts[0]!;
  const artifact = { kind: 'compose', repository, tag: null, digest: `sha256:${String(version).repeat(64)}` };
  const release = { artifact, config: configOf(version), faces: FACES(workloadName), env: {} };
  const ids = { id, workloadId, workloadName, sourceKind: 'compose', node: 'default' };
  const cause = { reason: 'manual', note: null, bindingId: null, deliveryId: null } as const;
  await requestDeployment(faults.parts.store, { ...ids, ...cause, release }, CAUSE);
  return id;
}

async function servicesOf({ id }: Project) {
  const docker = createDocker({ host: faults.ground.env['DOCKER_HOST']! });
  const found = await docker.listContainers([`${LABELS.workloadId}=${id}`]);
  return found.map(({ labels, state }) => [labels['com.docker.compose.service'], labels[LABELS.deploymentId], state]);
}

test.each(['config:after', 'up:after', 'start:after', 'route:after'])(
  'a worker killed at %s leaves a project that the next one brings to its end',
  { timeout: 120_000 },
  async (point) => {
    const { store, databaseUrl } = faults.parts;
    const project = await createProject();
    const steady = startWorker();
    const first = await request(project, 0);
    expect(await finished(store, first)).toMatchObject({ status: 'succeeded', failure: null });
    steady.kill('SIGTERM');
    expect(await steady.ended).toBe(0);
    const killed = startWorker({ FP: `${point}:kill` });
    const id = await request(project, 1);
    expect(await killed.ended, killed.output()).toBe('SIGKILL');
    const second = startWorker();
    expect(await finished(store, id)).toMatchObject({ status: 'succeeded', failure: null });
    expect((await servicesOf(project)).sort()).toEqual([
      ['db', first, 'running'],
      ['web', id, 'running'],
    ]);
    second.kill('SIGTERM');
    expect(await second.ended, second.output()).toBe(0);
    expect(await brokenLog(store.pool, databaseUrl)).toEqual([]);
  },
);
