import type { Fault } from '../fault.js';
import { nextVersion, succeeds } from '../deploys.js';
import { until } from '../../support/until.js';
import type { World } from '../../support/world/world.js';
import { DEPLOY_POINTS } from './points.js';

/** Paused past its lease: another one takes over, and the first does nothing more when it wakes. */
const paused: Fault[] = DEPLOY_POINTS.filter(({ point }) => point !== 'release').map((at) => ({
  name: `worker paused ${at.moment} ${at.point}`,
  rows: [7],
  isPause: true,
  async run(stage) {
    const { world, workload, random } = stage;
    const trap = world.failpoints.set(workload.id, { ...at, action: 'stop' });
    const before = await epochOf(world, workload.id);
    const id = await world.deploy(workload, nextVersion(stage));
    const pid = await trap.sprung();
    try {
      // Its own epoch is one more, its successor's two.
      if (random.next() < 0.7)
        await until(
          async () => (await epochOf(world, workload.id)) >= before + 2,
          'another worker to take over',
          30_000,
        );
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await succeeds(world, id);
  },
}));

async function epochOf({ store }: World, workloadId: string): Promise<number> {
  return (await store.leases.peek(`workload-${workloadId}`)).epoch;
}

export const pauses: readonly Fault[] = paused;
