import { realpath } from 'node:fs/promises';
import type { Docker, Mount } from '#docker/docker';
import { TerminalError } from '#domain/errors';
import { LABELS } from '#domain/naming';
import type { Settings } from '#domain/settings';
import { isUnder } from '#domain/volume';
import type { Release, VolumesIo } from '#plugins/source';
import { resolveVolume, type ResolvedVolume } from '#plugins/volumes/resolve-volume';
import { allowedPath, notAllowed, ownDirectory } from './directories.js';

export interface VolumeDeps {
  readonly docker: Docker;
  readonly installation: string;
  readonly signal: AbortSignal;
  settings(): Promise<Settings>;
  /** Ours, and the engine's: no container may look into them. */
  readonly protectedPaths: readonly string[];
}

/** What a node does with the volumes of a release before anything of it starts. */
export function createVolumes(deps: VolumeDeps): VolumesIo {
  return {
    async prepare({ volumes = [], ...release }) {
      const settings = await deps.settings();
      const mounts: Mount[] = [];
      for (const volume of volumes) {
        const resolved = resolveVolume(volume, { ...release, base: settings.volumeBase });
        if (resolved === null) throw noBase(volume.target);
        mounts.push(await mountOf(deps, { resolved, settings, workloadId: release.workloadId }));
      }
      return mounts;
    },
  };
}

interface Wanted {
  readonly resolved: ResolvedVolume;
  readonly settings: Settings;
  readonly workloadId: Release['workloadId'];
}

async function mountOf(deps: VolumeDeps, { resolved, settings, workloadId }: Wanted): Promise<Mount> {
  const { target } = resolved;
  if (resolved.kind === 'memory') return { type: 'tmpfs', target };
  const { readOnly } = resolved;
  if (resolved.kind === 'named') {
    await ensureVolume(deps, { ...resolved, workloadId, listed: settings.allowedNamedVolumes });
    return { type: 'volume', source: resolved.name, target, readOnly };
  }
  const source = resolved.isOwn
    ? await ownDirectory(settings.volumeBase!, resolved.path)
    : await allowedPath(resolved.path, settings.allowedVolumePaths);
  await refuseProtected(source, resolved.isOwn, deps.protectedPaths);
  return { type: 'bind', source, target, readOnly };
}

interface NamedVolume {
  readonly name: string;
  readonly isOwn: boolean;
  readonly workloadId: string;
  readonly listed: readonly string[];
}

/** The workload's own, or one that an admin lists: never shared by the accident of a name. */
async function ensureVolume(deps: VolumeDeps, { name, isOwn, workloadId, listed }: NamedVolume): Promise<void> {
  const { docker, installation, signal } = deps;
  const labels = { [LABELS.workloadId]: workloadId, [LABELS.installation]: installation };
  const found = (await docker.inspectVolume(name, signal)) ?? (await docker.createVolume({ name, labels }, signal));
  const isPlain = found.driver === 'local' && Object.keys(found.options).length === 0;
  if (found.labels[LABELS.workloadId] === workloadId && isPlain) return;
  if (!isOwn && listed.includes(name)) return;
  const next = isOwn ? 'Rename or remove it.' : 'Choose another name, or have an admin add it to allowedNamedVolumes.';
  throw new TerminalError(
    'volume-foreign',
    `The volume ${name} exists and is not this workload's. ${next}`,
    'operator',
  );
}

/** Neither what stands in a protected place nor what holds one; our data folder may hold the base. */
async function refuseProtected(source: string, isOwn: boolean, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const real = await realpath(path).catch(() => path);
    const isInside = !isOwn && isUnder(source, real);
    if (isInside || isUnder(real, source)) throw notAllowed(`${source} would open ${path} to the container.`);
  }
}

function noBase(target: string): TerminalError {
  const text = `The volume at ${target} needs the setting volumeBase, a directory on the host. Set it and deploy again.`;
  return new TerminalError('volume-base-missing', text, 'operator');
}
