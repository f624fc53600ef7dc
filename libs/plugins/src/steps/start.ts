import type { Step } from '../source.js';
import { containersOf } from './container-facts.js';

/** Nothing of ours reached it yet: a failed deployment does not wait longer for it to go. */
const UNDO_STOP_SECONDS = 10;

export function startStep({ stopTimeoutSeconds }: { readonly stopTimeoutSeconds: number }): Step {
  return {
    name: 'start',
    async run(io, facts) {
      await Promise.all(containersOf(facts).map(({ containerId }) => io.docker.startContainer(containerId, io.signal)));
      return {};
    },
    async undo(io, facts) {
      const timeout = Math.min(stopTimeoutSeconds, UNDO_STOP_SECONDS);
      await Promise.all(
        containersOf(facts).map(({ containerId }) => io.docker.stopContainer(containerId, timeout, io.signal)),
      );
    },
  };
}
