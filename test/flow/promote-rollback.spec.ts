import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApps, type Apps } from '../support/apps.js';
import { createClient, type Client, type Json } from '../support/client.js';
import { getFace } from '../support/face-client.js';
import { buildImage, demoImage, pushImage } from '../support/images.js';
import { prepareGround, type Ground } from '../support/platform.js';
import { startRegistry, type RunningRegistry } from '../support/registry.js';
import { until } from '../support/until.js';

let ground: Ground;
let platform: Apps;
let registry: RunningRegistry;
let client: Client;
let trigger: Json;

beforeAll(async () => {
  ground = await prepareGround({ TINYFORGE_PROXY: 'caddy', TINYFORGE_HTTP_PORT: '0', TINYFORGE_HTTPS_PORT: '0' });
  platform = await startApps(ground, ['all-in-one']);
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
});

afterAll(async () => {
  const codes = await platform?.stop();
  await registry?.stop();
  await ground?.clear();
  expect(codes).toEqual([0]);
});

test('what was tried in dev goes to staging and prod as it is, and back by one call', async () => {
  const dev = await stage('dev', null);
  const staging = await stage('staging', dev);
  const prod = await stage('prod', staging);
  await client.post(`/workloads/${dev}/triggers`, { triggerId: trigger.id });
  expect((await client.send('POST', `/workloads/${prod}/promote-from`, {})).body.code).toBe('parent-never-succeeded');

  await releaseThrough([dev, staging, prod], '1.0.0');
  await releaseThrough([dev, staging, prod], '1.1.0');
  const bad = (await client.get(`/workloads/${prod}`)).currentDeploymentId as string;
  const rollback = await succeeded((await client.post(`/workloads/${prod}/rollback`)).id as string);
  expect(rollback).toMatchObject({ reason: 'rollback', release: { artifact: { tag: '1.0.0' } } });
  expect(await serves('prod')).toContain('1.0.0 in prod');
  expect(await serves('staging')).toContain('1.1.0 in staging');
  expect(await client.get(`/deployments/${bad}`)).toMatchObject({
    status: 'rolled_back',
    rolledBackBy: rollback.id,
    error: { code: 'rolled-back' },
  });
  // In the very commit of the success.
  const chain = await client.get(`/events?correlationId=${rollback.correlationId}&limit=200`);
  const at = (type: string) => chain.items.find((event: Json) => event.type === type)?.occurredAt;
  expect(at('DeploymentRolledBack')).toBe(at('DeploymentSucceeded'));
  expect(at('HoldSet')).toBe(at('DeploymentRequested'));
  expect((await client.get(`/workloads/${prod}/releases`)).items).toMatchObject([
    { deploymentId: rollback.id, current: true, status: 'succeeded' },
    { deploymentId: bad, current: false, status: 'rolled_back', rolledBackBy: rollback.id },
  ]);
});

test('a hold keeps the next push from undoing a rollback, the inbox says so, and letting go lets pushes in', async () => {
  const web = await stage('web', null);
  await client.post(`/workloads/${web}/triggers`, { triggerId: trigger.id });
  await pushed(web, '2.0.0');
  await pushed(web, '2.1.0');
  const rollback = await succeeded((await client.post(`/workloads/${web}/rollback`)).id as string);
  const { hold } = await client.get(`/workloads/${web}`);
  expect(hold.reason).toContain(rollback.id);

  await push('2.2.0');
  const delivery = await deliveryOf('2.2.0');
  const verdict = delivery.verdicts.find(({ workloadId }: Json) => workloadId === web);
  expect(verdict).toMatchObject({ verdict: 'filtered', code: 'held', deploymentId: null, outcome: 'skipped' });
  expect(verdict.reason).toContain(hold.reason);
  expect(await client.get(`/workloads/${web}`)).toMatchObject({ currentDeploymentId: rollback.id });
  expect(await serves('web')).toContain('2.0.0');

  expect((await client.send('DELETE', `/workloads/${web}/hold`)).body.hold).toBeNull();
  await pushed(web, '2.3.0');
  expect(await serves('web')).toContain('2.3.0');
});

async function stage(name: string, parentId: string | null): Promise<string> {
  const workload = await client.post('/workloads', {
    name,
    parentId,
    sourceKind: 'image',
    sourceConfig: {
      image: `${registry.host}/acme/demo`,
      port: 8080,
      drainSeconds: 0,
      stopTimeoutSeconds: 1,
      command: [
        '/bin/sh',
        '-c',
        'echo "$(cat /www/index.html) in $STAGE" > /tmp/index.html; exec httpd -f -p 8080 -h /tmp',
      ],
    },
    faces: [{ host: `${name}.example.org` }],
    env: { STAGE: { value: name } },
  });
  return workload.id as string;
}

/** Pushed, deployed in the first stage by the webhook, promoted to the others: one digest, one container each. */
async function releaseThrough([first, ...others]: readonly string[], version: string): Promise<void> {
  const digest = await push(version);
  const deployment = await current(first!, version);
  expect(deployment).toMatchObject({ reason: 'webhook', release: { artifact: { digest } } });
  for (const id of others) {
    const promoted = await succeeded((await client.post(`/workloads/${id}/promote-from`)).id as string);
    expect(promoted).toMatchObject({ reason: 'promote', release: { artifact: { digest, tag: version } } });
    const { items } = await client.get(`/workloads/${id}/containers`);
    expect(items[0].imageRef).toBe(`${registry.host}/acme/demo@${digest}`);
    const { name } = await client.get(`/workloads/${id}`);
    expect(await serves(name as string)).toContain(`${version} in ${name}`);
  }
}

async function push(version: string): Promise<string> {
  const tag = `${registry.host}/acme/demo:${version}`;
  const dockerHost = ground.env['DOCKER_HOST']!;
  await buildImage(dockerHost, { tag, ...demoImage({ version }) });
  return pushImage(dockerHost, tag);
}

async function pushed(workloadId: string, version: string): Promise<void> {
  await push(version);
  await current(workloadId, version);
}

/** The deployment that serves, once it is that version. */
function current(workloadId: string, version: string): Promise<Json> {
  return until(async () => {
    const { currentDeploymentId, currentArtifact } = await client.get(`/workloads/${workloadId}`);
    return currentArtifact?.tag === version && (await client.get(`/deployments/${currentDeploymentId}`));
  }, `${version} to serve`);
}

function succeeded(id: string): Promise<Json> {
  return until(async () => {
    const deployment = await client.get(`/deployments/${id}`);
    if (deployment.status === 'failed') throw new Error(JSON.stringify(deployment.error));
    return deployment.status === 'succeeded' && deployment;
  }, `deployment ${id} to succeed`);
}

/** Everybody has judged it. */
function deliveryOf(tag: string): Promise<Json> {
  return until(async () => {
    const { items } = await client.get(`/deliveries?triggerId=${trigger.id}`);
    const found = items.find((each: Json) => each.events.some((event: Json) => event.tag === tag));
    return found?.status === 'settled' && client.get(`/deliveries/${found.id}`);
  }, `the delivery of ${tag}`);
}

async function serves(name: string): Promise<string> {
  return (await getFace({ port: platform.ports['proxy']!, host: `${name}.example.org` })).body;
}
