import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDocker } from '#docker/connect';
import type { Docker } from '#docker/docker';
import { LABELS } from '#domain/naming';
import { startApps, type Apps } from '../support/apps.js';
import { createClient, type Client, type Json } from '../support/client.js';
import { unique } from '../support/docker-bench.js';
import { engineJson } from '../support/engine-call.js';
import { tagAsForeign } from '../support/foreign-image.js';
import { buildImage, demoImage, pushImage, removeImage, type ImageSpec } from '../support/images.js';
import { prepareGround, type Ground } from '../support/platform.js';
import { startRegistry, type RunningRegistry } from '../support/registry.js';
import { until } from '../support/until.js';

let ground: Ground;
let apps: Apps;
let client: Client;
let docker: Docker;
let dockerHost: string;
let registry: RunningRegistry;
let image: string;
let base: string;
const built: string[] = [];

beforeAll(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'tf-base-')));
  registry = await startRegistry();
  ground = await prepareGround();
  dockerHost = ground.env['DOCKER_HOST']!;
  docker = createDocker({ host: dockerHost });
  image = `${registry.host}/acme/source`;
  for (const tag of ['1.0.0', '1.1.0']) await push(tag, demoImage({ version: tag }));
  apps = await startApps(ground, ['all-in-one']);
  client = createClient(`http://127.0.0.1:${apps.ports['api']}`, ground.adminToken);
  await client.post('/registries', { name: 'local', host: registry.host, insecure: true });
  expect((await client.send('PATCH', '/settings', { volumeBase: base })).status).toBe(200);
});
afterAll(async () => {
  await apps?.stop();
  await registry?.stop();
  await ground?.clear();
  for (const tag of built) await removeImage(dockerHost, tag);
  await rm(base, { recursive: true, force: true });
});

async function build(tag: string, spec: Omit<ImageSpec, 'tag'>): Promise<string> {
  built.push(tag);
  return await buildImage(dockerHost, { tag, ...spec });
}
async function push(tag: string, spec: Omit<ImageSpec, 'tag'>): Promise<void> {
  await build(`${image}:${tag}`, spec);
  await pushImage(dockerHost, `${image}:${tag}`);
}
function create(config: object = {}, more: object = {}): Promise<Json> {
  const sourceConfig = { image, port: 8080, drainSeconds: 0, stopTimeoutSeconds: 1, ...config };
  return client.post('/workloads', { name: unique('source'), sourceKind: 'image', sourceConfig, ...more });
}
async function deploy({ id }: Json, wish: object = { tag: '1.0.0' }, path = 'deploy'): Promise<Json> {
  const { id: deploymentId } = await client.post(`/workloads/${id}/${path}`, wish);
  return await until(async () => {
    const detail = await client.get(`/deployments/${deploymentId}`);
    const isOver = detail.status !== 'succeeded' || detail.steps.every(({ status }: Json) => status === 'completed');
    return !['waiting', 'running'].includes(detail.status) && isOver ? detail : null;
  }, `deployment ${deploymentId} to end`);
}
async function deployWell(workload: Json, wish?: object, path?: string): Promise<Json> {
  const detail = await deploy(workload, wish, path);
  expect(detail, JSON.stringify(detail.error)).toMatchObject({ status: 'succeeded' });
  return detail;
}
const containersOf = ({ id }: Json) => docker.listContainers([`${LABELS.workloadId}=${id}`]);
async function inspected(workload: Json): Promise<Json> {
  const [container, ...more] = await containersOf(workload);
  expect(more).toEqual([]);
  return await engineJson(dockerHost, { path: `/containers/${container!.id}/json` });
}
const logOf = async ({ id }: Json) => await client.text(`/deployments/${id}/log?follow=false`);
const healthDeadline = (deadlineSeconds: number) => ({ healthcheck: { path: null, deadlineSeconds } });

describe('an image for another platform', () => {
  test('is refused before anything of it runs; the old one goes on serving', async () => {
    const foreign = process.arch === 'arm64' ? 'amd64' : 'arm64';
    const [host, ...path] = image.split('/');
    const repository = path.join('/');
    const digest = await tagAsForeign(
      { host: host!, repository },
      { from: '1.1.0', to: 'foreign', architecture: foreign },
    );
    const workload = await create();
    const first = await deployWell(workload);
    const refused = await deploy(workload, { tag: 'foreign' });
    built.push(`${image}@${digest}`);
    expect(refused).toMatchObject({
      status: 'failed',
      release: { artifact: { digest } },
      error: {
        step: 'pull',
        code: 'wrong-platform',
        class: 'permanent',
        message: expect.stringContaining(`linux/${foreign}`),
      },
    });
    expect((await containersOf(workload)).map(({ labels }) => labels[LABELS.deploymentId])).toEqual([first.id]);
    expect(await client.get(`/workloads/${workload.id}`)).toMatchObject({
      state: 'running',
      currentDeploymentId: first.id,
    });
  });
});

describe('limits', () => {
  test('of processor and memory are the container’s, and go when they are taken back', async () => {
    const workload = await create({ cpuLimit: 0.25, memoryLimit: 48 });
    await deployWell(workload);
    const MIB = 1024 * 1024;
    expect((await inspected(workload)).HostConfig).toMatchObject({
      NanoCpus: 250_000_000,
      Memory: 48 * MIB,
      MemorySwap: 48 * MIB,
    });
    const sourceConfig = { ...workload.sourceConfig, cpuLimit: null, memoryLimit: null };
    await client.send('PATCH', `/workloads/${workload.id}`, { sourceConfig });
    await deployWell(workload);
    expect((await inspected(workload)).HostConfig).toMatchObject({ NanoCpus: 0, Memory: 0 });
  });
});

