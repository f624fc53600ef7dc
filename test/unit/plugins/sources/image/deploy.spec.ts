import 'reflect-metadata';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Image } from '#docker/docker';
import { TerminalError } from '#domain/errors';
import { sample, type ImageConfig } from '#plugins/sources/image/config.dto';
import { image } from '#plugins/sources/image/image';
import type { Face, Facts, Release, Step } from '#plugins/source';
import { dockerDown, type Program } from '../../../../support/fake-docker.js';
import { fakeWorld, runPlan, type FakeWorld } from '../../../../support/fake-step-io.js';

const WORKLOAD = '01900000-0000-7000-8000-0000aaaaaaaa';
const DEPLOYMENTS = ['01900000-0000-7000-8000-000011111111', '01900000-0000-7000-8000-000022222222'] as const;
const digestOf = (version: number) => `sha256:${String(version).repeat(64)}`;
const nameOf = (version: 1 | 2, instance = 1) => `tf-shop-aaaaaaaa-${`${version}`.repeat(8)}-${instance}`;
const imageOf = (version: number): Image => ({
  id: `sha256:id${version}`,
  repoDigests: [],
  os: 'linux',
  architecture: 'amd64',
  hasHealthcheck: false,
  createdAt: null,
});
const FACE: Face = { host: 'shop.test', path: '/', port: null };
const serves = (uptime: number) => (uptime >= 100 ? 200 : null);

let world: FakeWorld;
beforeEach(() => {
  world = fakeWorld();
});

interface Wanted {
  readonly config?: Partial<ImageConfig>;
  readonly faces?: readonly Face[];
  readonly digest?: string | null;
  readonly localId?: string;
}

function release(
  version: 1 | 2,
  { config = {}, faces = [FACE], digest = digestOf(version), localId }: Wanted = {},
): Release<ImageConfig> {
  return {
    workloadId: WORKLOAD,
    workloadName: 'shop',
    deploymentId: DEPLOYMENTS[version - 1]!,
    artifact: {
      kind: 'image',
      repository: 'ghcr.io/acme/shop',
      tag: `v${version}`,
      digest,
      ...(localId && { localId }),
    },
    config: { ...sample, ...config },
    faces,
    env: { GREETING: 'hello' },
  };
}

function onHost(version: 1 | 2, program: Program = { serves }): void {
  world.docker.addImage(
    imageOf(version),
    [`ghcr.io/acme/shop@${digestOf(version)}`, `ghcr.io/acme/shop:v${version}`],
    program,
  );
}

async function deploy(
  version: 1 | 2,
  wanted: Wanted = {},
  previous: Release<ImageConfig> | null = version === 2 ? release(1) : null,
) {
  return runPlan(world.io, image.plan(release(version, wanted), previous));
}

const names = () => [...world.docker.containers.values()].map(({ spec }) => spec.name).sort();
const runSteps = async (steps: readonly Step[]) => {
  let facts: Facts = {};
  for (const step of steps) facts = { ...facts, ...(await step.run(world.io, facts)) };
  return facts;
};
const logged = (stream: string) => world.log.filter((each) => each.stream === stream).map(({ line }) => line);

describe('the plan', () => {
  const steps = (to: Release<ImageConfig>, from: Release<ImageConfig> | null) =>
    image.plan(to, from).steps.map(({ name }) => name);

  it('drains only where somebody may still be served', () => {
    const first = ['pull', 'create', 'start', 'wait-healthy', 'route', 'retire'];
    expect(steps(release(1), null)).toEqual(first);
    expect(steps(release(2), release(1))).toEqual([...first.slice(0, 5), 'drain', 'retire']);
    expect(steps(release(2), release(1, { faces: [] }))).toEqual(first);
    expect(steps(release(2, { config: { drainSeconds: 0 } }), release(1))).toEqual(first);
  });

  it('has one switch and no downtime', () => {
    const plan = image.plan(release(2), release(1));
    expect(plan.steps.filter(({ commit }) => commit).map(({ name }) => name)).toEqual(['route']);
    expect(plan.downtime).toEqual({ class: 'none', reasons: [] });
  });

  it('tells that nothing serves yet', () => {
    expect(image.plan(release(1), null).downtime).toEqual({
      class: 'none',
      reasons: [expect.stringContaining('first deployment')],
    });
  });

  it('tells that nothing waits for it to be ready', () => {
    const { downtime } = image.plan(release(2, { config: { healthcheck: null } }), release(1));
    expect(downtime).toEqual({ class: 'none', reasons: [expect.stringContaining('health check is off')] });
  });

  it('saves only what goes through the proxy where others reach it by its name', () => {
    const config = { network: 'backend' };
    const { downtime } = image.plan(release(2, { config }), release(1, { config }));
    expect(downtime).toEqual({ class: 'routed-only', reasons: [expect.stringContaining('network backend')] });
    expect(image.plan(release(2, { config }), release(1)).downtime.class).toBe('none');
    expect(image.plan(release(1, { config }), null).downtime.class).toBe('none');
  });
});

