import { Rejection } from './errors.js';
import type { Face } from './face.js';
import { isSame } from './same.js';
import type { Volume } from './volume.js';
import type { Env } from './workload.js';

/** Pinned: what a deployment brings up and a rollback brings back. */
export interface ReleaseRecord {
  readonly artifact: {
    readonly kind: string;
    readonly repository: string;
    readonly tag: string | null;
    readonly digest: string | null;
    /** Id of an image that only the host has, found when it first ran: what pins it when it is brought back. */
    readonly localId?: string;
    /** Of a source that deploys commits: the commit, whole. */
    readonly sha?: string;
    /** Of a source with several images: which name stands for which; all of them once they ran. */
    readonly images?: Readonly<Record<string, string>>;
  };
  readonly config: Readonly<Record<string, unknown>>;
  readonly faces: readonly Face[];
  readonly env: Env;
  /** Version of the workload at which these variables were set; 0 = never any. */
  readonly envVersion?: number;
  /** Left out = none. */
  readonly volumes?: readonly Volume[];
}

/** What a workload is configured to run, as a release of it. */
export interface Releasable {
  readonly sourceConfig: Readonly<Record<string, unknown>>;
  readonly faces: readonly Face[];
  readonly env: Env;
  readonly envVersion: number;
  readonly volumes: readonly Volume[];
}

/** The one place where a workload's saved config becomes a release: what belongs to one is added here. */
export function releaseOf(
  { sourceConfig: config, faces, env, envVersion, volumes }: Releasable,
  artifact: ReleaseRecord['artifact'],
): ReleaseRecord {
  return { artifact, config, faces, env, envVersion, ...(volumes.length > 0 && { volumes }) };
}

/** Both bring up the same; what only tells where a release came from does not count. */
export function isSameRelease(left: ReleaseRecord, right: ReleaseRecord): boolean {
  return isSame(essence(left), essence(right));
}

function essence({ envVersion: _, volumes = [], artifact, ...release }: ReleaseRecord): object {
  const { localId: _id, ...version } = artifact;
  return { ...release, artifact: version, volumes };
}

/** Where an artifact came from that was not resolved anew. */
export interface Promotion {
  readonly workloadId: string;
  readonly deploymentId: string;
  /** Past the gate: it had not succeeded there, or is of another repository. */
  readonly isHotfix: boolean;
}

export function releasePruned(deploymentId: string): Rejection {
  return new Rejection(
    'release-pruned',
    `The release of deployment ${deploymentId} is kept no longer. Choose one of GET releases, or deploy its version again.`,
  );
}

export function neverSucceeded(deploymentId: string, status: string): Rejection {
  return new Rejection(
    'never-succeeded',
    `Deployment ${deploymentId} is ${status}: it has never served. Choose one of GET releases.`,
  );
}
