import type { DataSource } from 'typeorm';
import type { DeploymentRequest } from '#domain/deployment';
import { releaseOf } from '#domain/release';
import { Rejection } from '#domain/errors';
import { checkConfig } from '#plugins/config';
import type { Source } from '#plugins/source';
import { promotable, type Promotable } from '#store/promotable';
import type { Store } from '#store/store';
import type { Workload } from '#store/views/workload.entity';
import { requireVisible, type Identity } from '../access/identity.js';
import { requireSource } from './check-workload.js';
import type { Plugins } from '../dependencies.js';
import { findWorkload } from './find-workload.js';
import type { PromoteInput } from './release.dto.js';

export interface Promoting {
  readonly store: Store;
  readonly reads: DataSource;
  readonly plugins: Plugins;
}

/**
 * The request that runs another workload's very artifact with this one's own config, variables and faces. Throws
 * `no-parent`, `invalid-source-workload`, `not-found`, `parent-never-succeeded`, `other-source-kind`,
 * `other-repository`, `artifact-on-other-node`.
 */
export async function promotion(
  { store, reads, plugins }: Promoting,
  { who, row, id }: { readonly who: Identity; readonly row: Workload; readonly id: string },
  { workloadId, force = false }: PromoteInput,
): Promise<DeploymentRequest> {
  const upstreamId = upstreamOf(row, workloadId);
  requireVisible(who, upstreamId, 'workload to promote from');
  const upstream = await findWorkload(reads, who, upstreamId);
  if (upstream.sourceKind !== row.sourceKind) throw otherKind(row, upstream);
  const from = await promotable(store.pool, upstream.id, force);
  if (from === null) throw neverSucceeded(upstream, force);
  const isOfOther = !isSameSubject(requireSource(plugins, row.sourceKind), row, from);
  if (isOfOther && !force) throw otherRepository(row, from);
  requireReachable(row, upstream, from);
  const { name: workloadName, sourceKind, node } = row;
  return {
    ...{ id, workloadId: row.id, workloadName, sourceKind, node, reason: 'promote', bindingId: null, deliveryId: null },
    note: `${force ? 'hotfix from' : 'from'} ${upstream.name}`,
    release: releaseOf(row, from.artifact),
    promotedFrom: { workloadId: upstream.id, deploymentId: from.deploymentId, isHotfix: force },
  };
}

function upstreamOf({ id, name, parentId }: Workload, asked: string | null | undefined): string {
  if (asked?.toLowerCase() === id) {
    throw new Rejection('invalid-source-workload', 'A workload is not promoted from itself.', [
      { pointer: '/workloadId', detail: 'must be another workload' },
    ]);
  }
  const upstream = asked ?? parentId;
  if (upstream !== null) return upstream.toLowerCase();
  throw new Rejection(
    'no-parent',
    `Workload ${name} has no parent. Give it one, or name the workload to promote from.`,
  );
}

/** Both are about the same image or repository: else the digest would run under a name that is not its own. */
function isSameSubject(source: Source, row: Workload, { artifact, config }: Promotable): boolean {
  const mine = source.own(checkConfig(source.config, row.sourceConfig).value);
  const theirs = source.own(checkConfig(source.config, config).value);
  return mine.image === artifact.repository || (mine.image === theirs.image && mine.repo === theirs.repo);
}

function requireReachable(row: Workload, upstream: Workload, { artifact }: Promotable): void {
  const isPortable =
    artifact.digest !== null && !Object.values(artifact.images ?? {}).some((pin) => pin.startsWith('sha256:'));
  if (isPortable || row.node === upstream.node) return;
  throw new Rejection(
    'artifact-on-other-node',
    `What runs in ${upstream.name} is an image of node ${upstream.node} alone. Push it to a registry and deploy it from there first.`,
  );
}

function otherKind(row: Workload, upstream: Workload): Rejection {
  return new Rejection(
    'other-source-kind',
    `${upstream.name} is of source ${upstream.sourceKind}, ${row.name} of ${row.sourceKind}: its artifact cannot run here.`,
  );
}

function neverSucceeded({ name }: Workload, force: boolean): Rejection {
  const next = force ? 'Nothing was ever asked of it, either.' : 'Deploy it there first, or send force for a hotfix.';
  return new Rejection('parent-never-succeeded', `Nothing has succeeded in ${name} yet. ${next}`);
}

function otherRepository(row: Workload, { artifact }: Promotable): Rejection {
  return new Rejection(
    'other-repository',
    `What runs there is ${artifact.repository}, which is not what ${row.name} is made from. Change its config, or send force for a hotfix.`,
  );
}
