import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDocker } from '#docker/connect';
import { LABELS } from '#domain/naming';
import { startApps, type Apps } from '../support/apps.js';
import { createClient, type Client, type Json } from '../support/client.js';
import { getFace } from '../support/face-client.js';
import { buildImage, demoImage, pushImage } from '../support/images.js';
import { prepareGround, type Ground } from '../support/platform.js';
import { runQuery } from '../support/query.js';
import { startRegistry, type RunningRegistry } from '../support/registry.js';
import { until } from '../support/until.js';

const CREDENTIAL = { username: 'puller', password: 'CANARY-registry-password-5d1f' };
const SECRET = 'CANARY-env-secret-9a3c';
const HOST = 'gone.example.org';

let ground: Ground;
let apps: Apps;
let client: Client;
let registry: RunningRegistry;
let image: string;

beforeAll(async () => {
  registry = await startRegistry({ auth: CREDENTIAL });
  ground = await prepareGround({
    TINYFORGE_PROXY: 'caddy',
    TINYFORGE_HTTP_PORT: '0',
    TINYFORGE_HTTPS_PORT: '0',
    LOG_LEVEL: 'debug',
  });
  apps = await startApps(ground, ['all-in-one']);
  client = createClient(`http://127.0.0.1:${apps.ports['api']}`, ground.adminToken);
  image = `${registry.host}/acme/private`;
  await buildImage(ground.env['DOCKER_HOST']!, { tag: `${image}:1.0.0`, ...demoImage({ version: '1.0.0' }) });
  await pushImage(ground.env['DOCKER_HOST']!, `${image}:1.0.0`, CREDENTIAL);
  await client.post('/registries', { name: 'private', host: registry.host, insecure: true, ...CREDENTIAL });
});

afterAll(async () => {
  await apps?.stop();
  await registry?.stop();
  await ground?.clear();
});

function create(): Promise<Json> {
  const sourceConfig = { image, port: 8080, drainSeconds: 0, stopTimeoutSeconds: 1 };
  const env = { GREETING: { value: 'hello' }, API_KEY: { value: SECRET, secret: true } };
  return client.post('/workloads', { name: 'gone', sourceKind: 'image', sourceConfig, faces: [{ host: HOST }], env });
}

async function deploy(workloadId: string): Promise<Json> {
  const { id } = await client.post(`/workloads/${workloadId}/deploy`, { tag: '1.0.0' });
  return until(async () => {
    const deployment = await client.get(`/deployments/${id}`);
    return ['waiting', 'running'].includes(deployment.status) ? null : deployment;
  }, 'the deployment to end');
}

test('a deleted workload leaves nothing but its history, and its name and host are free', async () => {
  const docker = createDocker({ host: ground.env['DOCKER_HOST']! });
  const workload = await create();
  expect(await deploy(workload.id)).toMatchObject({ status: 'succeeded', error: null });
  const containers = await docker.listContainers([`${LABELS.workloadId}=${workload.id}`]);
  expect(containers).toHaveLength(1);
  expect((await getFace({ port: apps.ports['proxy']!, host: HOST })).body).toContain('1.0.0');

  expect((await client.send('DELETE', `/workloads/${workload.id}`)).status).toBe(202);
  await until(
    async () => (await client.send('GET', `/workloads/${workload.id}`)).status === 404,
    'the workload to be gone',
  );
  expect(await docker.listContainers([`${LABELS.workloadId}=${workload.id}`])).toEqual([]);
  const { body } = await client.send('GET', `/events?stream=workload-${workload.id}`);
  expect(body.items.map((event: Json) => event.type)).toContain('WorkloadTornDown');

  const again = await create();
  expect(again.id).not.toBe(workload.id);
  await client.send('DELETE', `/workloads/${again.id}`);
});

test('planted secrets stand nowhere but in the container that needs them', async () => {
  const workload = await client.get('/workloads?q=gone').then(({ items }) => items[0]);
  const id = workload?.state === 'deleting' || workload === undefined ? (await recreate()).id : workload.id;
  expect(await deploy(id as string)).toMatchObject({ status: 'succeeded' });

  const found: string[] = [];
  const look = (where: string, text: string) => {
    if (/CANARY/.test(text)) found.push(where);
  };
  for (const { table, text } of await everyRow()) look(table, text);
  const docker = createDocker({ host: ground.env['DOCKER_HOST']! });
  look('labels', JSON.stringify(await docker.listContainers([`${LABELS.workloadId}=${id as string}`])));
  for (const path of [
    '/workloads',
    `/workloads/${id}`,
    `/workloads/${id}/env`,
    '/registries',
    '/events?limit=200',
    '/deployments',
    '/plugins',
    '/settings',
  ]) {
    look(path, JSON.stringify(await client.get(path)));
  }
  look('process output', apps.output());
  expect(found).toEqual([]);
});

async function recreate(): Promise<Json> {
  return until(async () => {
    const { status, body } = await client.send('POST', '/workloads', {
      name: 'gone',
      sourceKind: 'image',
      sourceConfig: { image, port: 8080, drainSeconds: 0, stopTimeoutSeconds: 1 },
      env: { API_KEY: { value: SECRET, secret: true } },
    });
    return status === 201 ? body : null;
  }, 'the name to be free');
}

/** Every row of every table as text: log, views, state, jobs. */
async function everyRow(): Promise<readonly { table: string; text: string }[]> {
  const url = ground.env['DATABASE_URL']!;
  const tables = await runQuery<{ name: string }>(
    url,
    `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
      where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`,
  );
  const dumps = [];
  for (const { name } of tables) {
    const rows = await runQuery<{ text: string }>(
      url,
      `select coalesce(string_agg(t::text, chr(10)), '') as text from ${name} t`,
    );
    dumps.push({ table: name, text: rows[0]!.text });
  }
  return dumps;
}
