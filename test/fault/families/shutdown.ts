import type { Fault } from '../fault.js';
import { expectThat } from '../fault.js';
import { busy, nextVersion, succeeds } from '../deploys.js';
import { ROLES } from '../../support/world/processes.js';
import { DEPLOY_POINTS } from './points.js';

/** Asked to end within a step: it ends at the next boundary with code 0, and another one goes on. */
const workers: Fault[] = DEPLOY_POINTS.filter(({ moment, point }) => moment === 'before' && point !== 'release').map(
  ({ point, moment }) => ({
    name: `worker asked to end in ${point}`,
    rows: [57],
    async run(stage) {
      const { world, workload } = stage;
      const trap = world.failpoints.set(workload.id, { point, moment, action: 'delay' });
      const id = await world.deploy(workload, nextVersion(stage));
      const role = world.processes.roleOf(await trap.sprung());
      // Another fault may have killed it in the same moment.
      if (role !== undefined) {
        const code = await world.processes.end(role, 'SIGTERM');
        expectThat(code === 0 || code === 'SIGKILL', `${role} ended with ${code}`);
      }
      await succeeds(world, id);
    },
  }),
);

const others: Fault[] = ROLES.map((role) => ({
  name: `${role} asked to end under work`,
  rows: [57],
  isAlone: true,
  async run(stage) {
    const seeThrough = await busy(stage);
    const code = await stage.world.processes.end(role, 'SIGTERM');
    expectThat(code === 0, `${role} ended with ${code}`);
    await seeThrough();
  },
}));

export const shutdowns: readonly Fault[] = [...workers, ...others];
