import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deployment } from '#domain/deployment';
import { onNew } from '#store/operation';
import { registry as registryRecord } from '#domain/registry';
import { image } from '#plugins/sources/image/image';
import { openProcess, type Parts } from '#process/open-process';
import { stopAll, type Stoppable } from '#runtime/start';
import { startReconciler } from '../../apps/reconciler/src/start-reconciler.js';
import { brokenInvariants } from '../support/invariants.js';
import { buildImage, demoImage, pushImage } from '../support/images.js';
import { prepareGround, type Ground } from '../support/platform.js';
import { startRegistry, type RunningRegistry } from '../support/registry.js';
import { createWorkload, finished, requestRelease, type TestWorkload } from '../support/workloads.js';
import { startApp } from '../support/worker-process.js';

let ground: Ground;
let parts: Parts;
let reconciler: Stoppable;
let registry: RunningRegistry;
let artifacts: { repository: string; tag: string; digest: string }[];

const CONFIG = { port: 8080, drainSeconds: 1, stopTimeoutSeconds: 1 };

beforeAll(async () => {
  ground = await prepareGround();
  registry = await startRegistry();
  parts = await openProcess('all-in-one', ground.env);
  reconciler = (await startReconciler(parts)).stoppable;
  const id = randomUUID();
  const settings = {
    name: 'local',
    host: registry.host,
    username: null,
    password: null,
    kind: 'distribution',
    insecure: true,
  };
  const cause = { actor: 'system:test', correlationId: 'test' };
  await parts.store.commit([onNew(registryRecord, id, { type: 'CreateRegistry', id, settings })], cause);
  const repository = `${registry.host}/acme/demo`;
  artifacts = [];
  for (const version of ['1.0.0', '1.1.0']) {
    await buildImage(ground.env['DOCKER_HOST']!, { tag: `${repository}:${version}`, ...demoImage({ version }) });
    artifacts.push({
      repository,
      tag: version,
      digest: await pushImage(ground.env['DOCKER_HOST']!, `${repository}:${version}`),
    });
  }
});

afterAll(async () => {
  if (parts) await stopAll([reconciler, ...parts.stoppables], { logger: parts.logger, stopMs: 10_000, why: 'test' });
  await registry?.stop();
  await ground?.clear();
});

/** Every step of a plan with a previous release: a step that is added gets its crash test by itself. */
function stepNames(): string[] {
  const artifact = { kind: 'image', repository: 'r', tag: 't', digest: 'd' };
  const config = Object.assign(new image.config(), { image: 'r', ...CONFIG });
  const release = {
    workloadId: randomUUID(),
    workloadName: 'w',
    deploymentId: randomUUID(),
    artifact,
    config,
    faces: [],
    env: {},
  };
  return image
    .plan(release, { ...release, faces: [{ host: 'a.test', path: '/', port: null }] })
    .steps.map(({ name }) => name);
}

function serving(): Promise<TestWorkload> {
  const config = { image: artifacts[0]!.repository, ...CONFIG };
  const host = `w${randomUUID().slice(0, 8)}.test`;
  return createWorkload(parts.store, { config, faces: [{ host, path: '/', port: null }] });
}

test.each(stepNames().flatMap((step) => [`${step}:before`, `${step}:after`]))(
  'a worker killed at %s leaves a deployment that the next one finishes',
  { timeout: 90_000 },
  async (point) => {
    const workload = await serving();
    const first = startApp('deploy-worker', ground.env);
    const id1 = await requestRelease(parts.store, workload, artifacts[0]!);
    expect(await finished(parts.store, id1)).toMatchObject({ status: 'succeeded' });
    first.kill('SIGTERM');
    expect(await first.ended, first.output()).toBe(0);

    const killed = startApp('deploy-worker', { ...ground.env, FP: `${point}:kill` });
    const id2 = await requestRelease(parts.store, workload, artifacts[1]!);
    expect(await killed.ended, killed.output()).toBe('SIGKILL');

    const second = startApp('deploy-worker', ground.env);
    expect(await finished(parts.store, id2)).toMatchObject({ status: 'succeeded', failure: null });
    const { state } = await parts.store.load(deployment, id2);
    expect(new Set(state.completed).size).toBe(state.steps.length);
    second.kill('SIGTERM');
    expect(await second.ended, second.output()).toBe(0);
    expect(await brokenInvariants(parts)).toEqual([]);
  },
);
