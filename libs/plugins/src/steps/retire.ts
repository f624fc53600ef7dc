import type { Step } from '../source.js';
import { allOf, othersOf, removeContainers, type Owned } from './owned-containers.js';

export function retireStep(owned: Owned, stopTimeoutSeconds: number): Step {
  return {
    name: 'retire',
    async run(io, facts) {
      await io.route.settled?.();
      await removeContainers(io, await othersOf(io, owned, facts), stopTimeoutSeconds);
      await io.networks.tidy();
      return {};
    },
  };
}

/** Everything of the workload, whichever deployment it is of. */
export function removeAllStep(workload: Omit<Owned, 'deploymentId'>, stopTimeoutSeconds: number): Step {
  return {
    name: 'remove',
    async run(io) {
      await removeContainers(io, await allOf(io, workload), stopTimeoutSeconds);
      await io.networks.tidy();
      return {};
    },
  };
}
