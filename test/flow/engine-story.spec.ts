import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDocker } from '#docker/connect';
import { startApps, type Apps } from '../support/apps.js';
import { createClient, type Client, type Json } from '../support/client.js';
import { getFace, startLoad } from '../support/face-client.js';
import { buildImage, demoImage, pushImage } from '../support/images.js';
import { prepareGround, type Ground } from '../support/platform.js';
import { startRegistry, type RunningRegistry } from '../support/registry.js';
import { startUnrest, type Unrest } from '../support/unrest.js';
import { until } from '../support/until.js';

const STAGES = ['dev', 'staging', 'prod'] as const;
/** Workers are killed all along, and each takes its time to start. */
const PATIENCE_MS = 120_000;
const API_KEY = 'sk-planted-8c1f0d6b7a';
/** Serves its version, stage and what the hook left in the volume; one that is broken in its stage never listens. */
const SERVE = [
  'if [ "$(cat /broken-in)" = "$STAGE" ]; then echo "no good in $STAGE"; sleep 600; fi',
  'mkdir -p /scratch/www/admin /scratch/api',
  'echo "$(cat /www/index.html) in $STAGE, key of ${#API_KEY}, hooks: $(cat /data/hooks)" > /scratch/www/index.html',
  'echo "admin of $STAGE" > /scratch/www/admin/index.html',
  'echo "api of $STAGE" > /scratch/api/index.html',
  'busybox httpd -f -p 8081 -h /scratch/api &',
  'exec httpd -f -p 8080 -h /scratch/www',
].join('\n');

let ground: Ground;
let platform: Apps;
let unrest: Unrest;
let registry: RunningRegistry;
let client: Client;
let trigger: Json;

beforeAll(async () => {
  ground = await prepareGround({ TINYFORGE_PROXY: 'caddy', TINYFORGE_HTTP_PORT: '0', TINYFORGE_HTTPS_PORT: '0' });
  platform = await startApps(ground, ['api', 'webhook-ingress', 'reconciler']);
  client = createClient(`http://127.0.0.1:${platform.ports['api']}`, ground.adminToken);
  trigger = await client.post('/triggers', {
    kind: 'registry',
    name: 'releases',
    config: { select: { policy: 'semver', range: '>=1.0.0' } },
  });
  const { secret } = await client.get(`/triggers/${trigger.id}/webhook`);
  const url = `http://127.0.0.1:${platform.ports['ingress']}/api/webhook/triggers/${secret}`;
  registry = await startRegistry({ notifications: { url } });
  await client.post('/registries', { name: 'local', host: registry.host, insecure: true });
  unrest = startUnrest(ground, { everyMs: 2_500, pauseMs: 3_000 });
});

afterAll(async () => {
  const workers = await unrest?.stop();
  await removeVolumes();
  const codes = await platform?.stop();
  await registry?.stop();
  await ground?.clear();
  expect([...(workers ?? []), ...(codes ?? [])]).toEqual([0, 0, 0, 0, 0]);
});