describe('a first deployment', () => {
  it('brings one container up behind its face', async () => {
    onHost(1);
    const facts = await deploy(1);
    expect(facts).toEqual({
      imageId: 'sha256:id1',
      containers: [{ instance: 1, name: nameOf(1), containerId: 'c1', ports: { 8080: 20_000 } }],
      routePorts: [20_000],
    });
    expect(JSON.parse(JSON.stringify(facts))).toEqual(facts);
    expect(world.route.current).toEqual([20_000]);
    expect(world.route.ready).toEqual([{ faces: [{ host: 'shop.test', path: '/', port: 8080 }], total: 1 }]);
    expect(world.docker.journal).toEqual([`create ${nameOf(1)}`, `start ${nameOf(1)}`]);
    expect(world.docker.containers.get('c1')!.spec).toMatchObject({
      image: `ghcr.io/acme/shop@${digestOf(1)}`,
      env: { GREETING: 'hello' },
      network: 'tinyforge',
      restart: 'unless-stopped',
      labels: {
        'tinyforge.workload.id': WORKLOAD,
        'tinyforge.kind': 'image',
        'tinyforge.deployment.id': DEPLOYMENTS[0],
        'tinyforge.epoch': '7',
        'tinyforge.installation': 'here',
      },
    });
    expect(world.docker.networks.get('tinyforge')).toMatchObject({ interContainer: false });
  });

  it('probes at once and then ever less often', async () => {
    onHost(1);
    const startedAt = world.now;
    await deploy(1);
    // 0, 25, 75, then 175 ms: the first look after the 100 ms the program takes.
    expect(world.now - startedAt).toBe(175);
  });

  it('gives every face its ports, and every instance', async () => {
    onHost(1);
    const faces = [FACE, { host: 'admin.test', path: '/', port: 9090 }];
    const { containers, routePorts } = await deploy(1, {
      faces,
      config: { maxInstances: 2, healthcheck: { ...sample.healthcheck!, port: 7070 } },
    });
    expect(containers).toEqual([
      { instance: 1, name: nameOf(1, 1), containerId: 'c1', ports: { 7070: 20_000, 8080: 20_001, 9090: 20_002 } },
      { instance: 2, name: nameOf(1, 2), containerId: 'c2', ports: { 7070: 20_003, 8080: 20_004, 9090: 20_005 } },
    ]);
    expect(routePorts).toEqual([20_001, 20_004, 20_002, 20_005]);
  });

  it('marks the switch also where there is no face', async () => {
    onHost(1);
    await deploy(1, { faces: [] });
    expect([world.route.current, world.route.ready]).toEqual([[], []]);
  });

  it('can be done again at any step without a second of anything', async () => {
    onHost(1);
    const plan = image.plan(release(1), null);
    let facts = {};
    for (const step of plan.steps) {
      facts = { ...facts, ...(await step.run(world.io, facts)) };
      expect(await step.run(world.io, facts)).toSatisfy(
        (again: object) => JSON.stringify({ ...facts, ...again }) === JSON.stringify(facts),
      );
    }
    expect(world.docker.journal).toEqual([`create ${nameOf(1)}`, `start ${nameOf(1)}`]);
    expect(world.route.history).toEqual([[20_000]]);
  });
});

