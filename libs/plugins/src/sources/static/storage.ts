import type { Release, Step } from '../../source.js';
import { volumesStep } from '../../steps/volumes.js';
import type { StaticConfig } from './config.dto.js';
import { ROLE, volumeName } from './names.js';

/** Where the volume is in the container. */
export const STORAGE_PATH = '/data';

/** Facts: `mounts`. Over its limit, the site's volume may only be read by what is deployed from then on. */
export function siteVolumesStep(release: Release<StaticConfig>): Step {
  return {
    name: 'volumes',
    async run(io, facts) {
      const { storage_bytes: bytes } = await io.memo.read(ROLE);
      // By the limit of this release: it may be another one than that of the release before.
      const isOver = typeof bytes === 'number' && bytes > release.config.storageLimitMb * 1024 * 1024;
      if (isOver) io.log(`Storage is over its limit of ${release.config.storageLimitMb} MiB: read-only`, 'step');
      const storage = { scope: 'named', source: volumeName(release), target: STORAGE_PATH, readOnly: isOver } as const;
      const volumes = [...(release.volumes ?? []), ...(release.config.storageEnabled ? [storage] : [])];
      return volumesStep({ ...release, volumes }).run(io, facts);
    },
  };
}

export function storageOf(
  release: Release<StaticConfig>,
): { readonly volume: string; readonly limitMb: number; readonly role: string } | null {
  const { storageEnabled, storageLimitMb } = release.config;
  return storageEnabled ? { volume: volumeName(release), limitMb: storageLimitMb, role: ROLE } : null;
}
