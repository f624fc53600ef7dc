import { expect } from 'vitest';
import type { Client, Json } from './client.js';
import { getFace, startLoad } from './face-client.js';
import { buildImage, demoImage, pushImage, type DemoMode } from './images.js';
import { startRegistry, type RunningRegistry } from './registry.js';
import { until } from './until.js';

export interface StoryStage {
  readonly client: Client;
  readonly ingressUrl: string;
  readonly proxyPort: number;
  readonly dockerHost: string;
}

const HOST = 'demo.example.org';
const ENDED = ['succeeded', 'failed', 'cancelled', 'superseded', 'skipped'];

/** From a webhook to a running container, as a person would do it over REST against a real registry. */
export async function tellStory(stage: StoryStage): Promise<void> {
  const { client } = stage;
  const trigger = await client.post('/triggers', {
    kind: 'registry',
    name: 'releases',
    config: { select: { policy: 'semver', range: '>=1.0.0 <2.0.0' } },
  });
  const webhook = await client.get(`/triggers/${trigger.id}/webhook`);
  const url = `${stage.ingressUrl}/api/webhook/triggers/${webhook.secret}`;
  const registry = await startRegistry({ notifications: { url } });
  try {
    const story = { ...stage, registry, trigger };
    const workloadId = await bind(story);
    await firstPush(story, workloadId);
    await secondPushUnderLoad(story, workloadId);
    await brokenPush(story, workloadId);
    await pushOutsideTheRange(story);
  } finally {
    await registry.stop();
  }
}

interface Story extends StoryStage {
  readonly registry: RunningRegistry;
  readonly trigger: Json;
}

async function bind({ client, registry, trigger }: Story): Promise<string> {
  await client.post('/registries', { name: 'local', host: registry.host, insecure: true });
  const workload = await client.post('/workloads', {
    name: 'demo',
    sourceKind: 'image',
    sourceConfig: {
      image: `${registry.host}/acme/demo`,
      port: 8080,
      healthcheck: { path: '/', deadlineSeconds: 5 },
      drainSeconds: 1,
      stopTimeoutSeconds: 1,
    },
    faces: [{ host: HOST }],
  });
  expect(workload).toMatchObject({ name: 'demo', state: 'never-deployed', currentDeploymentId: null });
  await client.post(`/workloads/${workload.id}/triggers`, { triggerId: trigger.id });
  return workload.id as string;
}

async function firstPush(story: Story, workloadId: string): Promise<void> {
  await push(story, '1.0.0');
  const deployment = await deploymentOf(story, workloadId, '1.0.0');
  expect(deployment, JSON.stringify(deployment.error)).toMatchObject({ status: 'succeeded', reason: 'webhook' });
  expect(deployment.steps.map((step: Json) => step.name)).toEqual([
    'pull',
    'create',
    'start',
    'wait-healthy',
    'route',
    'retire',
  ]);
  for (const step of deployment.steps)
    expect(step).toMatchObject({ status: 'completed', startedAt: expect.any(String), endedAt: expect.any(String) });
  expect((await getFace({ port: story.proxyPort, host: HOST })).body).toContain('1.0.0');
  const log = await story.client.text(`/deployments/${deployment.id}/log`, { accept: 'text/event-stream' });
  expect(log).toMatch(/^id: \d+$/m);
  expect(log).toContain('wait-healthy');
  const delivery = await settled(story, deployment.deliveryId);
  expect(delivery.outcomes).toEqual({ deployed: 1, skipped: 0, noMatch: 0, errored: 0, pending: 0 });
  expect(delivery.verdicts).toMatchObject([{ workloadId, verdict: 'matched', deploymentId: deployment.id }]);
}

async function secondPushUnderLoad(story: Story, workloadId: string): Promise<void> {
  const load = startLoad({ port: story.proxyPort, host: HOST }, 16);
  await push(story, '1.1.0');
  const deployment = await deploymentOf(story, workloadId, '1.1.0');
  expect(deployment, JSON.stringify(deployment.error)).toMatchObject({ status: 'succeeded' });
  const { requests, failures } = await load.end();
  expect(requests).toBeGreaterThan(100);
  expect(failures).toEqual([]);
  expect((await getFace({ port: story.proxyPort, host: HOST })).body).toContain('1.1.0');
}

async function brokenPush(story: Story, workloadId: string): Promise<void> {
  await push(story, '1.2.0', 'exits');
  const exited = await deploymentOf(story, workloadId, '1.2.0');
  expect(exited).toMatchObject({
    status: 'failed',
    error: { step: 'wait-healthy', code: 'container-exited', class: 'permanent' },
  });
  expect(exited.error.lastLines.length).toBeGreaterThan(0);
  await push(story, '1.2.1', 'unhealthy');
  const unhealthy = await deploymentOf(story, workloadId, '1.2.1');
  expect(unhealthy).toMatchObject({ status: 'failed', error: { step: 'wait-healthy', code: 'not-healthy' } });
  expect((await getFace({ port: story.proxyPort, host: HOST })).body).toContain('1.1.0');
  expect(await story.client.get(`/workloads/${workloadId}`)).toMatchObject({
    state: 'running',
    currentArtifact: { tag: '1.1.0' },
  });
}

async function pushOutsideTheRange(story: Story): Promise<void> {
  await push(story, '2.0.0');
  const delivery = await until(async () => {
    const { items } = await story.client.get(`/deliveries?triggerId=${story.trigger.id}`);
    return items.find((each: Json) => each.events.some((event: Json) => event.tag === '2.0.0'));
  }, 'the delivery of 2.0.0');
  const detail = await settled(story, delivery.id);
  expect(detail.outcomes).toMatchObject({ deployed: 0, noMatch: 1 });
  expect(detail.verdicts[0]).toMatchObject({
    verdict: 'filtered',
    code: 'out-of-range',
    reason: expect.stringContaining('2.0.0'),
  });
}

async function push({ registry, dockerHost }: Story, version: string, mode: DemoMode = 'ok'): Promise<void> {
  const tag = `${registry.host}/acme/demo:${version}`;
  await buildImage(dockerHost, { tag, ...demoImage({ version, mode }) });
  await pushImage(dockerHost, tag);
}

function deploymentOf({ client }: Story, workloadId: string, tag: string): Promise<Json> {
  return until(async () => {
    const { items } = await client.get(`/workloads/${workloadId}/deployments`);
    const found = items.find((each: Json) => each.release.artifact.tag === tag && ENDED.includes(each.status));
    const detail = found && (await client.get(`/deployments/${found.id}`));
    const isDone =
      detail && (detail.status !== 'succeeded' || detail.steps.every((step: Json) => step.status === 'completed'));
    return isDone && detail.steps.some((step: Json) => step.name === 'retire' || detail.status !== 'succeeded')
      ? detail
      : null;
  }, `the deployment of ${tag} to end`);
}

function settled({ client }: Story, deliveryId: string): Promise<Json> {
  return until(async () => {
    const delivery = await client.get(`/deliveries/${deliveryId}`);
    return delivery.status === 'settled' ? delivery : null;
  }, `delivery ${deliveryId} to settle`);
}