describe('the next deployment', () => {
  it('starts new, switches, drains, then retires the old', async () => {
    onHost(1);
    onHost(2);
    await deploy(1);
    world.docker.journal.length = 0;
    const before = world.now;
    await deploy(2);
    expect(world.docker.journal).toEqual([
      `create ${nameOf(2)}`,
      `start ${nameOf(2)}`,
      `stop ${nameOf(1)} 30`,
      `remove ${nameOf(1)}`,
    ]);
    expect(world.now - before).toBe(175 + 10_000);
    expect([world.route.history, names()]).toEqual([[[20_000], [20_001]], [nameOf(2)]]);
    expect([...world.ports.keys()]).toEqual([`${nameOf(2)} 8080`]);
  });

  it('removes what a failed one left, and nobody else’s', async () => {
    onHost(2);
    await world.docker.ensureNetwork({ name: 'tinyforge', labels: {}, interContainer: false });
    const shape = {
      image: `ghcr.io/acme/shop@${digestOf(2)}`,
      env: {},
      command: null,
      ports: [],
      cpuLimit: null,
      memoryLimit: null,
      network: 'tinyforge',
      restart: 'no' as const,
    };
    const ours = { 'tinyforge.workload.id': WORKLOAD, 'tinyforge.kind': 'image' };
    await world.docker.createContainer({
      ...shape,
      name: 'left-behind',
      labels: { ...ours, 'tinyforge.deployment.id': 'old' },
    });
    await world.docker.createContainer({
      ...shape,
      name: 'neighbour',
      labels: { ...ours, 'tinyforge.workload.id': 'other', 'tinyforge.deployment.id': 'old' },
    });
    await world.docker.createContainer({ ...shape, name: 'hand-made', labels: ours });
    await world.docker.createContainer({ ...shape, name: 'stranger', labels: {} });
    await deploy(2, {}, null);
    expect(names()).toEqual(['hand-made', 'neighbour', 'stranger', nameOf(2)].sort());
  });

  it.each<[string, Program, string]>([
    ['ends', { exits: { after: 40, code: 3 }, logs: [{ stream: 'stderr', line: 'no database' }] }, 'container-exited'],
    ['runs out of memory', { exits: { after: 40, code: 137, outOfMemory: true } }, 'container-exited'],
    ['never answers', {}, 'not-healthy'],
    ['answers with errors', { serves: () => 500 }, 'not-healthy'],
    ['answers with a redirect', { serves: () => 302 }, 'not-healthy'],
  ])('never replaces a serving one when it %s', async (_, program, code) => {
    onHost(1);
    onHost(2, program);
    await deploy(1);
    await expect(deploy(2)).rejects.toMatchObject({ name: 'TerminalError', code });
    expect([world.route.current, names(), [...world.ports.keys()]]).toEqual([
      [20_000],
      [nameOf(1)],
      [`${nameOf(1)} 8080`],
    ]);
    expect(world.docker.answer(20_000)).toBe(200);
  });
});

describe('health', () => {
  it('copies the last lines of a container that ended, and keeps them out of the error', async () => {
    onHost(1, { exits: { after: 0, code: 3 }, logs: [{ stream: 'stderr', line: 'password=hunter2 refused' }] });
    const failure = await deploy(1).catch((error: Error) => error);
    expect(failure).toMatchObject({ code: 'container-exited', message: expect.stringContaining('exited with code 3') });
    expect((failure as Error).message).not.toContain('hunter2');
    expect(logged('stderr')).toEqual(['password=hunter2 refused']);
  });

  it('gives up at the deadline', async () => {
    onHost(1, {});
    const startedAt = world.now;
    await expect(deploy(1)).rejects.toMatchObject({ code: 'not-healthy' });
    expect(world.now - startedAt).toBeGreaterThanOrEqual(30_000);
    expect(world.now - startedAt).toBeLessThan(32_000);
  });

  it('has to hold as long as was asked', async () => {
    onHost(1, { serves: (uptime) => (uptime > 2_500 && uptime < 3_500 ? 500 : 200) });
    const startedAt = world.now;
    await deploy(1, { config: { healthcheck: { ...sample.healthcheck!, minHealthySeconds: 5 } } });
    expect(world.now - startedAt).toBeGreaterThanOrEqual(8_000);
  });

  it('fails all when one of several ends', async () => {
    onHost(1, { exits: { after: 60, code: 1 } });
    await expect(deploy(1, { config: { maxInstances: 3 } })).rejects.toMatchObject({ code: 'container-exited' });
    expect(names()).toEqual([]);
  });

  it('follows the HEALTHCHECK of the image where there is no path, past a deadline that it cannot meet', async () => {
    onHost(1, { health: (uptime) => (uptime < 31_000 ? 'starting' : 'healthy') });
    const startedAt = world.now;
    await deploy(1, { config: { healthcheck: { ...sample.healthcheck!, path: null } } });
    expect(world.now - startedAt).toBeGreaterThanOrEqual(31_000);
  });

  it('is refused by a HEALTHCHECK that says unhealthy', async () => {
    onHost(1, { health: () => 'unhealthy' });
    await expect(deploy(1, { config: { healthcheck: { ...sample.healthcheck!, path: null } } })).rejects.toMatchObject({
      code: 'not-healthy',
    });
  });

  it('is 10 s without a restart where there is neither', async () => {
    onHost(1, {});
    const startedAt = world.now;
    const { healthcheck: _, ...config } = sample;
    await runPlan(world.io, image.plan({ ...release(1, { faces: [] }), config: { ...config, port: null } }, null));
    expect(world.now - startedAt).toBeGreaterThanOrEqual(10_000);
    expect(world.now - startedAt).toBeLessThan(11_100);
  });

  it('is having started where it is switched off', async () => {
    onHost(1, {});
    const startedAt = world.now;
    await deploy(1, { config: { healthcheck: null } });
    expect(world.now - startedAt).toBe(0);
  });

  it('is not waited for past the end of a lease', async () => {
    onHost(1, {});
    const reason = new Error('lease lost');
    const { clock } = world.io;
    const io = {
      ...world.io,
      clock: { ...clock, sleep: async (ms: number) => (await clock.sleep(ms), world.abort.abort(reason)) },
    };
    await expect(runPlan(io, image.plan(release(1), null))).rejects.toBe(reason);
  });
});

