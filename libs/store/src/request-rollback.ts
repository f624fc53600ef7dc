import { DatabaseError, type Pool } from 'pg';
import type { DeploymentRequest } from '#domain/deployment';
import { Rejection } from '#domain/errors';
import type { RecordedEvent } from '#domain/event';
import { workload, type Policy } from '#domain/workload';
import type { Cause } from './decide.js';
import { hostOwner } from './hosts.js';
import { on, type Operation } from './operation.js';
import { findRelease, lastGoodRelease, type RetainedRelease } from './releases.js';
import { requestOperations } from './request-deployment.js';
import type { Statement } from './statement.js';
import type { Store } from './store.js';

export interface RollbackRequest {
  /** UUIDv7 of the deployment that brings the release back. */
  readonly id: string;
  readonly workloadId: string;
  /** Whose release is brought back; left out: the last good one before what serves. */
  readonly deploymentId?: string | null;
  /** Only while this deployment serves and nothing newer is under way; else `not-current`. For who acts unasked. */
  readonly from?: string | null;
  readonly note: string | null;
  /** ISO 8601: since when automatic triggers are held. */
  readonly at: string;
}

const ATTEMPTS = 5;

/**
 * Asks for a deployment that brings an earlier release back, whole, and holds automatic triggers, in one commit; a
 * waiting deployment gives way. Throws `nothing-to-roll-back-to`, `already-current`, `no-such-release`,
 * `never-succeeded`, `release-pruned`, `host-taken`, `not-current`, `not-found`, `workload-deleting`.
 */
export async function requestRollback(
  store: Store,
  wanted: RollbackRequest,
  cause: Cause,
): Promise<readonly RecordedEvent[]> {
  for (let attempt = 1; ; attempt += 1) {
    const situation = await situationOf(store.pool, wanted);
    const target = await targetOf(store.pool, wanted);
    await requireFreeHosts(store.pool, wanted.workloadId, target);
    try {
      const { events } = await store.commit(operations(wanted, situation, target), {
        ...cause,
        reads: { restored: { table: 'view.deployment', id: target.deploymentId } },
        extra: [servingStill(wanted, situation)],
      });
      return events;
    } catch (error) {
      if (!isRace(error) || attempt === ATTEMPTS) throw error;
    }
  }
}

interface Situation {
  readonly name: string;
  readonly sourceKind: string;
  readonly node: string;
  readonly current: string | null;
  readonly running: string | null;
  readonly waiting: string | null;
  readonly onNewer: Policy['onNewer'];
}

async function situationOf(pool: Pool, { workloadId, from = null }: RollbackRequest): Promise<Situation> {
  const { rows } = await pool.query<Situation>({
    name: 'rollback-situation',
    text: `select w.name, w.source_kind as "sourceKind", w.node, w.current_deployment_id as current,
        w.running_deployment_id as running, d.id as waiting, w.policy->>'onNewer' as "onNewer"
      from view.workload w left join view.deployment d on d.workload_id = w.id and d.status = 'waiting'
      where w.id = $1 and w.lifecycle <> 'gone'`,
    values: [workloadId],
  });
  const row = rows[0];
  if (row === undefined) throw new Rejection('not-found', 'There is no such workload.');
  if (from !== null && (row.current !== from || row.running !== null || row.waiting !== null)) {
    throw new Rejection('not-current', `Deployment ${from} does not serve any more, or a newer one is under way.`);
  }
  return row;
}

async function targetOf(pool: Pool, { workloadId, deploymentId = null }: RollbackRequest): Promise<RetainedRelease> {
  if (deploymentId === null) {
    const last = await lastGoodRelease(pool, workloadId);
    if (last !== null) return last;
    throw new Rejection('nothing-to-roll-back-to', 'No earlier release of this workload is kept that was good.');
  }
  const target = await findRelease(pool, workloadId, deploymentId);
  if (!target.isCurrent) return target;
  throw new Rejection('already-current', `The release of deployment ${deploymentId} is what runs now.`);
}

/** A host that the workload gave up since may be another one's by now. What is taken after this look meets the claim. */
async function requireFreeHosts(pool: Pool, workloadId: string, { release }: RetainedRelease): Promise<void> {
  const owner = await hostOwner(pool, { workloadId, faces: release.faces });
  if (owner === null) return;
  throw new Rejection(
    'host-taken',
    `That release serves ${owner.face}, which workload ${owner.owner} has by now. Remove it there first, or deploy instead.`,
  );
}

function operations(wanted: RollbackRequest, situation: Situation, target: RetainedRelease): readonly Operation[] {
  const { id, workloadId, note, at } = wanted;
  const { name: workloadName, sourceKind, node, running: runningId, waiting: waitingId, onNewer } = situation;
  const origin = { reason: 'rollback' as const, note, bindingId: null, deliveryId: null };
  const { deploymentId: restores, release } = target;
  const request: DeploymentRequest = { id, workloadId, workloadName, sourceKind, node, ...origin, release, restores };
  const hold = { type: 'SetHold', reason: `rolled back to ${labelOf(target)} by deployment ${id}`, at } as const;
  return [on(workload, workloadId, hold), ...requestOperations(request, { waitingId, runningId, onNewer })];
}

function labelOf({ release: { artifact } }: RetainedRelease): string {
  const { repository, tag, digest, localId } = artifact;
  if (tag !== null) return `${repository}:${tag}`;
  return `${repository}@${(digest ?? localId ?? 'unknown').slice(0, 19)}`;
}

function servingStill({ workloadId, from = null }: RollbackRequest, { current }: Situation): Statement {
  return { text: 'select log.assert_serving($1, $2, $3)', values: [workloadId, current, from !== null] };
}

/** Something was requested, or began to serve, between the look and the commit. */
function isRace(error: unknown): boolean {
  if (error instanceof Rejection) return error.code === 'already-waiting';
  return error instanceof DatabaseError && error.code === 'TF005';
}
