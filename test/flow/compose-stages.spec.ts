import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApps, type Apps } from '../support/apps.js';
import { createClient, type Client, type Json } from '../support/client.js';
import { getFace } from '../support/face-client.js';
import { buildImage, demoImage, pushImage } from '../support/images.js';
import { prepareGround, type Ground } from '../support/platform.js';
import { startRegistry, type RunningRegistry } from '../support/registry.js';
import { until } from '../support/until.js';

let ground: Ground;
let apps: Apps;
let registry: RunningRegistry;
let client: Client;
let trigger: Json;

beforeAll(async () => {
  ground = await prepareGround({ TINYFORGE_PROXY: 'caddy', TINYFORGE_HTTP_PORT: '0', TINYFORGE_HTTPS_PORT: '0' });
  apps = await startApps(ground, ['all-in-one']);
  client = createClient(`http://127.0.0.1:${apps.ports['api']}`, ground.adminToken);
  const config = { select: { policy: 'semver', range: '>=1.0.0 <2.0.0' } };
  trigger = await client.post('/triggers', { kind: 'registry', name: 'pushes', config });
  const { secret } = await client.get(`/triggers/${trigger.id}/webhook`);
  const url = `http://127.0.0.1:${apps.ports['ingress']}/api/webhook/triggers/${secret}`;
  registry = await startRegistry({ notifications: { url } });
  await client.post('/registries', { name: 'local', host: registry.host, insecure: true });
});
afterAll(async () => {
  await apps?.stop();
  await registry?.stop();
  await ground?.clear();
});

async function push(name: string, tag: string, says: string): Promise<void> {
  const image = `${registry.host}/acme/${name}:${tag}`;
  await buildImage(ground.env['DOCKER_HOST']!, { tag: image, ...demoImage({ version: says }) });
  await pushImage(ground.env['DOCKER_HOST']!, image);
}

const create = (name: string, more: object = {}): Promise<Json> => {
  const idle = { command: ['sh', '-c', 'trap "exit 0" TERM; sleep 1000 & wait'], restart: 'always' };
  const healthcheck = { test: ['CMD', 'true'], interval: '1s' };
  const services = {
    web: { image: `${registry.host}/acme/web:1.0.0`, restart: 'always' },
    side: { image: `${registry.host}/acme/side:1.0.0`, ...idle, healthcheck },
  };
  const timing = { drainSeconds: 0, stopTimeoutSeconds: 1, healthcheck: { path: '/' } };
  const sourceConfig = { yaml: JSON.stringify({ services }), routedService: 'web', port: 8080, ...timing };
  return client.post('/workloads', {
    name,
    sourceKind: 'compose',
    sourceConfig,
    faces: [{ host: `${name}.test` }],
    ...more,
  });
};
const served = async (name: string) => (await getFace({ port: apps.ports['proxy']!, host: `${name}.test` })).body;

async function ended(id: string): Promise<Json> {
  const deployment = await until(async () => {
    const found = await client.get(`/deployments/${id}`);
    const isOpen = ['waiting', 'running'].includes(found.status);
    return !isOpen && found.steps.every(({ status }: Json) => status === 'completed') ? found : null;
  }, `deployment ${id} to end`);
  expect(deployment, JSON.stringify(deployment.error)).toMatchObject({ status: 'succeeded' });
  return deployment;
}

test(
  'a push makes the services of its repository new, and a stage gets what ran in the one before',
  { timeout: 180_000 },
  async () => {
    await push('web', '1.0.0', 'web one');
    await push('side', '1.0.0', 'side one');
    const dev = await create('dev');
    await ended((await client.post(`/workloads/${dev.id}/deploy`)).id);
    expect(await served('dev')).toContain('web one');
    await client.post(`/workloads/${dev.id}/triggers`, { triggerId: trigger.id });
    const before = (await client.get(`/workloads/${dev.id}/containers`)).items;

    // Its tag means something else from now on: nobody asked for it.
    await push('side', '1.0.0', 'side two');
    await push('web', '1.1.0', 'web two');
    const pushed = await until(async () => {
      const { items } = await client.get(`/workloads/${dev.id}/deployments`);
      return items.find(({ reason }: Json) => reason === 'webhook');
    }, 'the push to be deployed');
    const byWebhook = await ended(pushed.id);
    expect(byWebhook.release.artifact).toMatchObject({ repository: `${registry.host}/acme/web`, tag: '1.1.0' });
    expect(await served('dev')).toContain('web two');
    const side = (list: Json[]) => list.find(({ role }: Json) => role === 'side-1')?.containerId as string;
    expect(side((await client.get(`/workloads/${dev.id}/containers`)).items)).toBe(side(before));

    const prod = await create('prod', { parentId: dev.id });
    const promoted = await ended((await client.post(`/workloads/${prod.id}/promote-from`)).id);
    expect(await served('prod')).toContain('web two');
    const imagesOf = async (id: string) => {
      const { items } = await client.get(`/workloads/${id}/containers`);
      return items.map(({ role, imageRef }: Json) => [role, imageRef]).sort();
    };
    expect(await imagesOf(prod.id)).toEqual(await imagesOf(dev.id));
    expect(promoted.release.artifact.images).toMatchObject({ [`${registry.host}/acme/web`]: expect.any(String) });
  },
);