describe('the image', () => {
  it('is pulled by its digest with the credentials of its registry', async () => {
    world.docker.remote.set(`ghcr.io/acme/shop@${digestOf(1)}`, imageOf(1));
    world.docker.programs.set('sha256:id1', { serves });
    world.registries.set('ghcr.io', {
      host: 'ghcr.io',
      insecure: false,
      credential: { username: 'ann', password: 'secret' },
    });
    await deploy(1);
    expect(world.docker.journal[0]).toBe(`pull ghcr.io/acme/shop@${digestOf(1)}`);
    expect(world.docker.pulls[0]!.credential).toEqual({
      username: 'ann',
      password: 'secret',
      serverAddress: 'ghcr.io',
    });
    expect(world.log.map(({ line }) => line).join()).not.toContain('secret');
  });

  it('is brought back by its id where it is local, though its tag has moved on', async () => {
    world.docker.addImage(imageOf(2), ['ghcr.io/acme/shop:v1'], { serves });
    world.docker.addImage(imageOf(1), ['sha256:id1'], { serves });
    await deploy(1, { digest: null, localId: 'sha256:id1', config: { pullPolicy: 'never' } });
    expect(world.docker.containers.get('c1')!.spec.image).toBe('sha256:id1');
  });

  it('asks no registry for a local one that is gone', async () => {
    await expect(
      deploy(1, { digest: null, localId: 'sha256:id9', config: { pullPolicy: 'missing' } }),
    ).rejects.toMatchObject({ code: 'no-such-image' });
    expect(world.docker.pulls).toEqual([]);
  });

  it('is deployed by its id where it is local', async () => {
    onHost(1);
    await deploy(1, { digest: null, config: { pullPolicy: 'never' } });
    expect(world.docker.containers.get('c1')!.spec.image).toBe('sha256:id1');
  });

  it('must be there where it is never pulled', async () => {
    await expect(deploy(1, { digest: null, config: { pullPolicy: 'never' } })).rejects.toMatchObject({
      code: 'no-such-image',
      failureClass: 'operator',
    });
    expect(world.docker.pulls).toEqual([]);
  });

  it('is pulled by tag where it is missing', async () => {
    world.docker.remote.set('ghcr.io/acme/shop:v1', imageOf(1));
    world.docker.programs.set('sha256:id1', { serves });
    await deploy(1, { digest: null, config: { pullPolicy: 'missing' } });
    expect(world.docker.containers.get('c1')!.spec.image).toBe('sha256:id1');
  });

  it('must be for this host', async () => {
    world.docker.arch = 'arm64';
    onHost(1);
    await expect(deploy(1)).rejects.toMatchObject({
      code: 'wrong-platform',
      message: expect.stringContaining('linux/amd64'),
    });
  });
});

