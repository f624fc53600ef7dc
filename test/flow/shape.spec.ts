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
import { buildImage, demoImage, pushImage } from '../support/images.js';
import { prepareGround, type Ground } from '../support/platform.js';
import { runQuery } from '../support/query.js';
import { startRegistry, type RunningRegistry } from '../support/registry.js';
import { until } from '../support/until.js';

let ground: Ground;
let apps: Apps;
let client: Client;
let docker: Docker;
let registry: RunningRegistry;
let image: string;
let base: string;

beforeAll(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'tf-base-')));
  registry = await startRegistry();
  ground = await prepareGround();
  apps = await startApps(ground, ['all-in-one']);
  client = createClient(`http://127.0.0.1:${apps.ports['api']}`, ground.adminToken);
  const dockerHost = ground.env['DOCKER_HOST']!;
  docker = createDocker({ host: dockerHost });
  image = `${registry.host}/acme/shape`;
  for (const version of ['1.0.0', '1.1.0']) {
    await buildImage(dockerHost, { tag: `${image}:${version}`, ...demoImage({ version }) });
    await pushImage(dockerHost, `${image}:${version}`);
  }
  await client.post('/registries', { name: 'local', host: registry.host, insecure: true });
  expect((await client.send('PATCH', '/settings', { volumeBase: base })).status).toBe(200);
});
afterAll(async () => {
  await apps?.stop();
  await registry?.stop();
  await ground?.clear();
  await rm(base, { recursive: true, force: true });
});

function create(config: object, more: object = {}): Promise<Json> {
  const sourceConfig = { image, healthcheck: null, drainSeconds: 0, stopTimeoutSeconds: 1, ...config };
  return client.post('/workloads', { name: unique('shape'), sourceKind: 'image', sourceConfig, ...more });
}
const hook = (script: string, timeout = 60) => ({
  hooks: { preDeploy: ['sh', '-c', script], preDeployTimeoutSeconds: timeout },
});
async function deploy({ id }: Json, tag = '1.0.0'): Promise<Json> {
  return ended((await client.post(`/workloads/${id}/deploy`, { tag, force: true })).id);
}
function ended(id: string): Promise<Json> {
  return until(async () => {
    const deployment = await client.get(`/deployments/${id}`);
    const isOver = deployment.steps.every((step: Json) => step.status === 'completed');
    return deployment.status === 'failed' || (deployment.status === 'succeeded' && isOver) ? deployment : null;
  }, `deployment ${id} to end`);
}
const logOf = async (id: string, follow = false): Promise<string[]> => {
  const path = `/deployments/${id}/log?follow=${follow}`;
  const text = await client.text(path, { accept: 'application/x-ndjson' });
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { line: string }).line);
};
const containersOf = ({ id }: Json) => docker.listContainers([`${LABELS.workloadId}=${id}`]);

