import type { Fault } from '../fault.js';
import { expectThat } from '../fault.js';
import { nextVersion, succeeds } from '../deploys.js';
import { until } from '../../support/until.js';

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

/** Healthy when it is asked first: it has to stay so. */
const flapping: Fault = {
  name: 'a release that is healthy for a moment',
  rows: [39],
  async run({ world, random }) {
    const healthcheck = { path: '/', deadlineSeconds: 3, minHealthySeconds: 2 };
    const made = await world.createWorkload(`flaps-${random.between(0, 1e9)}`, { sourceConfig: { healthcheck } });
    await succeeds(world, await world.deploy(made, 'a'));
    const { status, error } = await world.ended(await world.deploy(made, 'flaps'));
    expectThat(status === 'failed' && error.code === 'not-healthy', `it is ${status}: ${JSON.stringify(error)}`);
    await world.removeWorkload(made);
  },
};

/** Rolled back once, and then left as it is. */
const crashLoop: Fault = {
  name: 'a release that crashes after the switch',
  rows: [40],
  async run({ world, random }) {
    const policy = { watchWindow: { seconds: 120, onFailure: 'rollback' } };
    const made = await world.createWorkload(`loops-${random.between(0, 1e9)}`, { policy });
    const good = await world.deploy(made, 'a');
    await succeeds(world, good);
    const bad = await world.deploy(made, 'crashes');
    await succeeds(world, bad);
    await until(
      async () => (await world.api.must({ path: `/deployments/${bad}` })).status === 'rolled_back',
      'the release to be rolled back',
      60_000,
    );
    const { currentArtifact } = await world.api.must({ path: `/workloads/${made.id}` });
    expectThat(currentArtifact.tag === 'a', `${currentArtifact.tag} is current`);
    await world.removeWorkload(made);
  },
};

export const health: readonly Fault[] = [...broken, poison, throwsOnce, flapping, crashLoop];