describe('a host port that another program was faster to take', () => {
  const taken = () => new TerminalError('port-taken', 'port is already allocated', 'operator');

  it('costs the container being made again with another', async () => {
    onHost(1);
    world.docker.failures.set('startContainer', [taken()]);
    const facts = await deploy(1);
    expect(facts).toMatchObject({ containers: [{ containerId: 'c2', ports: { 8080: 20_001 } }], routePorts: [20_001] });
    expect(world.route.current).toEqual([20_001]);
    expect(names()).toEqual([nameOf(1)]);
  });

  it('is an end of it the second time, and nothing is left', async () => {
    onHost(1);
    world.docker.failures.set('startContainer', [taken(), taken()]);
    await expect(deploy(1)).rejects.toMatchObject({ code: 'port-taken', failureClass: 'operator' });
    expect(names()).toEqual([]);
  });

  it('is found again by whoever goes on after a crash in the middle of it', async () => {
    onHost(1);
    const steps = image.plan(release(1), null).steps;
    let facts = await runSteps(steps.slice(0, 2));
    await world.docker.removeContainer('c1');
    facts = { ...facts, ...(await steps[2]!.run(world.io, facts)) };
    expect(facts).toMatchObject({ containers: [{ containerId: 'c2' }] });
  });
});

describe('undoing', () => {
  it('removes what a half done create made', async () => {
    onHost(1);
    world.docker.failures.set('createContainer', []);
    const { createContainer } = world.docker;
    let calls = 0;
    world.docker.createContainer = async function (spec) {
      calls += 1;
      if (calls === 2) throw dockerDown();
      return createContainer.call(this, spec);
    };
    await expect(deploy(1, { config: { maxInstances: 2 } })).rejects.toMatchObject({ code: 'docker-unreachable' });
    expect([names(), world.ports.size]).toEqual([[], 0]);
  });

  it('is safe on steps that never ran, and leaves a stranger of the same name alone', async () => {
    onHost(1);
    await world.docker.ensureNetwork({ name: 'tinyforge', labels: {}, interContainer: false });
    await world.docker.createContainer({
      name: nameOf(1),
      image: 'sha256:id1',
      labels: {},
      env: {},
      command: null,
      ports: [],
      cpuLimit: null,
      memoryLimit: null,
      network: 'tinyforge',
      restart: 'no',
    });
    for (const step of image.plan(release(1), null).steps) await step.undo?.(world.io, {});
    expect(names()).toEqual([nameOf(1)]);
    await expect(deploy(1)).rejects.toMatchObject({ code: 'container-foreign' });
    expect(names()).toEqual([nameOf(1)]);
  });
});

describe('teardown', () => {
  const run = async () => {
    for (const step of image.teardown({ workloadId: WORKLOAD, workloadName: 'shop' })) await step.run(world.io, {});
  };

  it('leaves nothing, also the second time', async () => {
    onHost(1);
    await deploy(1);
    await run();
    await run();
    expect([names(), world.ports.size, world.route.current]).toEqual([[], 0, []]);
  });

  it('of what was never deployed does nothing', async () => {
    await run();
    expect([world.docker.journal, world.route.history]).toEqual([[], []]);
  });
});

describe('observing', () => {
  const observe = async (config: Partial<ImageConfig> = {}) => {
    const containers = await Promise.all(
      [...world.docker.containers.keys()].map(async (id) => (await world.docker.inspectContainer(id))!),
    );
    return image.observe(release(1, { config }), { containers });
  };

  it('tells running, degraded and missing apart', async () => {
    expect(await observe()).toMatchObject({ state: 'missing' });
    onHost(1);
    await deploy(1, { config: { maxInstances: 2 } });
    expect(await observe({ maxInstances: 2 })).toEqual({ state: 'running', detail: '2 of 2 running' });
    await world.docker.stopContainer('c1', 1);
    expect(await observe({ maxInstances: 2 })).toEqual({
      state: 'degraded',
      detail: `1 of 2 running; ${nameOf(1, 1)} is exited`,
    });
    await world.docker.removeContainer('c2');
    expect(await observe({ maxInstances: 2 })).toMatchObject({ state: 'missing' });
  });

  it('takes no other deployment’s container for its own', async () => {
    onHost(1);
    onHost(2);
    await deploy(1);
    await deploy(2);
    expect(await observe()).toMatchObject({ state: 'missing' });
  });
});
