import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDocker } from '#docker/connect';
import type { Docker } from '#docker/docker';
import { LABELS, NETWORK } from '#domain/naming';
import { startApps, type Apps } from '../support/apps.js';
import { createClient, type Client, type Json } from '../support/client.js';
import { unique } from '../support/docker-bench.js';
import { getFace } from '../support/face-client.js';
import { buildImage, demoImage, pushImage, removeImage } from '../support/images.js';
import { prepareGround, type Ground } from '../support/platform.js';
import { createDatabase } from '../support/postgres.js';
import { startRegistry, type RunningRegistry } from '../support/registry.js';
import { until } from '../support/until.js';
import { startApp } from '../support/worker-process.js';

const PROXY = { TINYFORGE_PROXY: 'caddy', TINYFORGE_HTTP_PORT: '0', TINYFORGE_HTTPS_PORT: '0' };
const POLICY = { drift: 'heal', watchWindow: null, onNewer: 'queue', undecryptableEnv: 'fail' };

let registry: RunningRegistry;
let ground: Ground;
let apps: Apps;
let client: Client;
let docker: Docker;
let image: string;

beforeAll(async () => {
  registry = await startRegistry();
  // The shipped pace: what is back in time is so because the engine's events say it.
  ground = await prepareGround({ ...PROXY, TINYFORGE_OBSERVE_MS: '30000' });
  const host = ground.env['DOCKER_HOST']!;
  docker = createDocker({ host });
  image = `${registry.host}/acme/demo`;
  const crashing = { ...demoImage({ version: '2.0.0' }), cmd: ['sh', '-c', 'httpd -p 8080 -h /www; sleep 4; exit 7'] };
  for (const [tag, spec] of [
    ['1.0.0', demoImage({ version: '1.0.0' })],
    ['2.0.0', crashing],
  ] as const) {
    await buildImage(host, { tag: `${image}:${tag}`, ...spec });
    await pushImage(host, `${image}:${tag}`);
  }
  apps = await startApps(ground, ['all-in-one']);
  client = createClient(`http://127.0.0.1:${apps.ports['api']}`, ground.adminToken);
  await client.post('/registries', { name: 'local', host: registry.host, insecure: true });
});
afterAll(async () => {
  await apps?.stop();
  for (const tag of ['1.0.0', '2.0.0']) await removeImage(ground.env['DOCKER_HOST']!, `${image}:${tag}`);
  await registry?.stop();
  await ground?.clear();
});

async function place(policy: object = {}): Promise<{ id: string; face: string }> {
  const name = unique('drift');
  const face = `${name}.example.org`;
  const sourceConfig = { image, port: 8080, drainSeconds: 0, stopTimeoutSeconds: 1 };
  const body = { name, sourceKind: 'image', sourceConfig, faces: [{ host: face }], policy: { ...POLICY, ...policy } };
  const { id } = await client.post('/workloads', body);
  await deploy(id as string, '1.0.0');
  return { id: id as string, face };
}

async function deploy(workloadId: string, tag: string): Promise<void> {
  const { id } = await client.post(`/workloads/${workloadId}/deploy`, { tag });
  const ended = await until(async () => {
    const deployment = await client.get(`/deployments/${id}`);
    return ['waiting', 'running'].includes(deployment.status) ? null : deployment;
  }, `the deploy of ${tag} to end`);
  expect(ended, JSON.stringify(ended.error)).toMatchObject({ status: 'succeeded' });
}

const containersOf = (workloadId: string) => docker.listContainers([`${LABELS.workloadId}=${workloadId}`]);
const bodyOf = async (host: string, port = apps.ports['proxy']!) => (await getFace({ port, host })).body;

test('what somebody removed by hand is back, routed, and the history says why', async () => {
  const { id, face } = await place();
  const [before] = await containersOf(id);
  await docker.removeContainer(before!.id);
  const drift = await until(
    async () => {
      const answer = await client.get(`/workloads/${id}/drift`);
      return answer.lastHealed === null ? null : answer;
    },
    'the drift to be healed',
    30_000,
  );
  expect(drift).toMatchObject({
    state: 'in-sync',
    findings: [],
    lastHealed: { healedBy: drift.healing.deploymentId, findings: [{ kind: 'missing', container: before!.name }] },
  });
  expect(await bodyOf(face)).toContain('1.0.0');
  expect(await client.get(`/deployments/${drift.healing.deploymentId}`)).toMatchObject({ reason: 'drift' });
  const { items } = await client.get(`/workloads/${id}/history`);
  const types = items.map(({ type }: Json) => type as string);
  expect(types.indexOf('DriftHealed')).toBeLessThan(types.indexOf('DriftObserved'));
});

