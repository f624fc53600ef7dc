import 'reflect-metadata';
import { beforeEach, describe, expect, it } from 'vitest';
import { sample } from '#plugins/sources/image/config.dto';
import { image } from '#plugins/sources/image/image';
import type { Plan } from '#plugins/source';
import { dockerDown, type Program } from '../../../support/fake-docker.js';
import { fakeWorld, runPlan, type FakeWorld } from '../../../support/fake-step-io.js';

const WORKLOAD = '01900000-0000-7000-8000-0000aaaaaaaa';
const DEPLOYMENT = '01900000-0000-7000-8000-000011111111';
const HOOK = 'tf-shop-aaaaaaaa-11111111-pre-deploy';
const digest = `sha256:${'1'.repeat(64)}`;

let world: FakeWorld;
beforeEach(() => {
  world = fakeWorld();
});

function planWith(program: Program, hooks = { preDeploy: ['bin/migrate'], preDeployTimeoutSeconds: 60 }): Plan {
  const host = { id: 'sha256:id1', repoDigests: [], os: 'linux', architecture: 'amd64', hasHealthcheck: false };
  world.docker.addImage({ ...host, createdAt: null }, [`ghcr.io/acme/shop@${digest}`], program);
  const artifact = { kind: 'image', repository: 'ghcr.io/acme/shop', tag: 'v1', digest };
  const config = { ...sample, healthcheck: null, hooks, cpuLimit: 0.5, memoryLimit: 64 };
  const volumes = [{ scope: 'project_named' as const, source: 'db', target: '/db', readOnly: false }];
  const ids = { workloadId: WORKLOAD, workloadName: 'shop', deploymentId: DEPLOYMENT };
  return image.plan({ ...ids, artifact, config, faces: [], env: { MODE: 'live' }, volumes }, null);
}
const step = (plan: Plan, name: string) => plan.steps.find((each) => each.name === name)!;
/** As the hook's program: it has ended by the next look. */
const ends = (code: number, more: Partial<Program> = {}): Program => ({ exits: { after: 0, code }, ...more });
const begin = async (plan: Plan) => {
  await world.docker.ensureNetwork({ name: 'tinyforge', labels: {}, interContainer: false });
  return step(plan, 'pre-deploy');
};
const facts = { imageId: 'sha256:id1', mounts: [] };

describe('a pre-deploy hook', () => {
  it('runs in the new image before anything of it starts, and leaves nothing', async () => {
    const plan = planWith(ends(0, { logs: [{ stream: 'stdout', line: 'migrated' }] }));
    expect(plan.steps.map(({ name }) => name).slice(0, 6)).toEqual([
      'pull',
      'volumes',
      'pre-deploy',
      'remove-hook',
      'create',
      'start',
    ]);
    const run = await begin(plan);
    const mounts = [{ type: 'volume', source: 'tf-aaaaaaaa-db', target: '/db', readOnly: false }];
    await run.run(world.io, { ...facts, mounts });
    const [hook] = [...world.docker.containers.values()];
    expect(hook!.spec).toMatchObject({
      name: HOOK,
      command: ['bin/migrate'],
      env: { MODE: 'live' },
      mounts,
      image: `ghcr.io/acme/shop@${digest}`,
      ports: [],
      restart: 'no',
      cpuLimit: 0.5,
      memoryLimit: 64,
      labels: { 'tinyforge.deployment.id': DEPLOYMENT, 'tinyforge.workload.id': WORKLOAD },
    });
    expect(world.log.filter(({ stream }) => stream === 'stdout')).toEqual([{ stream: 'stdout', line: 'migrated' }]);
    await step(plan, 'remove-hook').run(world.io, facts);
    await step(plan, 'remove-hook').run(world.io, facts);
    expect(world.docker.journal).toEqual([`create ${HOOK}`, `start ${HOOK}`, `remove ${HOOK}`]);
  });

  it('that ended well is not run again by whoever comes after a crash, nor its output written again', async () => {
    const run = await begin(planWith(ends(0, { logs: [{ stream: 'stderr', line: 'once' }] })));
    await run.run(world.io, facts);
    await run.run(world.io, facts);
    expect(world.docker.journal).toEqual([`create ${HOOK}`, `start ${HOOK}`]);
    expect(world.log.filter(({ stream }) => stream === 'stderr')).toHaveLength(1);
  });

  it('that was made but not started is started', async () => {
    const run = await begin(planWith(ends(0)));
    world.docker.failures.set('startContainer', [dockerDown()]);
    await expect(run.run(world.io, facts)).rejects.toMatchObject({ code: 'docker-unreachable' });
    await run.run(world.io, facts);
    expect(world.docker.journal).toEqual([`create ${HOOK}`, `start ${HOOK}`]);
  });

  it.each([
    [ends(3), 'exited with code 3'],
    [{ exits: { after: 0, code: 137, outOfMemory: true } }, 'ran out of memory'],
  ])('that fails fails the deployment before anything else was made', async (program, how) => {
    const plan = planWith(program);
    const failed = runPlan(world.io, plan);
    await expect(failed).rejects.toMatchObject({ name: 'TerminalError', code: 'hook-failed' });
    await expect(failed).rejects.toThrow(how);
    expect([...world.docker.containers.values()]).toEqual([]);
    expect(world.route.history).toEqual([]);
  });

  it('that failed is not given a second try', async () => {
    const run = await begin(planWith(ends(3)));
    await expect(run.run(world.io, facts)).rejects.toMatchObject({ code: 'hook-failed' });
    await expect(run.run(world.io, facts)).rejects.toMatchObject({ code: 'hook-failed' });
    expect(world.docker.journal).toEqual([`create ${HOOK}`, `start ${HOOK}`]);
  });

  it('that is past its time since it started is stopped, also by another worker', async () => {
    const run = await begin(planWith({}));
    world.docker.failures.set('followLogs', [dockerDown()]);
    await expect(run.run(world.io, facts)).rejects.toMatchObject({ code: 'docker-unreachable' });
    world.now += 60_000;
    await expect(run.run(world.io, facts)).rejects.toMatchObject({ name: 'TerminalError', code: 'hook-timeout' });
    await run.undo!(world.io, facts);
    expect(world.docker.journal).toEqual([`create ${HOOK}`, `start ${HOOK}`, `stop ${HOOK} 5`, `remove ${HOOK}`]);
  });

  it('leaves a stranger of its name alone', async () => {
    const run = await begin(planWith(ends(0)));
    const plain = { env: {}, command: null, ports: [], cpuLimit: null, memoryLimit: null, restart: 'no' as const };
    const spec = { ...plain, name: HOOK, image: 'sha256:id1', network: 'tinyforge', labels: {} };
    await world.docker.createContainer(spec);
    await expect(run.run(world.io, facts)).rejects.toMatchObject({ code: 'container-foreign' });
    await run.undo!(world.io, facts);
    expect(world.docker.journal).toEqual([`create ${HOOK}`]);
  });

  it('undoes nothing where it never ran', async () => {
    const run = await begin(planWith(ends(0)));
    await run.undo!(world.io, {});
    expect(world.docker.journal).toEqual([]);
  });
});