test(
  'one digest goes from dev to prod, what fails there is never seen, and what is rolled back stays back',
  { timeout: 400_000 },
  async () => {
    const [dev, staging, prod] = await stages();
    await client.post(`/workloads/${dev}/triggers`, { triggerId: trigger.id });
    await client.post(`/workloads/${prod}/triggers`, {
      triggerId: trigger.id,
      override: { select: { policy: 'semver', range: '>=1.9.0' } },
    });

    // Promoted: the same digest three times, each with the env, the volumes and the hook of its stage.
    const digest = await push('1.0.0', 'nowhere');
    await serving(dev, '1.0.0');
    for (const id of [staging, prod]) {
      const promoted = await ended((await client.post(`/workloads/${id}/promote-from`)).id as string);
      expect(promoted, JSON.stringify(promoted.error)).toMatchObject({
        status: 'succeeded',
        reason: 'promote',
        release: { artifact: { digest } },
      });
    }
    expect(await faces('prod')).toEqual([
      `1.0.0 in prod, key of ${API_KEY.length}, hooks: 1.0.0`,
      'admin of prod',
      'api of prod',
    ]);

    // Bad in prod alone: its gate holds it back, and prod does not blink.
    await push('1.1.0', 'prod');
    await serving(dev, '1.1.0');
    await ended((await client.post(`/workloads/${staging}/promote-from`)).id as string);
    const load = startLoad({ port: platform.ports['proxy']!, host: 'prod.example.org' }, 4);
    const bad = await ended((await client.post(`/workloads/${prod}/promote-from`)).id as string);
    expect(bad).toMatchObject({ status: 'failed', error: { step: 'wait-healthy', class: 'permanent' } });
    expect(bad.error.lastLines.join('\n')).toContain('no good in prod');

    // Good again, and back by one call, still under load.
    await push('1.2.0', 'nowhere');
    await serving(dev, '1.2.0');
    await ended((await client.post(`/workloads/${staging}/promote-from`)).id as string);
    const good = await ended((await client.post(`/workloads/${prod}/promote-from`)).id as string);
    expect(good, JSON.stringify(good.error)).toMatchObject({ status: 'succeeded' });
    const rollback = await ended((await client.post(`/workloads/${prod}/rollback`)).id as string);
    expect(rollback, JSON.stringify(rollback.error)).toMatchObject({ status: 'succeeded', reason: 'rollback' });
    const { requests, failures, bodies } = await load.end();
    expect(requests).toBeGreaterThan(100);
    expect(failures).toEqual([]);
    expect([...bodies].join('\n')).not.toContain('1.1.0 in prod');
    expect((await faces('prod'))[0]).toContain('1.0.0 in prod');

    // The hold: what its own webhook asks for is kept from it, and the inbox says why.
    await push('1.9.0', 'nowhere');
    const delivery = await deliveryOf('1.9.0');
    const verdict = delivery.verdicts.find(({ workloadId }: Json) => workloadId === prod);
    expect(verdict).toMatchObject({ verdict: 'filtered', code: 'held', deploymentId: null });
    expect(verdict.reason).toContain(rollback.id);
    expect(await client.get(`/workloads/${prod}`)).toMatchObject({ currentDeploymentId: rollback.id });

    // Removed by hand: back, and the history says why.
    await removedByHand(prod);
    await until(async () => (await faces('prod'))[0]?.includes('1.0.0 in prod'), 'prod to be back', 30_000);
    const healed = await until(() => historyOf(prod, 'DriftHealed'), 'the history to tell of it');
    expect(JSON.stringify(healed.data)).toContain('missing');

    await unrest.calm();
    expect(Object.values(unrest.faults).every((count) => count > 0)).toBe(true);
    await noSecretIn(prod);
  },
);

async function stages(): Promise<readonly [string, string, string]> {
  const ids: string[] = [];
  for (const name of STAGES) ids.push(await stage(name, ids.at(-1) ?? null));
  return ids as unknown as readonly [string, string, string];
}

async function stage(name: string, parentId: string | null): Promise<string> {
  const { id } = await client.post('/workloads', {
    name,
    parentId,
    sourceKind: 'image',
    sourceConfig: {
      image: `${registry.host}/acme/shop`,
      port: 8080,
      command: ['/bin/sh', '-c', SERVE],
      healthcheck: { path: '/', deadlineSeconds: 4, minHealthySeconds: 1 },
      hooks: { preDeploy: ['/bin/sh', '-c', 'cat /www/index.html > /data/hooks; echo "migrated $STAGE"'] },
      drainSeconds: 1,
      stopTimeoutSeconds: 1,
      memoryLimit: 64,
      cpuLimit: 0.5,
    },
    faces: [
      { host: `${name}.example.org` },
      { host: `${name}.example.org`, path: '/admin' },
      { host: `api.${name}.example.org`, port: 8081 },
    ],
    env: { STAGE: { value: name }, API_KEY: { value: API_KEY, secret: true } },
    volumes: [
      { scope: 'project_named', source: 'data', target: '/data' },
      { scope: 'ephemeral', source: 'scratch', target: '/scratch' },
    ],
  });
  return id as string;
}

