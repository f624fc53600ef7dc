import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDocker } from '#docker/connect';
import { LABELS } from '#domain/naming';
import { startApps, type Apps } from '../support/apps.js';
import { createClient, type Client, type Json } from '../support/client.js';
import { getFace, startLoad } from '../support/face-client.js';
import { buildImage, demoImage, pushImage } from '../support/images.js';
import { prepareGround, type Ground } from '../support/platform.js';
import { startRegistry, type RunningRegistry } from '../support/registry.js';
import { until } from '../support/until.js';

/** Says after `$1` s which container answers. */
const slow = (seconds: number) => `#!/bin/sh
sleep ${seconds}
echo 'Content-Type: text/plain'
echo
cat /proc/sys/kernel/hostname
`;
/** Runs once; the second time it ends at once. */
const ONCE = `if test -f /tmp/ran; then echo 'not again' >&2; exit 3; fi
echo ran > /tmp/ran
exec sh /serve.sh
`;

let ground: Ground;
let registry: RunningRegistry;
let apps: Apps;
let client: Client;
let image: string;

beforeAll(async () => {
  registry = await startRegistry();
  ground = await prepareGround({ TINYFORGE_PROXY: 'caddy', TINYFORGE_HTTP_PORT: '0', TINYFORGE_HTTPS_PORT: '0' });
  image = `${registry.host}/acme/demo`;
  for (const version of ['1.0.0', '1.1.0']) await pushed(version);
  await pushed('2.0.0', ['sh', '/once.sh']);
  apps = await startApps(ground, ['all-in-one']);
  client = createClient(`http://127.0.0.1:${apps.ports['api']}`, ground.adminToken);
  await client.post('/registries', { name: 'local', host: registry.host, insecure: true });
});
afterAll(async () => {
  await apps?.stop();
  await registry?.stop();
  await ground?.clear();
});

async function pushed(version: string, cmd?: readonly string[]): Promise<void> {
  const dockerHost = ground.env['DOCKER_HOST']!;
  const demo = demoImage({ version });
  const scripts = { '/www/cgi-bin/who': slow(0), '/www/cgi-bin/slow': slow(2), '/once.sh': ONCE };
  const spec = { ...demo, ...(cmd && { cmd }), files: { ...demo.files, ...scripts } };
  await buildImage(dockerHost, { tag: `${image}:${version}`, ...spec });
  await pushImage(dockerHost, `${image}:${version}`);
}

let made = 0;
async function serving(tag: string, more: object = {}): Promise<{ id: string; host: string }> {
  const host = `run-${++made}.example.org`;
  const sourceConfig = { image, port: 8080, drainSeconds: 1, stopTimeoutSeconds: 5, ...more };
  const { id } = await client.post('/workloads', {
    name: `run-${made}`,
    sourceKind: 'image',
    sourceConfig,
    faces: [{ host }],
  });
  expect(await deploy(id, { tag })).toMatchObject({ status: 'succeeded' });
  return { id, host };
}

async function ended(id: string): Promise<Json> {
  return until(async () => {
    const deployment = await client.get(`/deployments/${id}`);
    const isOpen = ['waiting', 'running'].includes(deployment.status);
    const owes =
      deployment.status === 'succeeded' && deployment.steps.some((step: Json) => step.status !== 'completed');
    return isOpen || owes ? null : deployment;
  }, `deployment ${id} to end`);
}
const deploy = async (id: string, wish: object): Promise<Json> =>
  ended((await client.post(`/workloads/${id}/deploy`, wish)).id as string);
const reached = (id: string): Promise<Json> =>
  until(async () => {
    const workload = await client.get(`/workloads/${id}`);
    return workload.runStateReached ? workload : null;
  }, `the run state of ${id}`);
const ask = async (id: string, verb: 'stop' | 'start'): Promise<Json> => {
  await client.post(`/workloads/${id}/${verb}`);
  return reached(id);
};
const face = (host: string, path = '/') => ({ port: apps.ports['proxy']!, host, path });
const containersOf = (id: string) =>
  createDocker({ host: ground.env['DOCKER_HOST']! }).listContainers([`${LABELS.workloadId}=${id}`]);

