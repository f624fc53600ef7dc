import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDocker } from '#docker/connect';
import { LABELS } from '#domain/naming';
import { deployment } from '#domain/deployment';
import { on } from '#store/operation';
import { prepareFaults, type FaultGround } from '../support/faults.js';
import { buildImage, demoImage, pushImage } from '../support/images.js';
import { brokenInvariants } from '../support/invariants.js';
import { until } from '../support/until.js';
import { startApp, type AppProcess } from '../support/worker-process.js';
import { finished, requestRelease, type TestWorkload } from '../support/workloads.js';

let faults: FaultGround;
/** Runs, and is never healthy. */
let ill: { repository: string; tag: string; digest: string };
beforeAll(async () => {
  faults = await prepareFaults();
  const { repository } = faults.artifacts[0]!;
  const dockerHost = faults.ground.env['DOCKER_HOST']!;
  const tag = '9.0.0';
  await buildImage(dockerHost, { tag: `${repository}:${tag}`, ...demoImage({ version: tag, mode: 'unhealthy' }) });
  ill = { repository, tag, digest: await pushImage(dockerHost, `${repository}:${tag}`) };
});
afterAll(() => faults?.clear());

const worker = (more: Readonly<Record<string, string>> = {}): AppProcess =>
  startApp('deploy-worker', { ...faults.ground.env, ...more });

async function serving(): Promise<TestWorkload> {
  const { parts, artifacts } = faults;
  const workload = await faults.createWorkload();
  expect(await finished(parts.store, await requestRelease(parts.store, workload, artifacts[0]!))).toMatchObject({
    status: 'succeeded',
  });
  return workload;
}

const atStep = (id: string, step: string) =>
  until(async () => (await faults.parts.store.load(deployment, id)).state.current === step, `step ${step}`);
const cancel = (id: string) =>
  faults.parts.store.commit([on(deployment, id, { type: 'RequestCancel', message: 'not this one' })], {
    actor: 'system:test',
    correlationId: 'test',
  });

async function containersOf(workloadId: string) {
  const docker = createDocker({ host: faults.ground.env['DOCKER_HOST']! });
  return docker.listContainers([`${LABELS.workloadId}=${workloadId}`]);
}

async function ended(app: AppProcess): Promise<void> {
  app.kill('SIGTERM');
  expect(await app.ended, app.output()).toBe(0);
}

test('a cancel while a container is awaited to be healthy removes it; the old one serves on', async () => {
  const app = worker();
  const workload = await serving();
  const id = await requestRelease(faults.parts.store, workload, ill);
  await atStep(id, 'wait-healthy');
  expect(await containersOf(workload.id)).toHaveLength(2);
  await cancel(id);
  expect(await finished(faults.parts.store, id, 30_000)).toMatchObject({ status: 'cancelled', failure: null });
  expect(await containersOf(workload.id)).toMatchObject([{ state: 'running' }]);
  await ended(app);
  expect(await brokenInvariants(faults.parts)).toEqual([]);
});

test('a cancel while an image is pulled ends the pull', async () => {
  const silent = await silentRegistry();
  const app = worker();
  const workload = await serving();
  const digest = `sha256:${'5'.repeat(64)}`;
  const host = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const id = await requestRelease(faults.parts.store, workload, { repository: `${host}/acme/slow`, tag: '1', digest });
  await atStep(id, 'pull');
  await cancel(id);
  expect(await finished(faults.parts.store, id, 30_000)).toMatchObject({ status: 'cancelled', completed: [] });
  await ended(app);
  silent.closeAllConnections();
  silent.close();
  expect(await brokenInvariants(faults.parts)).toEqual([]);
});

test('a cancel outlives the SIGKILL of its worker: the next one undoes and ends it', async () => {
  const first = worker();
  const workload = await serving();
  await ended(first);
  const killed = worker();
  const id = await requestRelease(faults.parts.store, workload, ill);
  await atStep(id, 'wait-healthy');
  await cancel(id);
  killed.kill('SIGKILL');
  await killed.ended;
  const second = worker();
  const state = await finished(faults.parts.store, id, 30_000);
  expect(state).toMatchObject({ status: 'cancelled', failure: null });
  expect(state.completed).not.toContain('wait-healthy');
  expect(await containersOf(workload.id)).toMatchObject([{ state: 'running' }]);
  await ended(second);
  expect(await brokenInvariants(faults.parts)).toEqual([]);
});

test('a worker killed in the midst of the undo leaves it to the next one', async () => {
  const first = worker();
  const workload = await serving();
  await ended(first);
  const killed = worker({ FP: 'undo:before:kill' });
  const id = await requestRelease(faults.parts.store, workload, ill);
  await atStep(id, 'wait-healthy');
  await cancel(id);
  expect(await killed.ended, killed.output()).toBe('SIGKILL');
  const second = worker();
  expect(await finished(faults.parts.store, id, 30_000)).toMatchObject({ status: 'cancelled' });
  expect(await containersOf(workload.id)).toMatchObject([{ state: 'running' }]);
  await ended(second);
  expect(await brokenInvariants(faults.parts)).toEqual([]);
});

/** Takes the connection, and never says which layers there are. */
async function silentRegistry(): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.url === '/v2/')
      response.writeHead(200, { 'docker-distribution-api-version': 'registry/2.0' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
