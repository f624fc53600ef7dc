import type { Step } from '../source.js';
import { othersOf, type Owned } from './owned-containers.js';
import { pause } from './pause.js';

/** Requests that the old containers hold get this long to end, before anything is told to stop. */
export function drainStep(owned: Owned, drainSeconds: number): Step {
  return {
    name: 'drain',
    async run(io, facts) {
      await io.route.settled?.();
      const old = await othersOf(io, owned, facts);
      if (old.every(({ state }) => state !== 'running')) return {};
      io.log(`Draining ${old.length} old container(s) for ${drainSeconds} s`, 'step');
      await pause(io.clock, drainSeconds * 1000, io.signal);
      return {};
    },
  };
}
