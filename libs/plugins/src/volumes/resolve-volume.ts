import { dockerVolumeName, id8 } from '#domain/naming';
import type { Volume } from '#domain/volume';
import type { Artifact } from '../source.js';

/** Whose volume it is, and of which version. */
export interface VolumeOwner {
  readonly workloadId: string;
  readonly workloadName: string;
  /** Null before anything was deployed. */
  readonly artifact: Pick<Artifact, 'tag' | 'digest' | 'sha'> | null;
  /** The host directory of the settings. */
  readonly base: string | null;
}

export type ResolvedVolume =
  | { readonly kind: 'memory'; readonly target: string }
  /** `isOwn`: below `base`, in a directory of the workload's own; else a path that an admin has to allow. */
  | {
      readonly kind: 'directory';
      readonly isOwn: boolean;
      readonly path: string;
      readonly target: string;
      readonly readOnly: boolean;
    }
  /** `isOwn`: named after the workload, never shared; else one that an admin may list. */
  | {
      readonly kind: 'named';
      readonly isOwn: boolean;
      readonly name: string;
      readonly target: string;
      readonly readOnly: boolean;
    };

/** Where a volume is on its node. Pure; null where a directory has no base, or no version tells it yet. */
export function resolveVolume(volume: Volume, owner: VolumeOwner): ResolvedVolume | null {
  const { scope, source, target, readOnly } = volume;
  const directory = (path: string | null, isOwn: boolean): ResolvedVolume | null =>
    path === null ? null : { kind: 'directory', isOwn, path, target, readOnly };
  switch (scope) {
    case 'ephemeral':
      return { kind: 'memory', target };
    case 'absolute':
      return directory(source, false);
    case 'instance':
      return directory(owner.artifact && under(owner, `${versionPart(owner.artifact)}/${source}`), true);
    case 'stage':
    case 'project':
      return directory(under(owner, source), true);
    case 'project_named':
      return { kind: 'named', isOwn: true, name: dockerVolumeName(owner.workloadId, volume)!, target, readOnly };
    case 'named':
      return { kind: 'named', isOwn: false, name: source, target, readOnly };
  }
}

function under({ base, workloadName, workloadId }: VolumeOwner, path: string): string | null {
  return base === null ? null : `${base.replace(/\/+$/, '')}/${workloadName}-${id8(workloadId)}/${path}`;
}

/** The tag, else the first 12 of digest or commit; a branch's slash and whatever else a directory is not called by becomes a dash. */
function versionPart({ tag, digest, sha }: Pick<Artifact, 'tag' | 'digest' | 'sha'>): string {
  const version = tag ?? (digest?.replace(/^sha256:/, '') ?? sha)?.slice(0, 12) ?? 'latest';
  return `instance-${version.replaceAll(/[^A-Za-z0-9_.-]/g, '-')}`;
}