describe('a pre-deploy hook', () => {
  test('runs once before the new version, with its variables and volumes, its output in the log', async () => {
    const volumes = [{ scope: 'project', source: 'data', target: '/data' }];
    const script = 'echo "migrating to $DEMO_VERSION with $TOKEN" | cat; echo "$DEMO_VERSION" >> /data/ran';
    const env = { TOKEN: { value: 'CANARY-hook-7f21', secret: true } };
    const workload = await create(hook(script), { volumes, env });
    for (const version of ['1.0.0', '1.1.0']) {
      const deployment = await deploy(workload, version);
      expect(deployment, JSON.stringify(deployment.error)).toMatchObject({ status: 'succeeded' });
      expect(deployment.steps.map((step: Json) => step.name)).toEqual([
        'pull',
        'volumes',
        'pre-deploy',
        'remove-hook',
        'create',
        'start',
        'wait-healthy',
        'route',
        'retire',
      ]);
      expect(await logOf(deployment.id)).toContain(`migrating to ${version} with •••`);
    }
    const directory = join(base, `${workload.name}-${workload.id.slice(-8)}`);
    expect(await readFile(join(directory, 'data/ran'), 'utf8')).toBe('1.0.0\n1.1.0\n');
    expect(await containersOf(workload)).toHaveLength(1);
    await client.send('DELETE', `/workloads/${workload.id}`);
    await until(async () => (await containersOf(workload)).length === 0, 'the containers to be gone');
    expect(await readFile(join(directory, 'data/ran'), 'utf8')).toContain('1.1.0');
  });

  test('that fails fails the deployment with its code and last lines, the old version going on', async () => {
    const workload = await create({});
    const before = await deploy(workload);
    const patched = { ...workload.sourceConfig, ...hook('echo "no such table" >&2; exit 7') };
    await client.send('PATCH', `/workloads/${workload.id}`, { sourceConfig: patched });
    const failed = await deploy(workload, '1.1.0');
    expect(failed).toMatchObject({ status: 'failed', error: { step: 'pre-deploy', code: 'hook-failed' } });
    expect(failed.error.message).toContain('exited with code 7');
    expect(failed.error.lastLines).toContain('no such table');
    const left = await containersOf(workload);
    expect(left.map(({ labels, state }) => [labels[LABELS.deploymentId], state])).toEqual([[before.id, 'running']]);
  });

  test('that hangs ends at its deadline, is removed, and its output was live', async () => {
    const workload = await create(hook('echo "waiting for a lock"; sleep 600', 2));
    const { id } = await client.post(`/workloads/${workload.id}/deploy`, { tag: '1.0.0' });
    await until(async () => (await logOf(id)).includes('waiting for a lock'), 'the output of the hook');
    expect((await client.get(`/deployments/${id}`)).status).toBe('running');
    expect(await ended(id)).toMatchObject({ status: 'failed', error: { step: 'pre-deploy', code: 'hook-timeout' } });
    expect(await containersOf(workload)).toEqual([]);
  });

  test('that is no program of the image fails at once', async () => {
    const workload = await create({ hooks: { preDeploy: ['/no/such/program'] } });
    expect(await deploy(workload)).toMatchObject({ status: 'failed', error: { step: 'pre-deploy' } });
    expect(await containersOf(workload)).toEqual([]);
  });
});

describe('volumes', () => {
  test('of every scope are in the container, and keep their data', async () => {
    const volumes = [
      { scope: 'project', source: 'data', target: '/data' },
      { scope: 'instance', source: 'cache', target: '/cache' },
      { scope: 'project_named', source: 'db', target: '/db' },
      { scope: 'ephemeral', target: '/scratch' },
      { scope: 'stage', source: 'conf', target: '/conf', readOnly: true },
    ];
    const places = 'for d in data cache db scratch conf; do test -f /$d/f && echo "kept $d" | cat; ';
    const script = `${places} echo x > /$d/f && echo "wrote $d" | cat; done; true`;
    const workload = await create(hook(script), { volumes });
    const first = await deploy(workload);
    expect(first, JSON.stringify(first.error)).toMatchObject({ status: 'succeeded' });
    const named = `tf-${workload.id.slice(-8)}-db`;
    expect((await docker.inspectVolume(named))?.labels[LABELS.workloadId]).toBe(workload.id);
    const said = async ({ id }: Json) => (await logOf(id)).filter((line) => /^(kept|wrote)/.test(line));
    expect(await said(first)).toEqual(['wrote data', 'wrote cache', 'wrote db', 'wrote scratch']);
    const again = await said(await deploy(workload));
    expect(again.filter((line) => line.startsWith('kept'))).toEqual(['kept data', 'kept cache', 'kept db']);
    const next = await said(await deploy(workload, '1.1.0'));
    expect(next.filter((line) => line.startsWith('kept'))).toEqual(['kept data', 'kept db']);
    await client.send('DELETE', `/workloads/${workload.id}`);
    await until(async () => (await containersOf(workload)).length === 0, 'the containers to be gone');
    expect(await docker.inspectVolume(named)).not.toBeNull();
    await docker.removeVolume(named);
  });

  test('that are somebody else’s fail the deployment before anything starts', async () => {
    const name = unique('tf-foreign');
    await docker.createVolume({ name, labels: {} });
    const workload = await create({}, { volumes: [{ scope: 'named', source: name, target: '/data' }] });
    expect(await deploy(workload)).toMatchObject({
      status: 'failed',
      error: { step: 'volumes', code: 'volume-foreign', class: 'operator' },
    });
    await client.send('PATCH', '/settings', { allowedNamedVolumes: [name] });
    expect(await deploy(workload)).toMatchObject({ status: 'succeeded' });
    await Promise.all((await containersOf(workload)).map(({ id }) => docker.removeContainer(id)));
    await docker.removeVolume(name);
  });
});