/** `brokenIn`: the stage in which this version never answers. */
async function push(version: string, brokenIn: string): Promise<string> {
  const tag = `${registry.host}/acme/shop:${version}`;
  const demo = demoImage({ version });
  await buildImage(ground.env['DOCKER_HOST']!, { tag, ...demo, files: { ...demo.files, '/broken-in': brokenIn } });
  return pushImage(ground.env['DOCKER_HOST']!, tag);
}

function serving(workloadId: string, tag: string): Promise<Json> {
  return until(
    async () => {
      const { items } = await client.get(`/workloads/${workloadId}/deployments`);
      const failed = items.find((each: Json) => each.release.artifact.tag === tag && each.status === 'failed');
      if (failed) throw new Error(`${tag} failed: ${JSON.stringify(await client.get(`/deployments/${failed.id}`))}`);
      return (await client.get(`/workloads/${workloadId}`)).currentArtifact?.tag === tag;
    },
    `${tag} to serve`,
    PATIENCE_MS,
  );
}

function ended(id: string): Promise<Json> {
  return until(
    async () => {
      const deployment = await client.get(`/deployments/${id}`);
      return !['waiting', 'running'].includes(deployment.status as string) && deployment;
    },
    `deployment ${id} to end`,
    PATIENCE_MS,
  );
}

async function faces(name: string): Promise<readonly string[]> {
  const port = platform.ports['proxy']!;
  const asked = [
    { host: `${name}.example.org` },
    { host: `${name}.example.org`, path: '/admin/' },
    { host: `api.${name}.example.org` },
  ];
  return Promise.all(asked.map(async (each) => (await getFace({ port, ...each })).body.trim()));
}

function deliveryOf(tag: string): Promise<Json> {
  return until(async () => {
    const { items } = await client.get(`/deliveries?triggerId=${trigger.id}`);
    const found = items.find((each: Json) => each.events.some((event: Json) => event.tag === tag));
    return found?.status === 'settled' && client.get(`/deliveries/${found.id}`);
  }, `the delivery of ${tag}`);
}

async function removedByHand(workloadId: string): Promise<void> {
  const docker = createDocker({ host: ground.env['DOCKER_HOST']! });
  const { items } = await client.get(`/workloads/${workloadId}/containers`);
  expect(items).toHaveLength(1);
  await docker.removeContainer(items[0].containerId as string);
}

async function historyOf(workloadId: string, type: string): Promise<Json> {
  const { items } = await client.get(`/workloads/${workloadId}/history?limit=200`);
  return items.find((event: Json) => event.type === type);
}

/** In no answer and no line that a process printed. */
async function noSecretIn(workloadId: string): Promise<void> {
  const paths = ['', '/env', '/deployments', '/containers', '/history?limit=200', '/releases', '/plan'];
  const answers = await Promise.all(paths.map((path) => client.text(`/workloads/${workloadId}${path}`)));
  expect([...answers, platform.output()].filter((text) => text.includes(API_KEY))).toEqual([]);
}

async function removeVolumes(): Promise<void> {
  const docker = createDocker({ host: ground.env['DOCKER_HOST']! });
  const { items } = await client.get('/workloads');
  for (const { id } of items as readonly Json[]) {
    const name = `tf-${(id as string).replaceAll('-', '').slice(-8)}-data`;
    for (const { id: container } of await docker.listContainers([`tinyforge.workload.id=${id}`]))
      await docker.removeContainer(container);
    await docker.removeVolume(name);
  }
}
