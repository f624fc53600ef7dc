import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { startApps, type Apps } from '../support/apps.js';
import { createClient, type Client } from '../support/client.js';
import { startLoad } from '../support/face-client.js';
import { buildImage, demoImage, pushImage } from '../support/images.js';
import { prepareGround, type Ground } from '../support/platform.js';
import { startRegistry, type RunningRegistry } from '../support/registry.js';
import { tickerImage } from '../support/ticker-image.js';
import { until } from '../support/until.js';

/** Blue-green deploys in all, over the workloads at once. */
const DEPLOYS = Number(process.env['LOAD_DEPLOYS'] ?? '100');
const WORKLOADS = 4;
const CONNECTIONS = 16;

let ground: Ground;
let apps: Apps;
let client: Client;
let registry: RunningRegistry;

beforeAll(async () => {
  registry = await startRegistry();
  ground = await prepareGround({ TINYFORGE_PROXY: 'caddy', TINYFORGE_HTTP_PORT: '0', TINYFORGE_HTTPS_PORT: '0' });
  const dockerHost = ground.env['DOCKER_HOST']!;
  const images = { a: demoImage({ version: 'a' }), b: demoImage({ version: 'b' }), ticker: tickerImage() };
  for (const [tag, image] of Object.entries(images)) {
    await buildImage(dockerHost, { tag: `${registry.host}/acme/load:${tag}`, ...image });
    await pushImage(dockerHost, `${registry.host}/acme/load:${tag}`);
  }
  apps = await startApps(ground, ['all-in-one']);
  client = createClient(`http://127.0.0.1:${apps.ports['api']}`, ground.adminToken);
  await client.post('/registries', { name: 'local', host: registry.host, insecure: true });
});

afterAll(async () => {
  await apps?.stop();
  await registry?.stop();
  await ground?.clear();
});

test(`${DEPLOYS} deploys under load fail no request and cut no socket of another`, { timeout: 600_000 }, async () => {
  const hosts = Array.from({ length: WORKLOADS }, (_, index) => `load${index}.test`);
  const ids = await Promise.all(hosts.map((host) => create(host)));
  await Promise.all(ids.map((id) => deploy(id, 'a')));
  await deploy(await create('ticks.test'), 'ticker');
  const socket = follow('ticks.test');
  await socket.ticked;
  const port = apps.ports['proxy']!;
  const loads = hosts.map((host) => startLoad({ port, host }, CONNECTIONS / WORKLOADS));

  await Promise.all(
    ids.map(async (id) => {
      for (let count = 0; count < DEPLOYS / WORKLOADS; count += 1) await deploy(id, count % 2 === 0 ? 'b' : 'a');
    }),
  );

  const ends = await Promise.all(loads.map((load) => load.end()));
  const requests = ends.reduce((sum, end) => sum + end.requests, 0);
  console.log(`${DEPLOYS} deploys, ${requests} requests over ${CONNECTIONS} connections, ${socket.count()} ticks`);
  expect(ends.flatMap(({ failures }) => failures)).toEqual([]);
  for (const { bodies } of ends) expect([...bodies].map((body) => body.trim()).sort()).toEqual(['a', 'b']);
  expect(socket.isCut()).toBe(false);
  socket.end();
});

async function create(host: string): Promise<string> {
  const sourceConfig = { image: `${registry.host}/acme/load`, port: 8080, drainSeconds: 1, stopTimeoutSeconds: 1 };
  const body = { name: host.replace('.test', ''), sourceKind: 'image', sourceConfig, faces: [{ host }] };
  return (await client.post('/workloads', body)).id as string;
}

async function deploy(workloadId: string, tag: string): Promise<void> {
  const { id } = await client.post(`/workloads/${workloadId}/deploy`, { tag });
  const ended = await until(async () => {
    const deployment = await client.get(`/deployments/${id}`);
    return ['waiting', 'running'].includes(deployment.status) ? null : deployment;
  }, `the deploy of ${tag} to end`);
  expect(ended, JSON.stringify(ended.error)).toMatchObject({ status: 'succeeded' });
}

/** A WebSocket through the proxy that is told something every 200 ms. */
function follow(host: string) {
  const socket = new WebSocket(`ws://127.0.0.1:${apps.ports['proxy']}/`, { headers: { host } });
  let ticks = 0;
  let isCut = false;
  const first = Promise.withResolvers<void>();
  socket.on('message', () => {
    ticks += 1;
    first.resolve();
  });
  socket.on('error', first.reject);
  socket.on('close', () => (isCut = true));
  return { ticked: first.promise, count: () => ticks, isCut: () => isCut, end: () => socket.terminate() };
}
