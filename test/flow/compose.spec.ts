import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDocker } from '#docker/connect';
import { id8 } from '#domain/naming';
import { startApps, type Apps } from '../support/apps.js';
import { createClient, type Client, type Json } from '../support/client.js';
import { getFace, startLoad } from '../support/face-client.js';
import { buildImage, demoImage, pushImage, type DemoMode } from '../support/images.js';
import { prepareGround, type Ground } from '../support/platform.js';
import { startRegistry, type RunningRegistry } from '../support/registry.js';
import { until } from '../support/until.js';

const HOST = 'stack.example.org';
const ENDED = ['succeeded', 'failed', 'cancelled', 'superseded', 'skipped'];
const SECRET = 'canary-5d1f0c';

let ground: Ground;
let apps: Apps;
let registry: RunningRegistry;
let client: Client;

beforeAll(async () => {
  ground = await prepareGround({ TINYFORGE_PROXY: 'caddy', TINYFORGE_HTTP_PORT: '0', TINYFORGE_HTTPS_PORT: '0' });
  registry = await startRegistry();
  apps = await startApps(ground, ['all-in-one']);
  client = createClient(`http://127.0.0.1:${apps.ports['api']}`, ground.adminToken);
  await client.post('/registries', { name: 'local', host: registry.host, insecure: true });
});
afterAll(async () => {
  await apps?.stop();
  await registry?.stop();
  await ground?.clear();
});

async function push(name: string, version: string, mode: DemoMode = 'ok'): Promise<void> {
  const tag = `${registry.host}/acme/${name}:${version}`;
  await buildImage(ground.env['DOCKER_HOST']!, { tag, ...demoImage({ version: `${name} ${version}`, mode }) });
  await pushImage(ground.env['DOCKER_HOST']!, tag);
}

const yaml = (web: string, worker = 'v1') => `
services:
  web:
    image: ${registry.host}/acme/web:${web}
    restart: unless-stopped
    depends_on: [db]
    environment: [TOKEN]
  worker: &background
    image: ${registry.host}/acme/worker:${worker}
    restart: unless-stopped
    command: ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]
    healthcheck: { test: ["CMD", "true"], interval: 1s }
  db:
    <<: *background
    image: ${registry.host}/acme/db:v1
    volumes: ["data:/data"]
volumes: { data: {} }
`;

const config = (text: string) => ({
  yaml: text,
  routedService: 'web',
  port: 8080,
  healthcheck: { path: '/', deadlineSeconds: 5 },
  drainSeconds: 1,
  stopTimeoutSeconds: 2,
});

async function ended(id: string): Promise<Json> {
  return until(async () => {
    const deployment = await client.get(`/deployments/${id}`);
    const isOver = ENDED.includes(deployment.status);
    const isDone = deployment.status !== 'succeeded' || deployment.steps.every((step: Json) => step.endedAt !== null);
    return isOver && isDone ? deployment : null;
  }, `deployment ${id} to end`);
}

const deploy = async (id: string): Promise<Json> => ended((await client.post(`/workloads/${id}/deploy`)).id);
const served = async () => (await getFace({ port: apps.ports['proxy']!, host: HOST })).body;
const change = async (id: string, sourceConfig: object) => {
  const { status, body } = await client.send('PATCH', `/workloads/${id}`, { sourceConfig });
  if (status !== 200) throw new Error(JSON.stringify(body));
};
const rolesOf = async (id: string): Promise<Record<string, string>> => {
  const list = await client.get(`/workloads/${id}/containers`);
  return Object.fromEntries(list.items.map((each: Json) => [each.role, each.containerId]));
};

test(
  'a project of three services: deployed, changed, failed, rolled back, torn down',
  { timeout: 240_000 },
  async () => {
    for (const name of ['web', 'worker', 'db']) await push(name, 'v1');
    const docker = createDocker({ host: ground.env['DOCKER_HOST']! });
    const workload = await client.post('/workloads', {
      name: 'stack',
      sourceKind: 'compose',
      sourceConfig: config(yaml('v1')),
      faces: [{ host: HOST }],
      env: { TOKEN: { value: SECRET, secret: true } },
    });
    const { id } = workload;
    const project = `stack-${id8(id)}`;

    const first = await deploy(id);
    expect(first, JSON.stringify(first.error)).toMatchObject({ status: 'succeeded' });
    expect(first.steps.map((step: Json) => step.name)).toEqual([
      'config',
      'pull',
      'up',
      'start',
      'wait-healthy',
      'route',
      'retire',
      'tidy',
    ]);
    expect(await served()).toContain('web v1');
    const before = await rolesOf(id);
    expect(Object.keys(before).sort()).toEqual(['db-1', 'web-1', 'worker-1']);
    await until(async () => (await client.get(`/workloads/${id}`)).state === 'running', 'it to be seen running');

    await push('web', 'v2');
    await change(id, config(yaml('v2')));
    expect(await client.get(`/workloads/${id}/plan`)).toMatchObject({ downtime: { class: 'none' } });
    const load = startLoad({ port: apps.ports['proxy']!, host: HOST }, 8);
    const second = await deploy(id);
    const { failures, requests } = await load.end();
    expect(second, JSON.stringify(second.error)).toMatchObject({ status: 'succeeded' });
    expect(requests).toBeGreaterThan(50);
    expect(failures).toEqual([]);
    expect(await served()).toContain('web v2');
    const after = await rolesOf(id);
    expect([after['db-1'], after['worker-1']]).toEqual([before['db-1'], before['worker-1']]);

    await push('web', 'bad', 'exits');
    await push('worker', 'v2');
    await change(id, config(yaml('bad', 'v2')));
    const bad = await deploy(id);
    expect(bad).toMatchObject({ status: 'failed', error: { step: 'wait-healthy' } });
    expect(await served()).toContain('web v2');

    const back = await client.post(`/workloads/${id}/rollback`, { deploymentId: first.id });
    const rolledBack = await ended(back.id);
    expect(rolledBack, JSON.stringify(rolledBack.error)).toMatchObject({ status: 'succeeded', reason: 'rollback' });
    expect(await served()).toContain('web v1');
    expect(rolledBack.release.artifact.images).toMatchObject({
      [`${registry.host}/acme/web:v1`]: expect.stringMatching(/@sha256:/),
    });

    const web = (await rolesOf(id))['web-1']!;
    await docker.removeContainer(web);
    await until(async () => {
      const now = (await rolesOf(id))['web-1'];
      return now !== web && (await served().catch(() => '')).includes('web v1');
    }, 'the lost container to be made again');

    const everything = await client.text('/events?limit=200');
    const logs = await Promise.all([first, second, bad].map((each) => client.text(`/deployments/${each.id}/log`)));
    for (const text of [everything, ...logs, apps.output()]) expect(text).not.toContain(SECRET);

    expect((await client.send('DELETE', `/workloads/${id}`)).status).toBe(202);
    await until(async () => (await client.send('GET', `/workloads/${id}`)).status === 404, 'the workload to be gone');
    expect(await docker.listContainers([`com.docker.compose.project=${project}`])).toEqual([]);
    expect(await docker.listNetworks([`com.docker.compose.project=${project}`])).toEqual([]);
    expect(await docker.inspectVolume(`${project}_data`)).not.toBeNull();
    await docker.removeVolume(`${project}_data`);
  },
);