describe('variables', () => {
  test("of the workload win over the image's, and each says where it comes from and who set it", async () => {
    const env = { DEMO_VERSION: { value: 'mine' }, EXTRA: { value: 'more' } };
    const workload = await create(hook('echo "has $DEMO_VERSION and $EXTRA" | cat'), { env });
    const { id } = await deploy(workload);
    expect(await logOf(id)).toContain('has mine and more');
    const shown = await client.get(`/workloads/${workload.id}/env`);
    expect(shown).toMatchObject({ env, setBy: 'system:admin-token', envVersion: 2 });
    expect(shown.origins).toMatchObject({
      DEMO_VERSION: { origin: 'workload', shadows: 'image' },
      EXTRA: { origin: 'workload', shadows: null },
    });
    await client.send('PUT', `/workloads/${workload.id}/env`, shown.env);
    await client.send('DELETE', `/workloads/${workload.id}/env/EXTRA`);
    const { items } = await client.get(`/workloads/${workload.id}/env/versions`);
    expect(items).toMatchObject([
      { change: 'removed', keys: ['EXTRA'], setBy: 'system:admin-token' },
      { change: 'set', keys: ['DEMO_VERSION', 'EXTRA'] },
    ]);
  });

  test('that cannot be decrypted fail the deployment, or are left out and named', async () => {
    const env = {
      PLAIN: { value: 'plain' },
      LOST: { value: 'CANARY-lost-1', secret: true },
      MAYBE: { value: 'CANARY-lost-2', secret: true, optional: true },
    };
    const config = hook('echo "PLAIN=$PLAIN LOST=${LOST-unset} MAYBE=${MAYBE-unset}" | cat');
    const workload = await create(config, { env });
    const before = await deploy(workload);
    expect(before).toMatchObject({ status: 'succeeded', skippedEnv: [] });
    // As after a master key that is another one: what is sealed opens no more.
    await runQuery(
      ground.env['DATABASE_URL']!,
      `update state.secret set ciphertext = '\\x00' where id in (
        select (e.value->'secret'->>'secretId')::uuid from view.workload w, jsonb_each(w.env) e
        where w.id = '${workload.id}' and e.value ? 'secret')`,
    );
    expect(await deploy(workload)).toMatchObject({
      status: 'failed',
      error: { code: 'secret-unreadable', class: 'operator', message: expect.stringContaining('LOST') },
    });
    const serving = await containersOf(workload);
    expect(serving.map(({ labels }) => labels[LABELS.deploymentId])).toEqual([before.id]);

    await client.send('PATCH', `/workloads/${workload.id}`, { policy: { undecryptableEnv: 'skip' } });
    const skipped = await deploy(workload);
    expect(skipped, JSON.stringify(skipped.error)).toMatchObject({ status: 'succeeded' });
    expect([...skipped.skippedEnv].sort()).toEqual(['LOST', 'MAYBE']);
    const log = await logOf(skipped.id);
    expect(log).toContain('PLAIN=plain LOST=unset MAYBE=unset');
    expect(log).toContain('Variable LOST cannot be decrypted and is left out');
  });
});
