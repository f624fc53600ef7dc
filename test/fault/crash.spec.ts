import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deployment } from '#domain/deployment';
import { image } from '#plugins/sources/image/image';
import { FAULT_CONFIG, prepareFaults, type FaultGround } from '../support/faults.js';
import { brokenInvariants } from '../support/invariants.js';
import { startApp } from '../support/worker-process.js';
import { finished, requestRelease } from '../support/workloads.js';

let faults: FaultGround;
beforeAll(async () => {
  faults = await prepareFaults();
});
afterAll(() => faults?.clear());

/** Every step of a plan with a previous release: a step that is added gets its crash test by itself. */
function stepNames(): string[] {
  const artifact = { kind: 'image', repository: 'r', tag: 't', digest: 'd' };
  const config = Object.assign(new image.config(), { image: 'r', ...FAULT_CONFIG });
  const ids = { workloadId: randomUUID(), workloadName: 'w', deploymentId: randomUUID() };
  const release = { ...ids, artifact, config, faces: [{ host: 'a.test', path: '/', port: null }], env: {} };
  return image.plan(release, release).steps.map(({ name }) => name);
}

test.each(stepNames().flatMap((step) => [`${step}:before`, `${step}:after`]))(
  'a worker killed at %s leaves a deployment that the next one finishes',
  { timeout: 90_000 },
  async (point) => {
    const { parts, ground, artifacts } = faults;
    const workload = await faults.createWorkload();
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
