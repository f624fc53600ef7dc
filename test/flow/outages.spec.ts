import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApps, type Apps } from '../support/apps.js';
import { createClient, type Client } from '../support/client.js';
import { buildImage, demoImage, pushImage } from '../support/images.js';
import { prepareGround, type Ground } from '../support/platform.js';
import { startRegistry, type RunningRegistry } from '../support/registry.js';
import { until } from '../support/until.js';

let ground: Ground;
let apps: Apps;
let client: Client;
let registry: RunningRegistry;
let workloadId: string;

beforeAll(async () => {
  registry = await startRegistry();
  ground = await prepareGround();
  apps = await startApps({ ...ground, env: { ...ground.env, DOCKER_HOST: 'unix:///nonexistent/docker.sock' } }, [
    'all-in-one',
  ]);
  client = createClient(`http://127.0.0.1:${apps.ports['api']}`, ground.adminToken);
  const image = `${registry.host}/acme/demo`;
  await buildImage(ground.env['DOCKER_HOST']!, { tag: `${image}:1.0.0`, ...demoImage({ version: '1.0.0' }) });
  await pushImage(ground.env['DOCKER_HOST']!, `${image}:1.0.0`);
  await client.post('/registries', { name: 'local', host: registry.host, insecure: true });
  workloadId = (
    await client.post('/workloads', { name: 'demo', sourceKind: 'image', sourceConfig: { image, port: 8080 } })
  ).id as string;
});

afterAll(async () => {
  await apps?.stop();
  await registry?.stop();
  await ground?.clear();
});

test('without Docker a deploy is accepted, waits, and says for what', async () => {
  const { status, body } = await client.send('POST', `/workloads/${workloadId}/deploy`, { tag: '1.0.0' });
  expect(status).toBe(202);
  const waiting = await until(async () => {
    const deployment = await client.get(`/deployments/${body.id}`);
    return deployment.retryAt ? deployment : null;
  }, 'the deployment to be put off');
  expect(waiting).toMatchObject({ status: 'waiting', error: { code: 'docker-unreachable' } });
  const ready = await fetch(`${client.url}/readyz`);
  expect(ready.status).toBe(503);
  expect(await ready.json()).toMatchObject({
    checks: expect.arrayContaining([expect.objectContaining({ name: 'docker', ok: false })]),
  });
});

test('a tag that is not there is told at once, and nothing is stored', async () => {
  const before = await client.get(`/workloads/${workloadId}/deployments`);
  const { status, body } = await client.send('POST', `/workloads/${workloadId}/deploy`, { tag: '9.9.9' });
  expect({ status, code: body.code }).toEqual({ status: 422, code: 'no-such-tag' });
  expect(await client.get(`/workloads/${workloadId}/deployments`)).toEqual(before);
});

test('a registry that is away is told at once, and nothing is stored', async () => {
  await registry.stop();
  const before = await client.get(`/workloads/${workloadId}/deployments`);
  const { status, body } = await client.send('POST', `/workloads/${workloadId}/deploy`, { tag: '1.0.0' });
  expect({ status, code: body.code }).toEqual({ status: 502, code: 'registry-unreachable' });
  expect((await client.get(`/workloads/${workloadId}/deployments`)).items.length).toBe(before.items.length);
});
