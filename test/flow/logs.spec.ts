import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApps, type Apps } from '../support/apps.js';
import { createClient, type Client, type Json } from '../support/client.js';
import { buildImage, demoImage, pushImage } from '../support/images.js';
import { prepareGround, type Ground } from '../support/platform.js';
import { startRegistry, type RunningRegistry } from '../support/registry.js';
import { until } from '../support/until.js';
import { startApp, type AppProcess } from '../support/worker-process.js';

const SECRET = `s3cret-${randomBytes(8).toString('hex')}`;
/** Counts for ever, on both streams, and tells its secret first. */
const COUNTS = 'echo "token=$TOKEN"; i=0; while :; do i=$((i+1)); echo "n $i"; echo "e $i" >&2; usleep 3000; done';

let ground: Ground;
let registry: RunningRegistry;
let api: Apps;
let client: Client;
let reconcilers: AppProcess[];

beforeAll(async () => {
  ground = await prepareGround();
  registry = await startRegistry();
  const tag = `${registry.host}/acme/demo:1.0.0`;
  await buildImage(ground.env['DOCKER_HOST']!, { tag, ...demoImage({ version: '1.0.0' }) });
  await pushImage(ground.env['DOCKER_HOST']!, tag);
  api = await startApps(ground, ['api', 'deploy-worker']);
  client = createClient(`http://127.0.0.1:${api.ports['api']}`, ground.adminToken);
  await client.post('/registries', { name: 'local', host: registry.host, insecure: true });
  reconcilers = [startApp('reconciler', ground.env), startApp('reconciler', ground.env)];
});

afterAll(async () => {
  for (const app of reconcilers ?? []) app.kill('SIGKILL');
  await Promise.all((reconcilers ?? []).map(({ ended }) => ended));
  await api?.stop();
  await registry?.stop();
  await ground?.clear();
});

async function deploy(workloadId: string): Promise<void> {
  const { id } = await client.post(`/workloads/${workloadId}/deploy`, { tag: '1.0.0', force: true });
  const ended = await until(async () => {
    const deployment = await client.get(`/deployments/${id}`);
    return ['waiting', 'running'].includes(deployment.status) ? null : deployment;
  }, 'the deployment to end');
  expect(ended).toMatchObject({ status: 'succeeded', error: null });
}

async function linesOf(workloadId: string, query = ''): Promise<Json[]> {
  const text = await client.text(`/workloads/${workloadId}/logs?tail=100000${query}`, {
    accept: 'application/x-ndjson',
  });
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Json => JSON.parse(line));
}

/** Once a line at or beyond this number of the program is stored. */
const reached = (workloadId: string, n: number): Promise<Json[]> =>
  until(async () => {
    const lines = await linesOf(workloadId, '&stream=stdout');
    return lines.some(({ line }) => Number(/^n (\d+)$/.exec(line)?.[1]) >= n) && lines;
  }, `line ${n}`);

const countsOf = (lines: readonly Json[], word: string): number[] =>
  lines.flatMap(({ line }) => {
    const found = new RegExp(`^${word} (\\d+)$`).exec(line as string);
    return found === null ? [] : [Number(found[1])];
  });

test('what containers say is stored once, whoever leads, without its secrets, and outlives them', async () => {
  const sourceConfig = {
    image: `${registry.host}/acme/demo`,
    healthcheck: null,
    command: ['sh', '-c', COUNTS],
    drainSeconds: 0,
    stopTimeoutSeconds: 0,
  };
  const env = { TOKEN: { value: SECRET, secret: true } };
  const { id } = await client.post('/workloads', { name: 'counts', sourceKind: 'image', sourceConfig, env });
  await deploy(id as string);
  await reached(id as string, 200);
  const leader = (await client.get('/nodes/default')).leader as string;
  const pid = Number(/-(\d+)-[0-9a-f]+$/.exec(leader)![1]);
  const killed = reconcilers.find((app) => app.pid === pid)!;
  const other = reconcilers.find((app) => app !== killed)!;
  killed.kill('SIGKILL');
  const before = Math.max(...countsOf(await linesOf(id as string), 'n'));
  await reached(id as string, before + 1_500);

  const lines = await linesOf(id as string);
  for (const word of ['n', 'e']) {
    const counts = countsOf(lines, word);
    expect(counts).toEqual(Array.from({ length: counts.length }, (_, index) => index + 1));
  }
  expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, index) => index + 1));
  expect(lines.filter(({ line }) => line.startsWith('token='))).toMatchObject([{ line: 'token=•••' }]);
  expect(lines[0]).toMatchObject({ instance: 1, container: expect.stringContaining('tf-counts-') });

  await deploy(id as string);
  const after = await until(async () => {
    const found = (await linesOf(id as string)).filter(({ line }) => line.startsWith('token='));
    return found.length === 2 && found;
  }, 'the second container to be heard');
  expect(new Set(after.map(({ containerId }) => containerId)).size).toBe(2);
  expect(JSON.stringify(await linesOf(id as string))).not.toContain(SECRET);

  other.kill('SIGTERM');
  expect(await other.ended, other.output()).toBe(0);
});
