import type { Mount } from '#docker/docker';
import type { Facts, Release, Step } from '../source.js';

/** Facts: `mounts`. Nothing is undone: data outlives every deployment. */
export function volumesStep(release: Release): Step {
  return {
    name: 'volumes',
    async run(io) {
      const mounts = await io.volumes.prepare(release);
      for (const mount of mounts) io.log(`${mount.target} is ${wordsFor(mount)}`, 'step');
      return { mounts };
    },
  };
}

export function mountsOf(facts: Facts): readonly Mount[] {
  return (facts['mounts'] as readonly Mount[] | undefined) ?? [];
}

function wordsFor(mount: Mount): string {
  if (mount.type === 'tmpfs') return 'memory';
  return `${mount.type === 'bind' ? mount.source : `volume ${mount.source}`}${mount.readOnly ? ', read-only' : ''}`;
}
