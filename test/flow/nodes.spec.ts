import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApps, type Apps } from '../support/apps.js';
import { createClient, type Client, type Json } from '../support/client.js';
import { buildImage, demoImage, pushImage } from '../support/images.js';
import { prepareGround, type Ground } from '../support/platform.js';
import { runQuery } from '../support/query.js';
import { startRegistry, type RunningRegistry } from '../support/registry.js';
import { until } from '../support/until.js';
import { startApp, type AppProcess } from '../support/worker-process.js';

const NODES = ['default', 'berlin'] as const;
const PER_NODE = 2;

let ground: Ground;
let berlinDir: string;
let registry: RunningRegistry;
let api: Apps;
let client: Client;
const processes = new Map<string, AppProcess[]>();

beforeAll(async () => {
  ground = await prepareGround({ TINYFORGE_MASTER_KEY: randomBytes(32).toString('hex') });
  berlinDir = await mkdtemp(join(tmpdir(), 'tf-berlin-'));
  registry = await startRegistry();
  const tag = `${registry.host}/acme/demo:1.0.0`;
  await buildImage(ground.env['DOCKER_HOST']!, { tag, ...demoImage({ version: '1.0.0' }) });
  await pushImage(ground.env['DOCKER_HOST']!, tag);
  api = await startApps(ground, ['api']);
  client = createClient(`http://127.0.0.1:${api.ports['api']}`, ground.adminToken);
  await client.post('/registries', { name: 'local', host: registry.host, insecure: true });
});

afterAll(async () => {
  for (const app of [...processes.values()].flat()) app.kill('SIGKILL');
  await Promise.all([...processes.values()].flat().map(({ ended }) => ended));
  await api?.stop();
  await registry?.stop();
  await ground?.clear();
  await rm(berlinDir, { recursive: true, force: true });
});

function start(node: string, app: string): AppProcess {
  const folder = node === 'berlin' ? berlinDir : ground.env['TINYFORGE_DATA_DIR']!;
  const started = startApp(app, { ...ground.env, TINYFORGE_DATA_DIR: folder, TINYFORGE_NODE: node });
  processes.set(node, [...(processes.get(node) ?? []), started]);
  return started;
}

async function createOn(node: string, index: number): Promise<string> {
  const sourceConfig = {
    image: `${registry.host}/acme/demo`,
    port: 8080,
    drainSeconds: 0,
    stopTimeoutSeconds: 1,
    defaultTag: '1.0.0',
  };
  const { id } = await client.post('/workloads', { name: `${node}-${index}`, sourceKind: 'image', sourceConfig, node });
  return id as string;
}

const nodeNamed = (name: string): Promise<Json> => client.get(`/nodes/${name}`);

async function ended(deploymentId: string): Promise<Json> {
  return until(async () => {
    const deployment = await client.get(`/deployments/${deploymentId}`);
    return ['waiting', 'running'].includes(deployment.status) ? null : deployment;
  }, `deployment ${deploymentId} to end`);
}

test('two nodes with two workers each: every step runs on the workload’s own node', async () => {
  // The node joins with its first process; without a worker its deployments wait and say so.
  start('berlin', 'reconciler');
  start('default', 'reconciler');
  await until(async () => (await client.send('GET', '/nodes/berlin')).status === 200, 'berlin to join');
  const workloads = new Map<string, string[]>();
  for (const node of NODES) {
    workloads.set(node, await Promise.all(Array.from({ length: PER_NODE }, (_, index) => createOn(node, index))));
  }
  const asked: { node: string; id: string }[] = [];
  for (const [node, ids] of workloads)
    for (const id of ids) asked.push({ node, id: (await client.post(`/workloads/${id}/deploy`)).id as string });
  for (const { id } of asked)
    expect(await client.get(`/deployments/${id}`)).toMatchObject({
      status: 'waiting',
      waitingFor: { code: 'node-unserved' },
    });

  const workers = new Map(NODES.map((node) => [node, [start(node, 'deploy-worker'), start(node, 'deploy-worker')]]));
  for (const { node, id } of asked) {
    expect(await ended(id), node).toMatchObject({ status: 'succeeded', error: null, waitingFor: null });
    const events = await runQuery<{ actor: string }>(
      ground.env['DATABASE_URL']!,
      `select distinct metadata->>'actor' as actor from log.event where stream = 'deployment-${id}' and version > 1`,
    );
    const pids = workers.get(node as (typeof NODES)[number])!.map(({ pid }) => pid);
    expect(events.length).toBeGreaterThan(0);
    for (const { actor } of events) expect(pids).toContain(Number(/-(\d+)-[0-9a-f]+$/.exec(actor)?.[1]));
  }
  for (const node of NODES) {
    expect(await nodeNamed(node)).toMatchObject({
      isSilent: false,
      isServed: true,
      leader: expect.stringContaining('reconciler@'),
      workloads: PER_NODE,
      engine: { os: 'linux' },
      processes: [{ role: 'deploy-worker' }, { role: 'deploy-worker' }, { role: 'reconciler', isLeader: true }],
    });
  }
});

test('a node that dies is silent, its workloads stay what they are, and it comes back', async () => {
  const { items } = await client.get('/workloads?limit=200');
  const there = items.find((each: Json) => each.node === 'berlin');
  // Each of them is in the hands of its own node's leader.
  await until(async () => (await client.get(`/workloads/${there.id}/drift`)).state === 'in-sync', 'it to be observed');
  for (const app of processes.get('berlin')!) app.kill('SIGKILL');
  const told = async (type: string): Promise<Json> => (await client.get(`/events?type=${type}`)).items[0];
  const silent = await until(() => told('NodeSilent'), 'the node to fall silent');
  expect(silent.data).toMatchObject({ node: 'berlin' });
  expect(await nodeNamed('berlin')).toMatchObject({ isSilent: true, isServed: false, leader: null });
  expect(await nodeNamed('default')).toMatchObject({ isSilent: false });
  expect(await client.get(`/workloads/${there.id}`)).toMatchObject({ state: 'running', nodeIsSilent: true });
  const waits = await client.post(`/workloads/${there.id}/deploy`, { force: true });
  expect(waits).toMatchObject({ status: 'waiting', waitingFor: { code: 'node-unserved' } });

  start('berlin', 'deploy-worker');
  expect(await ended(waits.id as string)).toMatchObject({ status: 'succeeded' });
  await until(() => told('NodeBack'), 'the node to be back');
  expect(await client.get(`/workloads/${there.id}`)).toMatchObject({ state: 'running', nodeIsSilent: false });
});