/** One request every 50 ms on a connection of its own; the answers in order. `sees` waits for a newer request's answer. */
function probe(host: string) {
  const seen: (number | string)[] = [];
  const open: Promise<unknown>[] = [];
  const timer = setInterval(() => {
    const at = seen.push('open') - 1;
    open.push(
      getFace(face(host)).then(
        ({ status }) => (seen[at] = status),
        (error: unknown) => (seen[at] = String(error)),
      ),
    );
  }, 50);
  return {
    sees(status: number) {
      const from = seen.length;
      return until(async () => seen.slice(from).includes(status), `a request to be answered with ${status}`);
    },
    async end() {
      clearInterval(timer);
      await Promise.all(open);
      return seen;
    },
  };
}

/** The answers with repetitions left out. */
const course = (seen: readonly unknown[]) => seen.filter((status, index) => status !== seen[index - 1]);

test('stop takes it out of service first, start routes to it once it is healthy', async () => {
  const { id, host } = await serving('1.0.0');
  const before = await containersOf(id);
  const watching = probe(host);
  const inFlight = getFace(face(host, '/cgi-bin/slow'));
  await watching.sees(200);
  expect(await ask(id, 'stop')).toMatchObject({ state: 'stopped', runState: 'stopped' });
  expect(await containersOf(id)).toMatchObject([{ id: before[0]!.id, state: 'exited' }]);
  expect(await getFace(face(host))).toMatchObject({ status: 503, headers: { 'retry-after': expect.any(String) } });
  expect(await ask(id, 'start')).toMatchObject({ state: 'running', startError: null });
  expect(await containersOf(id)).toMatchObject([{ id: before[0]!.id, state: 'running' }]);
  expect((await getFace(face(host))).body).toContain('1.0.0');
  await watching.sees(200);
  expect(course(await watching.end())).toEqual([200, 503, 200]);
  expect(await inFlight).toMatchObject({ status: 200 });
});

test('restart is another deployment of what serves, and no request fails through it', async () => {
  const { id, host } = await serving('1.0.0');
  const before = await containersOf(id);
  const watching = probe(host);
  const restarted = await ended((await client.post(`/workloads/${id}/restart`)).id as string);
  expect(restarted).toMatchObject({ status: 'succeeded', reason: 'manual', note: 'restart' });
  expect(course(await watching.end())).toEqual([200]);
  const after = await containersOf(id);
  expect(after).toHaveLength(1);
  expect(after[0]!.id).not.toBe(before[0]!.id);
});

test('a trigger never starts a stopped one; a deploy by hand does, with its new version', async () => {
  const { id, host } = await serving('1.0.0');
  const binding = await client.post(`/workloads/${id}/triggers`, { kind: 'manual', name: 'button', config: {} });
  await ask(id, 'stop');
  const fired = await client.post(`/triggers/${binding.triggerId}/fire`, { event: { kind: 'manual' } });
  const delivery = await until(async () => {
    const found = await client.get(`/deliveries/${fired.deliveryId ?? fired.id}`);
    return found.status === 'settled' ? found : null;
  }, 'the delivery to settle');
  expect(delivery).toMatchObject({ outcomes: { skipped: 1, deployed: 0 }, verdicts: [{ code: 'stopped' }] });
  expect((await getFace(face(host))).status).toBe(503);
  expect(await deploy(id, { tag: '1.1.0' })).toMatchObject({ status: 'succeeded' });
  expect(await client.get(`/workloads/${id}`)).toMatchObject({ runState: 'running', state: 'running' });
  expect((await getFace(face(host))).body).toContain('1.1.0');
});

test('what cannot be started again stays stopped and unrouted, and says why; a restart replaces it', async () => {
  const { id, host } = await serving('2.0.0');
  await ask(id, 'stop');
  const watching = probe(host);
  expect(await ask(id, 'start')).toMatchObject({
    state: 'stopped',
    runState: 'stopped',
    startError: { step: 'wait-healthy', code: 'container-exited' },
  });
  await watching.sees(503);
  expect(course(await watching.end())).toEqual([503]);
  await ended((await client.post(`/workloads/${id}/restart`)).id as string);
  expect(await client.get(`/workloads/${id}`)).toMatchObject({ state: 'running', startError: null });
  expect((await getFace(face(host))).status).toBe(200);
});

