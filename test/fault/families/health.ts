import type { Fault } from '../fault.js';
import { expectThat } from '../fault.js';
import { nextVersion, succeeds } from '../deploys.js';

const CODES = { exits: 'container-exited', unhealthy: 'not-healthy', silent: 'not-healthy' } as const;

/** Never switched to: the deployment fails, says where and why, and the version before serves on. */
const broken: Fault[] = Object.entries(CODES).map(([tag, code]) => ({
  name: `a release that ${tag === 'exits' ? tag : `is ${tag}`}`,
  rows: [39],
  async run({ world, workload }) {
    const { status, error } = await world.ended(await world.deploy(workload, tag));
    expectThat(status === 'failed', `it ended as ${status}`);
    expectThat(error.step === 'wait-healthy' && error.code === code, `it failed with ${JSON.stringify(error)}`);
  },
}));

const poison: Fault = {
  name: 'a step that always throws',
  rows: [28],
  async run(stage) {
    const { world, workload, random } = stage;
    const point = random.pick(['pull', 'create', 'start', 'wait-healthy']);
    for (let times = 0; times < 3; times += 1)
      world.failpoints.set(workload.id, { point, moment: 'before', action: 'throw' });
    const { status, error } = await world.ended(await world.deploy(workload, nextVersion(stage)));
    expectThat(status === 'failed', `it ended as ${status}`);
    expectThat(error.code === 'unexpected' && error.step === point, `it failed with ${JSON.stringify(error)}`);
    await succeeds(world, await world.deploy(workload, nextVersion(stage)));
  },
};

const throwsOnce: Fault = {
  name: 'a step that throws once',
  rows: [28],
  async run(stage) {
    const { world, workload, random } = stage;
    const point = random.pick(['pull', 'create', 'start', 'wait-healthy', 'route', 'drain', 'retire']);
    const trap = world.failpoints.set(workload.id, {
      point,
      moment: random.pick(['before', 'after']),
      action: 'throw',
    });
    const id = await world.deploy(workload, nextVersion(stage));
    await trap.sprung();
    await succeeds(world, id);
  },
};

export const health: readonly Fault[] = [...broken, poison, throwsOnce];