test('with the policy to alert it is told, and left as it is', async () => {
  const { id } = await place({ drift: 'alert' });
  const [container] = await containersOf(id);
  await docker.stopContainer(container!.id, 1);
  await until(async () => (await client.get(`/workloads/${id}/drift`)).state === 'drifted', 'the drift to be seen');
  expect(await client.get(`/workloads/${id}`)).toMatchObject({ state: 'degraded' });
  const { items } = await client.get(`/workloads/${id}/deployments`);
  expect(items.map(({ reason }: Json) => reason as string)).toEqual(['manual']);
});

test('a release that keeps restarting is rolled back once', async () => {
  const { id, face } = await place({ watchWindow: { seconds: 600, onFailure: 'rollback' } });
  await deploy(id, '2.0.0');
  await until(
    async () => (await client.get(`/workloads/${id}`)).currentArtifact.tag === '1.0.0',
    'the release before to serve',
    120_000,
  );
  expect(await bodyOf(face)).toContain('1.0.0');
  const { items } = await client.get(`/workloads/${id}/deployments`);
  expect(items.map(({ reason, status }: Json) => `${reason} ${status}`)).toEqual([
    'rollback succeeded',
    'manual rolled_back',
    'manual succeeded',
  ]);
  const history = await client.get(`/workloads/${id}/history`);
  expect(history.items.map(({ type }: Json) => type as string)).toEqual(
    expect.arrayContaining(['ContainerCrashed', 'WatchFailed', 'HoldSet']),
  );
});

test('a log that is restored elsewhere adopts what runs: nothing restarts, the route is mended, strangers stay', async () => {
  const { id, face } = await place();
  const before = await containersOf(id);
  const stranger = await run({
    [LABELS.workloadId]: id,
    [LABELS.deploymentId]: before[0]!.labels[LABELS.deploymentId]!,
    [LABELS.installation]: '0198c0de-0000-7000-8000-00000000beef',
  });
  const foreign = await run({ app: 'foreign' });
  const other = await createDatabase({ migrated: false });
  const dataDir = await mkdtemp(join(tmpdir(), 'tf-'));
  const restored = {
    ...ground,
    env: { ...ground.env, DATABASE_URL: other.url, TINYFORGE_DATA_DIR: dataDir, TINYFORGE_OBSERVE_MS: '500' },
  };
  try {
    await apps.stop();
    await copyFile(join(ground.env['TINYFORGE_DATA_DIR']!, 'master.key'), join(dataDir, 'master.key'));
    await admin(ground, ['export', join(dataDir, 'export.ndjson')]);
    await admin(restored, ['import', join(dataDir, 'export.ndjson')]);
    apps = await startApps(restored, ['all-in-one']);
    client = createClient(`http://127.0.0.1:${apps.ports['api']}`, ground.adminToken);
    await until(async () => (await bodyOf(face).catch(() => '')).includes('1.0.0'), 'the route to be mended');
    const ids = (await containersOf(id)).map((each) => each.id).sort();
    expect(ids).toEqual([before[0]!.id, stranger].sort());
    expect(await docker.inspectContainer(before[0]!.id)).toMatchObject({ running: true, restartCount: 0 });
    expect(await docker.inspectContainer(foreign)).toMatchObject({ running: true });
    const { items } = await client.get(`/workloads/${id}/deployments`);
    expect(items).toHaveLength(1);
  } finally {
    await apps.stop();
    for (const each of [stranger, foreign]) await docker.removeContainer(each);
    await other.drop();
    await rm(dataDir, { recursive: true, force: true });
  }
});

async function run(labels: Readonly<Record<string, string>>): Promise<string> {
  const plain = { env: {}, command: null, ports: [], cpuLimit: null, memoryLimit: null, restart: 'no' as const };
  const spec = { name: unique('tf-drift'), image: `${image}:1.0.0`, labels, network: NETWORK, ...plain };
  const { id } = await docker.createContainer(spec);
  await docker.startContainer(id);
  return id;
}

async function admin({ env }: Ground, args: readonly string[]): Promise<void> {
  const app = startApp('admin', env, args);
  expect(await app.ended, app.output()).toBe(0);
}