test('one whose containers were removed while it was stopped is deployed again', async () => {
  const { id, host } = await serving('1.0.0');
  await ask(id, 'stop');
  const [container] = await containersOf(id);
  await createDocker({ host: ground.env['DOCKER_HOST']! }).removeContainer(container!.id);
  await client.post(`/workloads/${id}/start`);
  await until(async () => (await getFace(face(host))).status === 200, 'the face to serve again');
  expect((await client.get(`/workloads/${id}/deployments`)).items[0]).toMatchObject({
    note: 'start',
    reason: 'manual',
  });
});

test('a stop during a deployment ends it undone, and stops what served', async () => {
  const { id, host } = await serving('1.0.0');
  const never = { image, port: 8080, stopTimeoutSeconds: 5, healthcheck: { path: '/nowhere', deadlineSeconds: 120 } };
  await client.send('PATCH', `/workloads/${id}`, { sourceConfig: never });
  const { id: deploymentId } = await client.post(`/workloads/${id}/deploy`, { tag: '1.1.0' });
  await until(async () => {
    const { steps } = await client.get(`/deployments/${deploymentId}`);
    return steps.some((step: Json) => step.name === 'wait-healthy' && step.status === 'running');
  }, 'the container to be awaited');
  expect(await ask(id, 'stop')).toMatchObject({ runState: 'stopped', state: 'stopped' });
  expect(await ended(deploymentId as string)).toMatchObject({ status: 'cancelled' });
  expect(await containersOf(id)).toMatchObject([{ state: 'exited' }]);
  expect((await getFace(face(host))).status).toBe(503);
});

test('one that is stopped can be deleted', async () => {
  const { id } = await serving('1.0.0');
  await ask(id, 'stop');
  await client.send('DELETE', `/workloads/${id}`);
  await until(async () => (await client.send('GET', `/workloads/${id}`)).status === 404, 'it to be gone');
  expect(await containersOf(id)).toEqual([]);
});

test('a request that is under way at the switch is finished by the container that has it', async () => {
  const { id, host } = await serving('1.0.0', { drainSeconds: 3 });
  const asked = getFace(face(host, '/cgi-bin/slow'));
  const [old] = await containersOf(id);
  expect(await deploy(id, { tag: '1.1.0' })).toMatchObject({ status: 'succeeded' });
  const answer = await asked;
  expect(answer.status).toBe(200);
  expect(old!.id.startsWith(answer.body.trim())).toBe(true);
});

test('every instance of a release answers, and none of the requests fails when there are more or fewer', async () => {
  const { id, host } = await serving('1.0.0', { maxInstances: 2 });
  // Another number of instances is another configuration of the proxy.
  const load = startLoad(face(host, '/cgi-bin/who'), 4, { asksAgain: true });
  for (const maxInstances of [4, 1, 3]) {
    const sourceConfig = { image, port: 8080, drainSeconds: 1, stopTimeoutSeconds: 5, maxInstances };
    expect((await client.send('PATCH', `/workloads/${id}`, { sourceConfig })).status).toBe(200);
    expect(await deploy(id, { tag: '1.0.0' })).toMatchObject({ status: 'succeeded' });
    const names = (await containersOf(id)).map((container) => container.id.slice(0, 12)).sort();
    expect(names).toHaveLength(maxInstances);
    const answering = new Set<string>();
    await until(async () => {
      answering.add((await getFace(face(host, '/cgi-bin/who'))).body.trim());
      return answering.size === maxInstances;
    }, `all ${maxInstances} to answer`);
    expect([...answering].sort()).toEqual(names);
  }
  const { requests, failures } = await load.end();
  expect(requests).toBeGreaterThan(50);
  expect(failures).toEqual([]);
});