describe('without a path to ask', () => {
  const checked = (test: readonly string[], tag: string) => ({
    ...demoImage({ version: tag }),
    healthcheck: { test, intervalMs: 500, retries: 2 },
  });

  test('the HEALTHCHECK of the image is the gate: healthy is switched to, unhealthy never', async () => {
    await push('2.0.0', checked(['test', '-f', '/www/index.html'], '2.0.0'));
    await push('2.1.0', checked(['false'], '2.1.0'));
    const workload = await create(healthDeadline(5));
    const good = await deployWell(workload, { tag: '2.0.0' });
    expect((await inspected(workload)).State.Health.Status).toBe('healthy');
    const bad = await deploy(workload, { tag: '2.1.0' });
    expect(bad).toMatchObject({
      status: 'failed',
      error: { step: 'wait-healthy', code: 'not-healthy', message: expect.stringContaining('HEALTHCHECK') },
    });
    expect((await containersOf(workload)).map(({ labels }) => labels[LABELS.deploymentId])).toEqual([good.id]);
  });

  test('ten seconds without a restart are, where the image has none', async () => {
    const workload = await create(healthDeadline(5));
    await deployWell(workload);
    const { StartedAt, Health } = (await inspected(workload)).State;
    expect(Health).toBeUndefined();
    const { currentDeploymentId } = await client.get(`/workloads/${workload.id}`);
    const { steps } = await client.get(`/deployments/${currentDeploymentId}`);
    const { endedAt } = steps.find(({ name }: Json) => name === 'wait-healthy');
    expect(Date.parse(endedAt) - Date.parse(StartedAt)).toBeGreaterThanOrEqual(10_000);
  });

  test('one that ends within them is not healthy', async () => {
    await push('2.2.0', {
      ...demoImage({ version: '2.2.0' }),
      cmd: ['sh', '-c', 'echo "no licence"; sleep 2; exit 4'],
    });
    const workload = await create(healthDeadline(5));
    const failed = await deploy(workload, { tag: '2.2.0' });
    expect(failed).toMatchObject({
      status: 'failed',
      error: {
        step: 'wait-healthy',
        code: 'container-exited',
        message: expect.stringMatching(/exited with code 4|ended and was restarted/),
      },
    });
    expect(await logOf(failed)).toContain('no licence');
    expect(await containersOf(workload)).toEqual([]);
  });
});

describe('an image that only the host has', () => {
  test.each(['never', 'missing'] as const)('is pinned by its id with pullPolicy %s', async (pullPolicy) => {
    const name = `host-only.test/acme/${unique('local')}`;
    const old = await build(`${name}:dev`, demoImage({ version: 'old' }));
    const workload = await create({ image: name, pullPolicy });
    const first = await deployWell(workload, { tag: 'dev' });
    expect(first.release.artifact).toMatchObject({ digest: null, tag: 'dev' });
    expect((await inspected(workload)).Image).toBe(old);
    // The same name is another image by now: it is what a deploy brings up, and not what comes back.
    const next = await build(`${name}:dev`, demoImage({ version: 'new' }));
    await deployWell(workload, { tag: 'dev' });
    expect((await inspected(workload)).Image).toBe(next);
    const back = await deployWell(workload, {}, 'rollback');
    expect(back.release.artifact).toMatchObject({ localId: old });
    expect((await inspected(workload)).Image).toBe(old);
    built.push(old);
  });

  test('and the host has not, with pullPolicy never, fails and says what to do', async () => {
    const workload = await create({ image: `${registry.host}/acme/source`, pullPolicy: 'never' });
    expect(await deploy(workload, { tag: 'never-built' })).toMatchObject({
      status: 'failed',
      error: {
        step: 'pull',
        code: 'no-such-image',
        class: 'operator',
        message: expect.stringMatching(/not on this host.*(Load it|docker load)/),
      },
    });
    expect(await containersOf(workload)).toEqual([]);
  });
});

describe('a rollback', () => {
  test('brings back the volumes of the earlier release, and their data', async () => {
    const at = (source: string) => [{ scope: 'project', source, target: '/data' }];
    const hooks = { preDeploy: ['sh', '-c', 'echo "$DEMO_VERSION" >> /data/ran'] };
    const workload = await create({ hooks }, { volumes: at('one') });
    await deployWell(workload);
    expect((await client.send('PUT', `/workloads/${workload.id}/volumes`, at('two'))).status).toBe(200);
    await deployWell(workload, { tag: '1.1.0' });
    const directory = join(base, `${workload.name}-${workload.id.slice(-8)}`);
    const mounted = async () => (await inspected(workload)).Mounts.map(({ Source }: Json) => Source as string);
    expect(await mounted()).toEqual([join(directory, 'two')]);
    await deployWell(workload, {}, 'rollback');
    expect(await mounted()).toEqual([join(directory, 'one')]);
    expect(await readFile(join(directory, 'one/ran'), 'utf8')).toBe('1.0.0\n1.0.0\n');
    expect(await readFile(join(directory, 'two/ran'), 'utf8')).toBe('1.1.0\n');
    // The saved config is what somebody wants next.
    const { items } = await client.get(`/workloads/${workload.id}/volumes`);
    expect(items).toMatchObject([{ source: 'two' }]);
  });
});
