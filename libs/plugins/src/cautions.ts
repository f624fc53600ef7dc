import type { Release } from './source.js';
import { resolveVolume } from './volumes/resolve-volume.js';

/** A release, whatever its source. */
type Any = Pick<Release, 'workloadId' | 'workloadName' | 'artifact' | 'faces' | 'volumes'>;

/**
 * What somebody should know of a blue-green deployment before it runs, though no request is lost: old and new run side
 * by side for a while. Pure; one sentence or two each.
 */
export function cautionsOf(release: Any, previous: Any | null): readonly string[] {
  if (previous === null) return ['Nothing serves yet: this is the first deployment, and there is no traffic to lose.'];
  return [...unrouted(release), ...sharedVolumes(release, previous)];
}

function unrouted({ faces }: Any): readonly string[] {
  if (faces.length > 0) return [];
  return ['It has no face, so there is nothing to switch: old and new work side by side until the old one is stopped.'];
}

function sharedVolumes(release: Any, previous: Any): readonly string[] {
  const before = new Set(writable(previous).map(({ place }) => place));
  const shared = writable(release).filter(({ place }) => before.has(place));
  return shared.map(({ target, what }) => {
    return `${target} (${what}) is writable: old and new write to it at the same time until the old one is stopped.`;
  });
}

interface Writable {
  readonly target: string;
  /** As the user knows it. */
  readonly what: string;
  /** Equal for what is the same data on the node. */
  readonly place: string;
}

function writable({ volumes = [], ...owner }: Any): readonly Writable[] {
  return volumes.flatMap((volume) => {
    // Any base will do: it is the same one for both.
    const resolved = resolveVolume(volume, { ...owner, base: '/' });
    if (volume.readOnly || resolved === null || resolved.kind === 'memory') return [];
    const place = resolved.kind === 'named' ? `volume ${resolved.name}` : resolved.path;
    return [{ target: volume.target, what: `${volume.scope} volume ${volume.source}`, place }];
  });
}
