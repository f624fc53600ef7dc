import type { Fault } from '../fault.js';
import { expectThat } from '../fault.js';
import { nextVersion, succeeds } from '../deploys.js';
import { until } from '../../support/until.js';
import { dockerVolumeName } from '#domain/naming';
import type { World } from '../../support/world/world.js';
import { engineJson } from '../../support/engine-call.js';
import { DEPLOY_POINTS, FULL, optionalSteps } from './points.js';
import { MOMENTS } from '../../../apps/deploy-worker/src/failpoint.js';

const killed: Fault[] = DEPLOY_POINTS.map((at) => ({
  name: `worker killed ${at.moment} ${at.point}`,
  rows: [4, 6],
  isFirst: true,
  async run(stage) {
    const { world, workload } = stage;
    const trap = world.failpoints.set(workload.id, { ...at, action: 'kill' });
    const id = await world.deploy(workload, nextVersion(stage));
    await trap.sprung();
    await succeeds(world, id);
  },
}));

const killedInOptional: Fault[] = optionalSteps().flatMap((point) =>
  MOMENTS.map((moment) => ({
    name: `worker killed ${moment} ${point}`,
    rows: [4, 6],
    isFirst: true,
    async run({ world, random }) {
      const made = await world.createWorkload(`full-${random.between(0, 1e9)}`, FULL);
      await succeeds(world, await world.deploy(made, 'a'));
      const trap = world.failpoints.set(made.id, { point, moment, action: 'kill' });
      const id = await world.deploy(made, 'b');
      await trap.sprung();
      await succeeds(world, id);
      const before = await volumesOf(world);
      await world.removeWorkload(made);
      const after = await volumesOf(world);
      expectThat(before.length > 0, 'it has no volume');
      expectThat(
        before.every((name) => after.includes(name)),
        `volumes were ${before.join(', ')} and are ${after.join(', ')}`,
      );
    },
  })),
);

async function volumesOf({ engine }: World): Promise<readonly string[]> {
  const { Volumes } = (await engineJson(engine.host, { path: '/volumes' })) as { Volumes: { Name: string }[] };
  return Volumes.map(({ Name }) => Name).filter((name) => name !== 'canary-volume');
}

const killedTwice: Fault = {
  name: 'worker killed twice on one deployment',
  rows: [5, 58],
  async run(stage) {
    const { world, workload, random } = stage;
    const first = random.between(0, DEPLOY_POINTS.length - 3);
    const second = random.between(first, DEPLOY_POINTS.length - 3);
    const traps = [first, second].map((at) =>
      world.failpoints.set(workload.id, { ...DEPLOY_POINTS[at]!, action: 'kill' }),
    );
    const id = await world.deploy(workload, nextVersion(stage));
    await traps[0]!.sprung();
    await succeeds(world, id);
  },
};

const undoing: Fault[] = MOMENTS.map((moment) => ({
  name: `worker killed ${moment} undo`,
  rows: [4],
  async run({ world, workload, random }) {
    const trap = world.failpoints.set(workload.id, { point: 'undo', moment, action: 'kill' });
    const id = await world.deploy(workload, random.pick(['exits', 'unhealthy']));
    await trap.sprung();
    const { status, error } = await world.ended(id);
    expectThat(status === 'failed', `a broken release ended as ${status}`);
    expectThat(error.step === 'wait-healthy', `it failed at ${error.step}`);
  },
}));

const tearingDown: Fault[] = MOMENTS.map((moment) => ({
  name: `worker killed ${moment} teardown`,
  rows: [4],
  async run({ world, random }) {
    const made = await world.createWorkload(`gone-${random.between(0, 1e9)}`);
    await succeeds(world, await world.deploy(made, 'a'));
    const trap = world.failpoints.set(made.id, { point: 'teardown', moment, action: 'kill' });
    world.probe.expectReload();
    await world.api.must({ method: 'DELETE', path: `/workloads/${made.id}` });
    await trap.sprung();
    await until(async () => (await world.api.ask({ path: `/workloads/${made.id}` })).status === 404, 'the teardown');
  },
}));

const removingVolumes: Fault[] = MOMENTS.map((moment) => ({
  name: `worker killed ${moment} remove-volume`,
  rows: [4],
  isAlone: true,
  async run({ world, random }) {
    const made = await world.createWorkload(`left-${random.between(0, 1e9)}`, FULL);
    await succeeds(world, await world.deploy(made, 'a'));
    const name = dockerVolumeName(made.id, FULL.volumes[0])!;
    await world.removeWorkload(made);
    expectThat((await volumesOf(world)).includes(name), `${name} went with its workload`);
    const trap = world.failpoints.set(made.id, { point: 'remove-volume', moment, action: 'kill' });
    await world.api.must({ method: 'DELETE', path: `/volumes/${name}` });
    await trap.sprung();
    await until(async () => !(await volumesOf(world)).includes(name), `the volume ${name} to go`);
  },
}));

const fanningOut: Fault[] = ['dispatch', 'settle'].flatMap((point) =>
  MOMENTS.map((moment) => ({
    name: `worker killed ${moment} ${point}`,
    rows: [3, 4],
    isAlone: true,
    async run({ world, random }) {
      const trap = world.failpoints.set('*', { point, moment, action: 'kill' });
      await world.deliveries.deliver(await world.deliveries.push(random.pick(['a', 'b', 'c'])));
      await trap.sprung();
    },
  })),
);

export const workerCrashes: readonly Fault[] = [
  ...killed,
  ...killedInOptional,
  killedTwice,
  ...undoing,
  ...tearingDown,
  ...removingVolumes,
  ...fanningOut,
];
